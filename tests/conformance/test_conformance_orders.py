"""Any order, any duplication, any batching, any number of connections: the final state is that of a naive reading."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

import hypothesis
from hypothesis import strategies as st

from orchestrator.clock import ManualClock
from tests.conformance.conftest import SENT_AT, Running, running
from tests.conformance.reports import KINDS, Event, event, reading
from tests.conformance.rows import Rows, times
from tests.conformance.wire import Signer, connected
from tests.samples import TENANT, new_uuid

HOUR = 3600
SENT = int(SENT_AT.timestamp())
CONNECTIONS = 3
#: Two owners have two campaigns each, so that what happens to one campaign matters to another.
OWNERS = ["ann@owners.test", "Ann@Owners.test", "bob@owners.test", "cleo@owners.test", "bob@owners.test"]

facts = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 4), st.integers(1, 5)), max_size=14)


def post_all(service: Running, batches: list[list[list[Event]]]) -> list[tuple[int, Any]]:
    """Post several queues of batches, each on a connection of its own, all at once."""
    answers: list[tuple[int, Any]] = []
    start = threading.Barrier(len(batches))

    def send(queue: list[list[Event]]) -> None:
        with connected(service.port) as wire:
            start.wait()
            for batch in queue:
                answer = service.post(batch, wire)
                answers.append((answer.status, answer.json))

    senders = [threading.Thread(target=send, args=(queue,)) for queue in batches]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return answers


def check_random_deliveries(service: Running) -> None:
    @hypothesis.given(reported=facts, draw=st.randoms(use_true_random=False))
    @hypothesis.settings(max_examples=12, deadline=None, database=None)
    def check(reported: list[tuple[str, int, int]], draw: random.Random) -> None:
        tenant = new_uuid()
        campaigns = service.create(OWNERS, tenant)
        distinct = sorted(set(reported))
        events = [
            event(kind, campaigns[owner], SENT + hour * HOUR, tenant_id=tenant, sg_event_id=f"{tenant}-{number}")
            for number, (kind, owner, hour) in enumerate(distinct)
        ]
        repeated = [dict(draw.choice(events)) for _ in range(len(events))]
        for number, copy in enumerate(repeated):
            if draw.random() < 0.5:
                copy["sg_event_id"] = f"{tenant}-again-{number}"
        arriving = events + repeated
        draw.shuffle(arriving)
        queues: list[list[list[Event]]] = [[] for _ in range(CONNECTIONS)]
        while arriving:
            size = draw.randint(1, 6)
            draw.choice(queues).append(arriving[:size])
            arriving = arriving[size:]

        answers = post_all(service, queues)

        addresses = dict(zip(campaigns, map(str.lower, OWNERS), strict=True))
        about = [(kind, campaigns[owner], SENT + hour * HOUR) for kind, owner, hour in distinct]
        expected = reading(about, addresses)
        found = service.rows.campaigns(tenant)
        assert {status for status, _ in answers} <= {200}
        assert sum(answer["new"] for _, answer in answers) == len(distinct)
        assert {id_: (row["status"], times(row)) for id_, row in found.items()} == expected
        assert len(service.rows.reported(tenant)) == len(distinct)
        statistics = dict(Counter(status for status, _ in expected.values()))
        assert service.orchestrator.get_statistics(tenant) == service.rows.recounted(tenant) == statistics
        assert {row["id"] for row in found.values() if row["next_send_at"]} == {
            id_ for id_, (status, _) in expected.items() if status == "scheduled"
        }

    check()


def test_every_way_of_arriving_ends_like_a_naive_reading_of_all_facts(dsn: str, signer: Signer) -> None:
    later = ManualClock(SENT_AT)
    with running(dsn, signer, clock=later) as service:
        check_random_deliveries(service)


def test_eight_connections_about_the_same_twenty_campaigns_lose_nothing_and_never_deadlock(
    dsn: str, signer: Signer
) -> None:
    draw = random.Random(8)
    emails = [f"owner{number % 7}@owners.test" for number in range(20)]
    with running(dsn, signer) as service:
        campaigns = service.create(emails)
        about = [(draw.choice(sorted(KINDS)), draw.choice(campaigns), SENT + draw.randint(1, 9000)) for _ in range(500)]
        events = [event(*fact, mark=number) for number, fact in enumerate(about)]
        queues = []
        for _ in range(8):  # every connection brings most of the events, in an order of its own
            mine = draw.sample(events, 350)
            queues.append([mine[start : start + 25] for start in range(0, 350, 25)])
        queues.append([events])

        answers = post_all(service, queues)

    rows = Rows(dsn)
    expected = reading(about, dict(zip(campaigns, emails, strict=True)))
    assert Counter(status for status, _ in answers) == {200: 8 * 14 + 1}
    assert sum(answer["new"] for _, answer in answers) == 500
    assert len(rows.reported(TENANT)) == 500
    assert {id_: (row["status"], times(row)) for id_, row in rows.campaigns(TENANT).items()} == expected
    assert rows.counted(TENANT) == rows.recounted(TENANT) == dict(Counter(status for status, _ in expected.values()))
    assert deadlocks(rows) == 0


def deadlocks(rows: Rows) -> int:
    """How often PostgreSQL had to end a transaction because of a circle; a server counts when a connection ends."""
    if not rows.is_postgresql:
        return 0  # one writer at a time cannot wait for another
    others = "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 60
    while rows.select(others)[0]["n"] and time.monotonic() < deadline:
        time.sleep(0.02)
    (row,) = rows.select("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return row["deadlocks"]
