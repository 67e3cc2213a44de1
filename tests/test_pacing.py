"""Waiting between tries."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.pacing import backoff


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
