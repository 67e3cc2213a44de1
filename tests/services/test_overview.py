"""How things stand, told at a cost that does not grow; heartbeats; and what is deleted when it is old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.clock import ManualClock
from orchestrator.domain.message import Outcome, OutgoingMail, Unknown
from orchestrator.publishers.memory import MemoryPublisher
from orchestrator.repository import OutreachRepository, accounts, tables
from orchestrator.services.upkeep import maintenance
from orchestrator.services.upkeep.doctor import Level
from tests.samples import OTHER_TENANT, TENANT, facade, item

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clocked(dsn: str, manual_clock: ManualClock):
    repository = OutreachRepository(dsn, clock=manual_clock)
    yield repository
    repository.close()


def test_an_empty_installation_has_nothing_to_tell(repository: OutreachRepository):
    with facade(repository) as (orchestrator, _):
        status = orchestrator.operations.status()
    assert (status.workers, status.queues, status.paused) == ([], [], [])
    assert (status.in_doubt, status.held, status.unpublished, status.oldest_unpublished_at) == (0, 0, 0, None)


def test_queues_are_told_by_tenant_the_longest_waiting_first(clocked: OutreachRepository, manual_clock: ManualClock):
    with facade(clocked) as (orchestrator, _):
        start = manual_clock.now()
        orchestrator.create_campaign(OTHER_TENANT, **item())
        manual_clock.advance(timedelta(minutes=2))
        for number in range(3):
            orchestrator.create_campaign(TENANT, **item(f"owner{number}@owners.test"))
        orchestrator.create_campaign(TENANT, **item("later@owners.test"), scheduled_at=start + DAY)
        manual_clock.advance(timedelta(minutes=1))
        status = orchestrator.operations.status()
    assert [(q.tenant_id, q.due, q.scheduled, q.waiting) for q in status.queues] == [
        (OTHER_TENANT, 1, 1, 180.0),
        (TENANT, 3, 4, 60.0),
    ]
    assert (status.unpublished, status.oldest_unpublished_at) == (5, start)


def test_what_is_not_due_waits_for_no_time(clocked: OutreachRepository, manual_clock: ManualClock):
    with facade(clocked) as (orchestrator, _):
        orchestrator.create_campaign(TENANT, **item(), scheduled_at=manual_clock.now() + HOUR)
        (queue,) = orchestrator.operations.status().queues
    assert (queue.due, queue.waiting, queue.next_send_at) == (0, 0.0, manual_clock.now() + HOUR)


def test_mails_in_doubt_are_counted(repository: OutreachRepository):
    def lose(_mail: OutgoingMail) -> Outcome:
        return Unknown("the answer was lost")

    with facade(repository, lose) as (orchestrator, _):
        orchestrator.create_campaign(TENANT, **item())
        assert orchestrator.send_due() == {"in_doubt": 1}
        assert orchestrator.operations.status().in_doubt == 1


def test_held_campaigns_and_pauses_are_told_with_their_reason(clocked: OutreachRepository, manual_clock: ManualClock):
    with facade(clocked) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, **item())
        with clocked.transaction() as tx:
            held = {"next_send_at": None, "hold_reason": "look at it"}
            tx.execute(tables.campaigns.update().where(tables.campaigns.c.id == campaign.id).values(held))
            paused = {"account": "a1", "paused_at": tx.now(), "pause_kind": "refused", "pause_reason": "HTTP 401"}
            tx.execute(tables.accounts.insert().values(paused))
        status = orchestrator.operations.status()
    assert status.held == 1
    assert [(p.what, p.kind, p.reason, p.since) for p in status.paused] == [
        ("account a1", "refused", "HTTP 401", manual_clock.now())
    ]


def test_an_account_that_was_asked_to_wait_is_told_until_it_may_go_on(
    clocked: OutreachRepository, manual_clock: ManualClock
):
    until = manual_clock.now() + HOUR
    with facade(clocked) as (orchestrator, _):
        with clocked.transaction() as tx:
            accounts.hold_off(tx, "a1", until)
            accounts.pause(tx, accounts.EVERY, accounts.PauseKind.OPERATOR, "look at it")
        status, found = orchestrator.operations.status(), orchestrator.operations.doctor()
        assert [(h.what, h.until) for h in status.held_off] == [("account a1", until)]
        assert [p.what for p in status.paused] == ["every account"]
        told = {finding.name: (finding.level, finding.detail) for finding in found.findings}
        shown = f"held off: SendGrid asked for nothing before {until:%Y-%m-%dT%H:%M:%S}Z"
        assert told["account a1"] == (Level.NOTE, shown)
        assert told["every account"][0] is Level.NOTE
        manual_clock.advance(HOUR)
        assert orchestrator.operations.status().held_off == []
        assert "account a1" not in {finding.name for finding in orchestrator.operations.doctor().findings}


def test_a_process_is_alive_until_nobody_has_seen_it_for_fifteen_seconds(
    clocked: OutreachRepository, manual_clock: ManualClock
):
    with facade(clocked) as (orchestrator, _):
        pulse = orchestrator.operations.pulse("worker")
        born = manual_clock.now()
        pulse.beat("running", 0)
        manual_clock.advance(timedelta(seconds=5))
        pulse.beat("draining", 7)
        manual_clock.advance(timedelta(seconds=14))
        (worker,) = orchestrator.operations.status().workers
        assert (worker.kind, worker.state, worker.sent, worker.alive) == ("worker", "draining", 7, True)
        assert (worker.started_at, worker.seen_at) == (born, born + timedelta(seconds=5))
        manual_clock.advance(timedelta(seconds=1))
        assert [w.alive for w in orchestrator.operations.status().workers] == [False]
        pulse.beat("stopped", 7)
        assert orchestrator.operations.status().workers == []


def test_maintenance_deletes_what_is_old_and_nothing_else(clocked: OutreachRepository, manual_clock: ManualClock):
    with facade(clocked) as (orchestrator, _):
        orchestrator.operations.pulse("service").beat("running", 0)
        for number in range(3):
            orchestrator.create_campaign(TENANT, **item(f"owner{number}@owners.test"))
        orchestrator.relay_events(MemoryPublisher())
        orchestrator.create_campaign(TENANT, **item("unpublished@owners.test"))
        orchestrator.handle_webhook({"event": "open", "sg_event_id": "of nobody", "timestamp": 1767625200})
        manual_clock.advance(7 * DAY)
        assert orchestrator.operations.maintain() == {"workers": 1}
        manual_clock.advance(HOUR)
        assert orchestrator.operations.maintain() == {"outbox": 3}
        manual_clock.advance(83 * DAY)
        assert orchestrator.operations.maintain() == {"unmatched_events": 1}
        assert orchestrator.operations.status().unpublished == 1
        assert orchestrator.get_statistics(TENANT) == {"scheduled": 4}


def test_maintenance_works_through_more_than_one_chunk(clocked: OutreachRepository, manual_clock: ManualClock):
    count = maintenance.CHUNK * 2 + 1
    with facade(clocked) as (orchestrator, _):
        owners = (item(f"owner{number}@owners.test") for number in range(count))
        assert sum(1 for _ in orchestrator.create_campaigns(TENANT, owners)) == count
        with clocked.transaction() as tx:
            tx.execute(tables.outbox.update().values(published_at=tx.now()))
        manual_clock.advance(8 * DAY)
        assert orchestrator.operations.maintain() == {"outbox": count}


def test_maintenance_happens_once_an_hour_however_many_ask(clocked: OutreachRepository, manual_clock: ManualClock):
    with facade(clocked) as (orchestrator, _):
        orchestrator.operations.maintain()
        orchestrator.create_campaign(TENANT, **item())
        with clocked.transaction() as tx:
            tx.execute(tables.outbox.update().values(published_at=tx.now() - 8 * DAY))
        manual_clock.advance(timedelta(minutes=59))
        assert orchestrator.operations.maintain() == {}
        manual_clock.advance(timedelta(minutes=1))
        assert orchestrator.operations.maintain() == {"outbox": 1}


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_no_question_of_the_overview_reads_the_whole_table(repository: OutreachRepository):
    """With a planner that may not read tables from end to end, a plan that does so says that no index fits."""
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")) and "outreach_" in statement:
            with connection.connection.driver_connection.cursor() as other:
                other.execute("SET LOCAL enable_seqscan = off")
                other.execute(f"EXPLAIN {statement}", parameters)
                plans.append("\n".join(row[0] for row in other))

    with facade(repository) as (orchestrator, _):
        orchestrator.create_campaign(TENANT, **item())
        engine = repository._engine
        sa.event.listen(engine, "before_cursor_execute", explain)
        orchestrator.operations.status()
        sa.event.remove(engine, "before_cursor_execute", explain)
    assert len(plans) >= 3
    assert [plan for plan in plans if "Seq Scan on outreach_" in plan] == []
