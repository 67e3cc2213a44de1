"""Whatever a caller passes, the answer is one of our errors and names the argument; nothing is half done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from orchestrator import OutreachOrchestrator, errors
from orchestrator.repository import OutreachRepository
from tests.samples import MEMO_URL, SCORE, TENANT, facade, new_uuid, property_record

ODD: list[Any] = [
    None,
    5,
    -1,
    0,
    1.5,
    float("nan"),
    10**30,
    "",
    "x",
    "\x00",
    b"x",
    [],
    {},
    [None],
    {"a": object()},
    True,
]
ODD.append(datetime(2026, 1, 1))
OTHER = new_uuid()

CALLS: dict[str, Callable[[OutreachOrchestrator, str, Any], object]] = {
    "tenant_id": lambda o, _, v: o.create_campaign(v, property_record(), SCORE, MEMO_URL),
    "property_record": lambda o, _, v: o.create_campaign(TENANT, v, SCORE, MEMO_URL),
    "score_result": lambda o, _, v: o.create_campaign(TENANT, property_record(), v, MEMO_URL),
    "memo_url": lambda o, _, v: o.create_campaign(TENANT, property_record(), SCORE, v),
    "scheduled_at": lambda o, _, v: o.create_campaign(TENANT, property_record(), SCORE, MEMO_URL, v),
    "batch": lambda o, _, v: o.create_campaign(TENANT, property_record(), SCORE, MEMO_URL, batch=v),
    "context": lambda o, _, v: o.create_campaign(TENANT, property_record(), SCORE, MEMO_URL, context=v),
    "item": lambda o, _, v: list(o.create_campaigns(TENANT, [v])),
    "campaign_id": lambda o, _, v: o.get_campaign(v, TENANT),
    "status": lambda o, _, v: o.get_campaigns_by_status(v, TENANT),
    "status limit": lambda o, _, v: o.get_campaigns_by_status("sent", TENANT, v),
    "sent campaign": lambda o, _, v: o.send_campaign(v, TENANT),
    "sent record": lambda o, c, v: o.send_campaign(OTHER, TENANT, v, SCORE),
    "due limit": lambda o, _, v: o.send_due(v),
    "due concurrency": lambda o, _, v: o.send_due(1, v),
    "rescheduled": lambda o, c, v: o.reschedule_campaign(c, TENANT, v),
    "greeting": lambda o, c, v: o.update_campaign(c, TENANT, greeting=v),
    "changed batch": lambda o, c, v: o.update_campaign(c, TENANT, batch=v),
    "changed record": lambda o, c, v: o.update_campaign(c, TENANT, property_record=v),
    "unknown change": lambda o, c, v: o.update_campaign(c, TENANT, owner_email=v),
    "retried": lambda o, _, v: o.retry_failed(TENANT, v),
    "funnel batch": lambda o, _, v: o.get_funnel(TENANT, v),
    "webhook": lambda o, _, v: o.handle_webhook(v),
    "webhook event": lambda o, c, v: o.handle_webhook({"event": v, "campaign_id": c}),
    "webhook time": lambda o, c, v: o.handle_webhook({"event": "processed", "campaign_id": c, "timestamp": v}),
    "webhook tenant": lambda o, c, v: o.handle_webhook({"event": "open", "campaign_id": c, "tenant_id": v}),
    "token": lambda o, _, v: o.unsubscribe(v),
    "token to undo": lambda o, _, v: o.undo_unsubscribe(v),
    "relayed": lambda o, _, v: o.relay_events(None, v),
    "reply text": lambda o, c, v: o.record_reply(c, TENANT, v),
    "reply time": lambda o, c, v: o.record_reply(c, TENANT, "Yes", occurred_at=v),
    "reply interest": lambda o, c, v: o.record_reply(c, TENANT, "No", is_interested=v),
}


@pytest.mark.parametrize("name", CALLS)
def test_odd_arguments_are_refused_in_our_words_or_taken(repository: OutreachRepository, name: str) -> None:
    told: list[str] = []
    with facade(repository, base_url="https://go.sender.test") as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL, "2100-01-01T00:00:00Z")
        for odd in ODD:
            try:
                CALLS[name](orchestrator, campaign.id, odd)
            except (errors.ValidationError, errors.CampaignNotFound, errors.InvalidState, errors.MalformedPayload) as e:
                told.append(str(e))
        assert all(told)
        assert orchestrator.get_statistics(TENANT)


def test_a_change_that_is_none_is_named(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
        with pytest.raises(errors.ValidationError, match="owner_email") as caught:
            orchestrator.update_campaign(campaign.id, TENANT, owner_email="new@owners.test")
        assert "property_record" in str(caught.value.fix)


@pytest.mark.parametrize("limit", [0, -1, None, "10", True, 2_000_000])
def test_a_limit_is_a_whole_number_of_at_least_one(repository: OutreachRepository, limit: Any) -> None:
    with facade(repository) as (orchestrator, _), pytest.raises(ValueError, match="limit: must be a whole number"):
        orchestrator.get_campaigns_by_status("sent", TENANT, limit)
