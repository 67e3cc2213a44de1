"""Whatever arrives, in whatever order, however often and on how many connections: one truth comes of it."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conformance.conftest import SENT_AT, Running
from tests.conformance.reports import KINDS, SUPPRESSING, Event, event, reading
from tests.conformance.rows import times
from tests.conformance.wire import connected
from tests.postgres import PostgresServer
from tests.samples import TENANT

SINCE = int(SENT_AT.timestamp())
Report = tuple[str, str, int]


def standing(service: Running, campaigns: list[str]) -> dict[str, Any]:
    rows = service.rows.campaigns(TENANT)
    return {id_: (rows[id_]["status"], times(rows[id_])) for id_ in campaigns}


def assert_counters_are_exact(service: Running) -> None:
    assert service.rows.counted(TENANT) == service.rows.recounted(TENANT)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_report_does_what_it_says_and_nothing_twice(service: Running, kind: str) -> None:
    emails = ["owner@owners.test", "owner@owners.test", "other@owners.test"]
    campaigns = service.create(emails)
    addresses = dict(zip(campaigns, emails, strict=True))
    report = event(kind, campaigns[0], SINCE + 60, sg_event_id="one")

    first = service.post([report])
    everything = service.rows.everything()
    again = service.post([report, report | {"sg_event_id": "another"}])

    assert (first.status, first.json) == (200, {"received": 1, "new": 1, "duplicate": 0, "unknown": 0})
    assert (again.status, again.json) == (200, {"received": 2, "new": 0, "duplicate": 2, "unknown": 0})
    assert service.rows.everything() == everything
    assert standing(service, campaigns) == reading([(kind, campaigns[0], SINCE + 60)], addresses)
    assert ("owner@owners.test" in service.rows.suppressed(TENANT)) == (kind in SUPPRESSING)
    assert_counters_are_exact(service)


def history(draw: random.Random, campaigns: list[str]) -> list[Report]:
    return [
        (draw.choice(sorted(KINDS)), draw.choice(campaigns), SINCE + draw.randint(1, 80_000))
        for _ in range(draw.randint(1, 40))
    ]


def delivery(draw: random.Random, reports: list[Report]) -> list[list[Event]]:
    """The reports as SendGrid might send them: shuffled, repeated, repeated under other ids, in batches of any size."""
    events = [event(*report, sg_event_id=f"id-{draw.getrandbits(60)}") for report in reports]
    events += [again | draw.choice([{}, {"sg_event_id": f"id-{draw.getrandbits(60)}"}]) for again in events[::2]]
    draw.shuffle(events)
    batches = []
    while events:
        size = draw.randint(1, 12)
        batches.append(events[:size])
        events = events[size:]
    return batches + batches[:2]  # whole batches are repeated, too


@pytest.mark.parametrize("seed", range(6))
def test_any_order_duplication_and_batching_end_in_the_naive_reading(service: Running, seed: int) -> None:
    draw = random.Random(seed)
    emails = [f"owner{number % 4}@owners.test" for number in range(6)]
    campaigns = service.create(emails)
    reports = history(draw, campaigns)
    batches = delivery(draw, reports)
    refused: list[Any] = []

    def send(mine: list[list[Event]]) -> None:
        with connected(service.port) as wire:
            refused.extend(a for a in (service.post(batch, wire) for batch in mine) if a.status != 200)

    senders = [threading.Thread(target=send, args=(batches[number::3],)) for number in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert refused == []
    assert standing(service, campaigns) == reading(reports, dict(zip(campaigns, emails, strict=True)))
    assert len(service.rows.reported(TENANT)) == len(set(reports))
    assert_counters_are_exact(service)


def test_eight_connections_on_the_same_campaigns_lose_nothing_and_never_deadlock(
    service: Running, request: pytest.FixtureRequest, database_kind: str
) -> None:
    emails = [f"owner{number % 7}@owners.test" for number in range(20)]
    campaigns = service.create(emails)
    reports: list[Report] = []
    statuses: Counter[int] = Counter()

    def send(sender: int) -> None:
        draw = random.Random(sender)
        with connected(service.port) as wire:
            for turn in range(6):
                chosen = draw.sample(campaigns, 12)
                mine = [
                    (draw.choice(sorted(KINDS)), c, SINCE + 1000 * sender + 100 * turn + n)
                    for n, c in enumerate(chosen)
                ]
                reports.extend(mine)
                statuses[service.post([event(*report, by=sender) for report in mine], wire).status] += 1

    senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert statuses == {200: 48}
    assert standing(service, campaigns) == reading(reports, dict(zip(campaigns, emails, strict=True)))
    assert len(service.rows.reported(TENANT)) == len(reports)
    assert_counters_are_exact(service)
    if database_kind == "postgresql":
        (row,) = service.rows.select("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert row["deadlocks"] == 0


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_while_the_database_is_away_the_answer_is_503_and_the_retry_is_taken(
    service: Running, postgres_server: PostgresServer
) -> None:
    (campaign,) = service.create(["owner@owners.test"])
    batch = [event("delivered", campaign, SINCE + 5)]
    name = str(service.orchestrator.repository.url.database)

    def allow(connections: bool) -> None:
        with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
            allowed = sql.SQL("true" if connections else "false")
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(name), allowed))
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    allow(False)
    away = service.post(batch)
    allow(True)
    back = service.post(batch)

    assert (away.status, away.json["type"].rsplit("/", 1)[1]) == (503, "database-unreachable")
    assert int(away.headers["retry-after"]) > 0
    assert (back.status, back.json["new"]) == (200, 1)
    assert service.rows.campaigns(TENANT)[campaign]["status"] == "delivered"
