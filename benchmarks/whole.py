"""The whole path: campaigns created, sent by worker processes, three events about each taken in, statistics read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import bare, servers, webhooks, workload
from benchmarks.measuring import Measured, Options, expect, measure
from benchmarks.stores import Database, Store
from orchestrator.repository import OutreachRepository, statistics
from orchestrator.sandbox.signing import Signer

DEFAULT_N = 1_000
LATENCIES_MS = (0, 50)
WORKERS = (1, 2, 4)
#: Reads of the statistics; one of them is over before a clock shows it.
READS = 200

_SENT = """
    SELECT CAST(m.id AS text), CAST(m.campaign_id AS text), CAST(c.property_id AS text), c.owner_email,
           m.sendgrid_message_id
    FROM outreach_messages m JOIN outreach_campaigns c ON c.tenant_id = m.tenant_id AND c.id = m.campaign_id
    WHERE m.state = 'accepted' ORDER BY m.id"""


@dataclass(frozen=True, slots=True)
class SentMail:
    """What an event tells of the mail it is about."""

    message_id: str
    campaign_id: str
    property_id: str
    to_email: str
    sendgrid_id: str
    tenant_id: str = workload.TENANT


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield one case for each latency of the provider and number of workers; every stage checks its result."""
    n = options.size(DEFAULT_N)
    for latency in LATENCIES_MS:
        with servers.provider(latency) as sandbox:
            for workers in WORKERS:
                case = f"latency_{latency}_ms_{workers}_workers"
                if options.case in case:
                    with store.fresh() as database:
                        stages = _run_once(database, n, workers, sandbox.url, options.concurrency)
                    yield _line(store, case, options.concurrency, stages)


def _run_once(database: Database, n: int, workers: int, url: str, concurrency: int) -> dict[str, Measured]:
    stages: dict[str, Measured] = {}
    with workload.product(database) as orchestrator:
        stages["create"] = measure(n, partial(workload.create, orchestrator, workload.items(n)))
    bare.analyze(database)
    stages["send"] = _send(database, n, workers, url, concurrency)
    _check(database, {"sent": n})
    stages["ingest"] = _ingest(database, 3 * n)
    stages["statistics"] = _read(database, {"opened": n})
    return stages


def _send(database: Database, n: int, workers: int, url: str, concurrency: int) -> Measured:
    with ExitStack() as stack:
        fleet = [stack.enter_context(servers.worker(database, url, concurrency)) for _ in range(workers)]

        def work() -> int:
            for one in fleet:
                one.go()
            return sum(one.sent() for one in fleet)

        return measure(n, lambda: expect(work(), n, "mails the workers say they sent"), process=fleet[0].process)


def _ingest(database: Database, n: int) -> Measured:
    signer = Signer()
    mails = sent_mails(database)
    events = workload.events_of(mails, {mail.campaign_id: mail.sendgrid_id for mail in mails}, n)
    posts = webhooks.signed_posts(signer, events)
    del events, mails
    with servers.service(database, signer.public_key) as service:
        asyncio.run(webhooks.get_ready(service.url))
        return measure(n, partial(asyncio.run, webhooks.post_all(service.url, posts)), process=service.process)


def sent_mails(database: Database) -> list[SentMail]:
    """Return every mail that the provider accepted, in the order of their attempts."""
    with bare.connected(database) as connection:
        return [SentMail(*row) for row in connection.execute(_SENT).fetchall()]


def _read(database: Database, expected: dict[str, int]) -> Measured:
    with workload.product(database) as orchestrator:

        def read() -> None:
            for _ in range(READS):
                expect(orchestrator.get_statistics(workload.TENANT), expected, "statistics at the end")

        return measure(READS, read)


def _check(database: Database, expected: dict[str, int]) -> None:
    """See that the counters say what is expected, and what a full count says."""
    repository = OutreachRepository(database.dsn)
    with repository.reading() as tx:
        expect(statistics.by_status(tx, workload.TENANT), expected, "counters")
        expect(statistics.by_status_recounted(tx, workload.TENANT), expected, "campaigns counted one by one")
    repository.close()


def _line(store: Store, case: str, concurrency: int, stages: dict[str, Measured]) -> dict[str, Any]:
    total = sum(stages[name].seconds for name in ("create", "send", "ingest"))
    return {
        "bench": "whole",
        "case": case,
        "database": store.kind,
        "n": stages["create"].rows,
        "events": stages["ingest"].rows,
        "seconds": round(total, 2),
        "stages": {
            name: {
                "seconds": round(stage.seconds, 3),
                "per_second": round(stage.rows / stage.seconds),
                "peak_rss_mb": round(stage.peak_rss_mb, 1),
            }
            for name, stage in stages.items()
        },
        "concurrency": concurrency,
    }
