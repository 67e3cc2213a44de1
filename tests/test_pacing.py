"""Waiting between tries, the distance of mails under a rate, and how many may be on their way."""

from __future__ import annotations

import math
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.pacing import LATE, InFlight, backoff, slot_distance


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (10_000, 30.0)])
def test_the_span_doubles_up_to_the_cap(attempt: int, longest: float) -> None:
    assert backoff(attempt, random=lambda: 1.0) == longest
    assert backoff(attempt, random=lambda: 0.0) == 0.0
    assert backoff(attempt, random=lambda: 0.5) == longest / 2


def test_what_the_provider_asks_for_is_waited_in_full_even_above_the_cap() -> None:
    assert backoff(1, retry_after=120.0, random=lambda: 0.0) == 120.0


def test_senders_told_the_same_moment_do_not_come_back_together() -> None:
    assert backoff(1, retry_after=10.0, random=lambda: 0.2) != backoff(1, retry_after=10.0, random=lambda: 0.8)


def test_base_and_cap_are_the_callers() -> None:
    assert backoff(3, base=2.0, cap=5.0, random=lambda: 1.0) == 5.0
    assert backoff(2, base=2.0, cap=5.0, random=lambda: 1.0) == 4.0


@settings(deadline=None)
@given(st.integers(-5, 10**6), st.none() | st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_never_negative_never_too_early_never_much_too_late(attempt: int, wish: float | None, draw: float) -> None:
    wait = backoff(attempt, retry_after=wish, random=lambda: draw)
    assert (wish or 0.0) <= wait <= (wish or 0.0) + 30.0


RATES = st.sampled_from([0.1, 0.5, 1, 1.5, 2, 7, 10, 15, 20, 30, 50, 99.9, 200, 1000]) | st.floats(0.01, 2000)


@settings(deadline=None)
@given(RATES, st.lists(st.floats(0, LATE), min_size=1, max_size=40))
def test_no_second_sees_more_than_the_rate_and_five_percent_however_late_mails_leave(
    rate: float, lateness: list[float]
) -> None:
    distance = slot_distance(rate).total_seconds()
    slots = range(min(3000, int(3 / distance) + 40))
    leaving = sorted(slot * distance + lateness[slot % len(lateness)] for slot in slots)
    most = max(bisect_left(leaving, start + 1 - 1e-9) - number for number, start in enumerate(leaving))
    assert most <= max(math.ceil(rate), rate * 1.05)


@given(RATES)
def test_a_rate_loses_at_most_four_percent_to_being_exact(rate: float) -> None:
    assert 0.96 * rate <= 1 / slot_distance(rate).total_seconds() <= rate * 1.001


def answered(room: InFlight, n: int, *, good: bool = True, took: float = 0.05, at: float = 0.0) -> InFlight:
    for _ in range(n):
        room.answered(at, at + took, good=good)
    return room


def test_a_healthy_provider_gets_everything_within_the_first_few_hundred_mails() -> None:
    assert InFlight(200).limit == 32
    assert answered(InFlight(200), 170).limit == 200


def test_one_storm_halves_once_and_only_mails_that_left_afterwards_count_again() -> None:
    room = answered(InFlight(200), 300)
    answered(room, 50, good=False, at=10.0)
    assert room.limit == 100
    answered(room, 1, good=False, at=20.0)
    assert room.limit == 50
    answered(room, 50, at=30.0)
    assert room.limit == 50  # one more a round, not twice as many
    answered(room, 200, at=31.0)
    assert 52 <= room.limit <= 56


def test_answers_that_become_slow_count_as_a_struggling_provider() -> None:
    room = answered(InFlight(200), 300)
    answered(room, 40, took=5.0, at=10.0)
    assert room.limit < 200
    assert answered(answered(InFlight(200), 300), 300, took=0.5, at=10.0).limit == 200  # a little slower is none


def test_slowness_that_lasts_is_answered_once_and_does_not_starve_anybody() -> None:
    room = answered(InFlight(200), 300, took=0.001)
    for second in range(100):
        answered(room, 100, took=1.5, at=10.0 + second)
    assert room.limit > 150


@given(
    st.integers(1, 500),
    st.lists(st.tuples(st.booleans(), st.floats(0, 1000), st.floats(0, 60)), max_size=200),
)
def test_the_room_is_never_empty_and_never_above_what_was_asked_for(
    most: int, answers: list[tuple[bool, float, float]]
) -> None:
    room = InFlight(most)
    for good, began, took in answers:
        room.answered(began, began + took, good=good)
        assert 1 <= room.limit <= most
