"""Facts about one campaign lead to the same rows, noted together, one by one or the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import OutreachOrchestrator
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.events import Fact
from orchestrator.domain.message import MessageState, OutreachMessage
from orchestrator.repository import OutreachRepository
from orchestrator.repository.campaigns import LeanCampaign
from orchestrator.repository.messages import LeanMessage
from orchestrator.services.recording.facts import Report
from orchestrator.services.recording.standing import Standings
from tests.samples import MEMO_URL, SCORE, TENANT, facade, property_record

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CAMPAIGN = OutreachCampaign(
    id="c", tenant_id="t", property_id="p", owner_name=None, owner_email="a@b.test", status=OutreachStatus.SCHEDULED,
    subject="s", memo_url=MEMO_URL, created_at=NOON, updated_at=NOON, owner_address_key="a@b.test",
)  # fmt: skip
KEY = (CAMPAIGN.tenant_id, CAMPAIGN.id)
ATTEMPTS = [
    OutreachMessage(
        id=f"m{number}", tenant_id="t", campaign_id="c", step=1, attempt=number, state=state, created_at=NOON,
        sent_at=NOON, accepted_at=NOON,
    )
    for number, state in ((1, MessageState.SUPERSEDED), (2, MessageState.ACCEPTED))
]  # fmt: skip


def lean(row: Any, kind: type[LeanCampaign | LeanMessage]) -> Any:
    return kind(**{name: getattr(row, name) for name in kind._fields})


def report(attempt: str, fact: Fact, hours: int) -> tuple[Report, datetime]:
    known = Report(tenant_id="t", campaign_id="c", fact=fact, event_type="e", dedupe_key="k", message_id=attempt)
    return known, NOON + timedelta(hours=hours)


def outcome(standings: Standings, batches: Sequence[Sequence[tuple[Report, datetime]]]) -> dict[str, Any]:
    for batch in batches:
        standings.note(batch, NOON)
    told = sorted(event.type for _, events in standings.published() for event in events)
    return {
        "campaign": standings.campaign_changes(), "attempts": standings.message_changes(), "told": told,
        "counted": standings.count_changes(), "statuses": standings.statuses(),
    }  # fmt: skip


facts = st.lists(
    st.tuples(st.sampled_from(["m1", "m2"]), st.sampled_from(sorted(Fact)), st.integers(-5, 5)).map(
        lambda known: report(*known)
    ),
    max_size=8,
)


@given(facts)
def test_together_one_by_one_backwards_and_on_lean_rows_facts_lead_to_the_same(
    noted: list[tuple[Report, datetime]],
) -> None:
    def whole() -> Standings:
        return Standings({KEY: CAMPAIGN}, {KEY: ATTEMPTS})

    leaner = Standings({KEY: lean(CAMPAIGN, LeanCampaign)}, {KEY: [lean(m, LeanMessage) for m in ATTEMPTS]})
    together = outcome(whole(), [noted])
    assert together == outcome(whole(), [[each] for each in noted])
    assert together == outcome(whole(), [noted[::-1]])
    assert together == outcome(leaner, [noted])


@pytest.mark.parametrize("repeated", [0, 1, 60])
def test_a_large_batch_that_repeats_known_events_stores_exactly_the_others(
    repository: OutreachRepository, repeated: int
) -> None:
    with facade(repository) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
        batch = [opened(campaign, second) for second in range(120)]
        orchestrator.handle_webhook(batch[:repeated])
        answers = orchestrator.handle_webhook([*batch, batch[-1]][: 120 + min(repeated, 1)])
        assert {answer["status"] for answer in answers} == {"opened"}
        assert count_opened(orchestrator, campaign) == 120


def opened(campaign: OutreachCampaign, second: int) -> dict[str, Any]:
    at = int((campaign.created_at + timedelta(seconds=second)).timestamp())
    return {
        "event": "open",
        "timestamp": at,
        "campaign_id": campaign.id,
        "tenant_id": TENANT,
        "sg_event_id": f"{second}",
    }


def count_opened(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> int:
    return sum(event.event_type == "opened" for event in orchestrator.get_events(campaign.id, TENANT))


def test_evidence_about_one_step_leaves_the_reserved_attempt_of_another_alone() -> None:
    attempts = [
        OutreachMessage(
            id=f"s{step}", tenant_id="t", campaign_id="c", step=step, attempt=1, state=state, created_at=NOON
        )
        for step, state in ((1, MessageState.LOST), (2, MessageState.RESERVED))
    ]
    standings = Standings({KEY: CAMPAIGN}, {KEY: attempts})
    standings.note([report("s1", Fact.PROCESSED, 0)], NOON)
    assert [str(attempt.state) for attempt in standings.attempts(KEY)] == ["accepted", "reserved"]
    standings.note([report("s1", Fact.COMPLAINED, 1)], NOON)
    assert [str(attempt.state) for attempt in standings.attempts(KEY)] == ["accepted", "voided"]
