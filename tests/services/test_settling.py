"""Writing down that mails were accepted: the short way ends exactly where the general one does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator import OutreachOrchestrator
from orchestrator.clock import ManualClock
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.message import Accepted
from orchestrator.repository import OutreachRepository, addresses, outbox, statistics, tables
from orchestrator.services.sending import batch, settle
from orchestrator.services.sending.ledger import Claim
from tests import samples
from tests.samples import facade

#: What differs between two campaigns to which the same happened.
OWN = {"id", "property_id", "campaign_id", "message_id", "dedupe_key", "lease_token", "subject", "owner_email",
       "owner_address_key", "address_key", "property_record"}  # fmt: skip


@pytest.fixture
def repository(dsn: str, manual_clock: ManualClock) -> Iterator[OutreachRepository]:
    """A repository whose clock stands still."""
    opened = OutreachRepository(dsn, clock=manual_clock)
    yield opened
    opened.close()


def _claimed(orchestrator: OutreachOrchestrator) -> list[Claim]:
    """Create one campaign and hand its mail over, as a dispatcher does."""
    orchestrator.create_campaign(**samples.item(), tenant_id=samples.TENANT)
    services = orchestrator.services
    with services.begin() as tx:
        claims = batch.claim_due(tx, 10, None).claims
    mails = [(claimed, services.composer.compose(claimed.campaign, claimed.message.id)) for claimed in claims]
    with services.begin() as tx:
        assert batch.hand(tx, mails, "account") == {}
    return claims


def _everything(repository: OutreachRepository, campaign_id: str) -> dict[str, Any]:
    """What the database holds about a campaign, without what is its own."""
    with repository.reading() as tx:
        found: dict[str, Any] = {}
        for table in (tables.campaigns, tables.messages, tables.events):
            column = table.c.id if table is tables.campaigns else table.c.campaign_id
            rows = tx.execute(sa.select(table).where(column == campaign_id).order_by(table.c.id)).all()
            found[table.name] = [{k: v for k, v in row._mapping.items() if k not in OWN} for row in rows]
        for event in found["outreach_events"]:
            event["event_data"].pop("outreach_message_id", None)
        payloads = tx.execute(sa.select(tables.outbox.c.payload).order_by(tables.outbox.c.id)).scalars()
        mine = [p for p in payloads if p["data"]["campaign_id"] == campaign_id]
        found["outbox"] = [(p["type"], p["time"], p["data"]["status"], sorted(p), sorted(p["data"])) for p in mine]
        found["unpublished"] = outbox.count_unpublished(tx) > 0
    return found


def test_the_short_way_ends_where_the_general_one_does(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        short, long = _claimed(orchestrator), _claimed(orchestrator)
        with orchestrator.services.begin() as tx:
            assert settle.first_news(tx, [(short[0], Accepted("from-sendgrid"))]) == []
        with orchestrator.services.begin() as tx:
            settle.accepted(tx, [(long[0], Accepted("from-sendgrid"))])
        one, other = (_everything(repository, c[0].campaign.id) for c in (short, long))
        assert one == other
        assert one["outreach_campaigns"][0]["status"] == "sent"
        assert one["outreach_messages"][0]["state"] == "accepted"
        assert [event["event_type"] for event in one["outreach_events"]] == ["scheduled", "sent"]
        assert [type_ for type_, *_ in one["outbox"]] == ["event.outreach.scheduled", "event.outreach.sent"]
        with repository.reading() as tx:
            assert statistics.by_status(tx, samples.TENANT) == {"sent": 2}
            assert statistics.by_status_recounted(tx, samples.TENANT) == {"sent": 2}


def test_settling_twice_changes_nothing(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        claims = _claimed(orchestrator)
        outcomes = [(claims[0], Accepted("from-sendgrid"))]
        with orchestrator.services.begin() as tx:
            assert settle.first_news(tx, outcomes) == []
        with orchestrator.services.begin() as tx:  # the commit's answer was lost, so it is written again
            assert settle.first_news(tx, outcomes) == outcomes
        with orchestrator.services.begin() as tx:
            settle.accepted(tx, outcomes)
        found = _everything(repository, claims[0].campaign.id)
        assert [event["event_type"] for event in found["outreach_events"]] == ["scheduled", "sent"]
        assert orchestrator.get_statistics(samples.TENANT) == {"sent": 1}


@pytest.mark.parametrize("event", ["delivered", "bounce"])
def test_news_that_was_faster_is_not_overwritten(repository: OutreachRepository, event: str) -> None:
    with facade(repository) as (orchestrator, _):
        claims = _claimed(orchestrator)
        ids = {"tenant_id": samples.TENANT, "outreach_message_id": claims[0].message.id}
        result = orchestrator.handle_webhook({"event": event, "timestamp": 1767625200, **ids})
        outcomes = [(claims[0], Accepted("from-sendgrid"))]
        with orchestrator.services.begin() as tx:
            assert settle.first_news(tx, outcomes) == outcomes
        with orchestrator.services.begin() as tx:
            settle.accepted(tx, outcomes)
        campaign = orchestrator.get_campaign(claims[0].campaign.id, samples.TENANT)
        assert campaign is not None
        assert campaign.status == result["status"] == {"delivered": "delivered", "bounce": "bounced"}[event]
        assert campaign.sendgrid_message_id == "from-sendgrid"
        assert orchestrator.get_statistics(samples.TENANT) == {campaign.status: 1}


def test_addresses_are_noted_only_where_something_leaves(
    repository: OutreachRepository, manual_clock: ManualClock
) -> None:
    with facade(repository) as (orchestrator, _):
        claims = _claimed(orchestrator)
        with repository.reading() as tx:
            rows = tx.execute(sa.select(tables.addresses)).all()
        assert [asdict(claims[0].campaign)["owner_address_key"]] == [row.address_key for row in rows]
        assert rows[0].last_handed_at == manual_clock.now()


def test_an_address_that_is_refused_is_not_noted(repository: OutreachRepository, manual_clock: ManualClock) -> None:
    with facade(repository) as (orchestrator, _):
        orchestrator.create_campaign(**samples.item(), tenant_id=samples.TENANT)
        with orchestrator.services.begin() as tx:
            claims = batch.claim_due(tx, 10, None).claims
            key = (samples.TENANT, claims[0].campaign.owner_address_key)
            samples.suppress(tx, key, SuppressionReason.UNSUBSCRIBE, "a person")
        mail = orchestrator.services.composer.compose(claims[0].campaign, claims[0].message.id)
        with orchestrator.services.begin() as tx:
            answers = batch.hand(tx, [(claims[0], mail)], "account")
        assert [answer.status for answer in answers.values()] == ["suppressed"]
        with repository.reading() as tx:
            assert addresses.get_many(tx, [key])[key].last_handed_at is None
        assert orchestrator.get_statistics(samples.TENANT) == {"suppressed": 1}
