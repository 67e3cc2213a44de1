"""The doctor, and deciding about a mail in doubt, from a terminal."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator import OutreachOrchestrator, errors
from orchestrator.app import create_service
from orchestrator.bootstrap import Parts
from orchestrator.cli.options import DEFAULT_TENANT
from orchestrator.clock import ManualClock, SystemClock, new_id
from orchestrator.domain.message import Unknown
from orchestrator.publishers.memory import MemoryPublisher
from orchestrator.repository import OutreachRepository, campaigns, endpoint
from orchestrator.transports.fake import FakeTransport
from tests.cli.conftest import Run
from tests.samples import facade, item


def in_doubt(dsn: str) -> tuple[str, str]:
    """Leave one mail in doubt that waits for a person; return the ids of its campaign and of the attempt."""
    clock = ManualClock(SystemClock().now() - timedelta(hours=30))
    repository = OutreachRepository(dsn, clock=clock)
    with facade(repository, lambda _: Unknown("the answer was lost"), clock=clock) as (orchestrator, _):
        (made,) = orchestrator.create_campaigns(DEFAULT_TENANT, [item()])
        assert made.campaign is not None
        with suppress(errors.SendInDoubt):
            orchestrator.send_campaign(made.campaign.id, DEFAULT_TENANT)
        clock.advance(timedelta(hours=26))
        assert orchestrator.operations.reconcile() == {"held": 1}
        (doubt,) = orchestrator.operations.doctor().in_doubt
    repository.close()
    return made.campaign.id, doubt.message_id


def test_the_doctor_finds_nothing_in_a_new_installation(cli: Run, database: str):
    told = cli("doctor", "--json")
    assert told.code == 0
    levels = {finding["name"]: finding["level"] for finding in told.json["findings"]}
    assert levels == {
        "database": "ok", "schema": "ok", "counters": "ok", "in doubt": "ok", "duplicates": "ok",
        "webhook endpoint": "note", "compliance": "note", "replies": "ok", "consent": "note",
    }  # fmt: skip


def test_the_doctor_lists_what_waits_for_a_person_and_the_person_decides(cli: Run, database: str):
    campaign_id, message_id = in_doubt(database)
    told = cli("doctor")
    assert told.code == 8
    assert f"{message_id}\t{item()['property_record']['owner']['email']}\t" in told.out
    assert "waits for you" in told.out
    assert "the answer was lost" in told.out
    assert "outreach resolve" in told.words
    assert cli("doctor", "--json").json["held"] == 1
    resolved = cli("resolve", message_id, "--sent", "--why", "seen in the feed", "--json")
    assert (resolved.code, resolved.json["campaign_id"], resolved.json["status"]) == (0, campaign_id, "sent")
    events = cli("campaign", "events", campaign_id, "--json").json
    (event,) = [event for event in events if event["event_type"] == "resolved"]
    assert event["event_data"]["reason"] == "seen in the feed"
    assert event["event_data"]["by"]
    assert cli("doctor").code == 0
    again = cli("resolve", message_id, "--resend", "--json")
    assert (again.code, again.problem["type"]) == (5, "/errors/invalid-state")


def test_resending_makes_the_campaign_due(cli: Run, database: str):
    _, message_id = in_doubt(database)
    resolved = cli("resolve", message_id, "--resend", "--tenant", DEFAULT_TENANT, "--json")
    assert (resolved.code, resolved.json["status"]) == (0, "scheduled")
    assert resolved.json["due"] is not None


def test_a_decision_must_be_one_and_about_something(cli: Run, sqlite_database: Path):
    assert cli("resolve", new_id()).code == 2
    assert cli("resolve", new_id(), "--sent", "--resend").code == 2
    unknown = cli("resolve", new_id(), "--sent", "--json")
    assert (unknown.code, unknown.problem["type"]) == (4, "/errors/attempt-not-found")


def test_a_counter_that_is_wrong_is_found(cli: Run, database: str):
    in_doubt(database)
    repository = OutreachRepository(database)
    with repository.transaction() as tx:
        (campaign,) = campaigns.page(tx, DEFAULT_TENANT, 1)
        campaigns.update(tx, [((DEFAULT_TENANT, campaign.id), {"status": "cancelled"})])
    repository.close()
    told = cli("doctor", "--json")
    assert told.code == 9
    (counters,) = [finding for finding in told.json["findings"] if finding["name"] == "counters"]
    assert "2 counters differ" in counters["detail"]


def test_the_doctor_says_when_the_database_is_not_there(cli: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_DSN", "postgresql://nobody@127.0.0.1:1/nothing")
    told = cli("doctor", "--json")
    assert told.code == 9
    assert json.loads(told.out)["level"] == "failed"


def test_the_service_gives_signs_of_life_while_it_serves(dsn: str):
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    orchestrator = OutreachOrchestrator(repository, parts=Parts(transport=FakeTransport(), clock=clock))
    beats: list[float] = []

    def up_through() -> object:
        with repository.reading() as tx:
            return endpoint.watched(tx).up_through(start)

    async def scenario() -> None:
        again = asyncio.Semaphore(0)
        beaten = asyncio.Event()

        async def pause(seconds: float) -> None:
            beats.append(seconds)
            beaten.set()
            await again.acquire()

        app = create_service(orchestrator, publisher=MemoryPublisher(), pause=pause)
        async with app.router.lifespan_context(app):
            await beaten.wait()
            assert up_through() == start
            clock.advance(timedelta(seconds=5))
            beaten.clear()
            again.release()
            await beaten.wait()
            assert up_through() == clock.now()
        clock.advance(timedelta(seconds=5))

    start = clock.now()
    asyncio.run(scenario())
    assert up_through() == start + timedelta(seconds=5)
    assert beats == [5.0, 5.0]
    orchestrator.close()
    repository.close()
