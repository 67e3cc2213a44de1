"""The state machine against a table written by hand, and against a naive reading of all facts at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.state_machine import page
from orchestrator import errors
from orchestrator.domain import lifecycle
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.events import Fact
from orchestrator.domain.lifecycle import Attempt, Command

EXPECTED = Path(__file__).with_name("lifecycle_expected.txt")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def expected_table() -> dict[tuple[str, str], str]:
    lines = [line.split() for line in EXPECTED.read_text().splitlines() if line and not line.startswith("#")]
    facts = lines[0][1:]
    return {
        (row[0], fact): row[0] if cell == "." else cell
        for row in lines[1:]
        for fact, cell in zip(facts, row[1:], strict=True)
    }


def test_every_status_and_fact_has_the_transition_written_down_by_hand() -> None:
    actual = {(str(s), str(f)): str(lifecycle.transition(s, f)) for s in OutreachStatus for f in Fact}
    assert actual == expected_table()


def test_the_page_in_the_docs_is_the_one_generated_from_the_table() -> None:
    written = Path(__file__).parents[2] / "docs" / "state-machine.md"
    assert written.read_text() == page(), "run: ./dev run python -m docs.state_machine"


# A naive reading, written without the code under test: look at everything that is known, take the highest.
RANKS = ["sent", "failed", "delivered", "opened", "clicked", "bounced", "responded", "unsubscribed", "complained"]
ARGUES = {
    "accepted": "sent", "processed": "sent", "deferred": "sent", "machine_opened": "sent", "rejected": "failed",
    "dropped": "failed", "blocked": "failed", "expired": "failed", "delivered": "delivered", "opened": "opened",
    "clicked": "clicked",
    "bounced": "bounced", "responded": "responded", "unsubscribed": "unsubscribed", "complained": "complained",
}  # fmt: skip
LASTING = {"bounced", "responded", "unsubscribed", "complained"}


def naive(reports: list[tuple[int, Fact, datetime]], last_attempt: int) -> tuple[str, dict[str, datetime]]:
    status, stamps = "scheduled", {}

    def stamp(name: str, at: datetime) -> None:
        stamps[name] = min(stamps.get(name, at), at)

    for attempt, fact, at in reports:
        if fact == "noted":
            continue
        if attempt == last_attempt:
            if fact != "rejected":
                stamp("sent_at", at)
            if fact == "clicked":
                stamp("opened_at", at)
            if fact == "machine_opened":
                stamp("machine_opened_at", at)
            elif fact not in LASTING and ARGUES[fact] != "sent":
                stamp(f"{ARGUES[fact]}_at", at)
        if fact in LASTING:
            stamp(f"{fact}_at", at)
        if attempt == last_attempt or fact in LASTING:
            status = max(status, ARGUES[fact], key=lambda s: RANKS.index(s) if s in RANKS else -1)
    return status, stamps


reports = st.lists(
    st.tuples(
        st.integers(1, 3), st.sampled_from(sorted(Fact)), st.integers(0, 5).map(lambda h: NOON + timedelta(hours=h))
    ),
    max_size=12,
)


@given(reports=reports, data=st.data())
def test_any_order_and_any_duplication_give_the_status_and_times_of_a_naive_reading(
    reports: list[tuple[int, Fact, datetime]], data: st.DataObject
) -> None:
    attempts = 3
    repeated = data.draw(st.lists(st.sampled_from(reports), max_size=6)) if reports else []
    arriving = data.draw(st.permutations(reports + repeated))
    per_attempt: dict[int, lifecycle.Stamps] = {number: {} for number in range(1, attempts + 1)}
    lasting: lifecycle.Stamps = {}
    for attempt, fact, at in arriving:
        per_attempt[attempt] = lifecycle.note(per_attempt[attempt], fact, at, lifecycle.PER_ATTEMPT)
        lasting = lifecycle.note(lasting, fact, at, lifecycle.PER_CAMPAIGN)
    standing = lifecycle.fold(
        OutreachStatus.SCHEDULED, lasting, [Attempt(1, number, stamps) for number, stamps in per_attempt.items()]
    )
    status, stamps = naive(reports, attempts)
    assert (str(standing.status), dict(standing.stamps)) == (status, stamps)


@given(facts=st.lists(st.sampled_from(sorted(Fact)), max_size=10))
def test_facts_one_by_one_end_where_the_table_says(facts: list[Fact]) -> None:
    status, stamps = OutreachStatus.SCHEDULED, {}
    for fact in facts:
        status = lifecycle.transition(status, fact)
        stamps = lifecycle.note(stamps, fact, NOON)
    assert lifecycle.fold(OutreachStatus.SCHEDULED, stamps, [Attempt(1, 1, stamps)]).status is status


def test_a_late_drop_of_the_first_attempt_does_not_fail_the_second() -> None:
    first = lifecycle.note({}, Fact.DROPPED, NOON)
    second = lifecycle.note({}, Fact.ACCEPTED, NOON)
    standing = lifecycle.fold(OutreachStatus.SCHEDULED, {}, [Attempt(1, 1, first), Attempt(1, 2, second)])
    assert standing.status is OutreachStatus.SENT
    assert "failed_at" not in standing.stamps


def test_a_withdrawn_attempt_counts_as_none_except_for_its_bounce() -> None:
    stamps = lifecycle.note(lifecycle.note({}, Fact.DELIVERED, NOON), Fact.BOUNCED, NOON)
    standing = lifecycle.fold(OutreachStatus.CANCELLED, {}, [Attempt(1, 1, stamps, withdrawn=True)])
    assert standing == lifecycle.Standing(OutreachStatus.BOUNCED, {"bounced_at": NOON})


def test_the_highest_step_decides_but_the_latest_attempt_of_each_step_counts() -> None:
    opened = lifecycle.note({}, Fact.OPENED, NOON)
    sent = lifecycle.note({}, Fact.ACCEPTED, NOON + timedelta(days=4))
    standing = lifecycle.fold(OutreachStatus.SCHEDULED, {}, [Attempt(2, 1, sent), Attempt(1, 1, opened)])
    assert standing.status is OutreachStatus.OPENED
    assert standing.stamps["sent_at"] == NOON


@pytest.mark.parametrize(
    ("reported", "believed"),
    [
        (NOON - timedelta(hours=23), True),
        (NOON + timedelta(days=400), True),
        (NOON - timedelta(hours=25), False),
        (NOON + timedelta(days=402), False),
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (datetime(9999, 1, 1, tzinfo=UTC), False),
        (None, False),
    ],
)
def test_a_time_that_cannot_be_true_is_replaced_by_the_time_of_arrival(
    reported: datetime | None, believed: bool
) -> None:
    arrived = NOON + timedelta(days=400, hours=6)
    assert lifecycle.clamp(reported, created_at=NOON, received_at=arrived) == (reported if believed else arrived)


@pytest.mark.parametrize("command", list(Command))
def test_a_command_that_does_not_fit_says_what_the_campaign_is_and_what_would_fit(command: Command) -> None:
    refused = [status for status in OutreachStatus if status not in lifecycle.ALLOWED[command]]
    assert refused
    for status in refused:
        with pytest.raises(errors.InvalidState, match=f"Cannot {command} a campaign that is {status}") as caught:
            lifecycle.require(command, status)
        assert caught.value.fix
    for status in lifecycle.ALLOWED[command]:
        lifecycle.require(command, status)
