"""Taking in signed event batches, over HTTP and without it, beside loading the same event rows and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp

from benchmarks import bare, servers, workload
from benchmarks.measuring import Measured, Options, Runs, expect, measure, result
from benchmarks.stores import Database, Store
from orchestrator.bootstrap import Parts
from orchestrator.sandbox.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, Signer
from orchestrator.transports.fake import FakeTransport

DEFAULT_N = 3_000
#: POSTs at the same time, as from a few of SendGrid's servers.
CONNECTIONS = 4
PATH = "/webhooks/sendgrid"
#: What came from SendGrid, and not from us.
_FROM_SENDGRID = "sg_event_id IS NOT NULL"


#: Body and headers.
Post = tuple[bytes, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Posts:
    """Signed batches, the key that proves them, and the statistics they must lead to."""

    public_key: str
    each: Sequence[Post]
    events: int
    outcome: dict[str, int]


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the cases ``http`` (POSTs to the service in its own process) and ``receive_webhook`` (this process)."""
    n = options.size(DEFAULT_N)
    with store.fresh() as sent:
        posts = _prepare(sent, n, options.concurrency)
        _direct(store, sent, posts, options)  # warm-up
        over_http, direct, limit = Runs(), Runs(), Runs()
        for _ in range(options.repeat):
            over_http.add(_over_http(store, sent, posts))
            measured, rows = _direct(store, sent, posts, options)
            direct.add(measured)
            limit.add(bare.loading(store, [rows], sent))
    what = f"{bare.WAYS[store.kind]} of the same event rows and nothing else"
    more = {"batch": workload.BATCH}
    yield result("webhooks", "http", store.kind, over_http, (what, limit), connections=CONNECTIONS, **more)
    yield result("webhooks", "receive_webhook", store.kind, direct, (what, limit), **more)


def _prepare(database: Database, n: int, concurrency: int) -> Posts:
    """Create and send as many campaigns as `n` events need, and make the POSTs about them."""
    campaigns = -(-n // 3)
    transport = FakeTransport()
    with workload.product(database, Parts(transport=transport)) as orchestrator:
        workload.create(orchestrator, workload.items(campaigns))
        workload.send_all(orchestrator, campaigns, concurrency)
        sent = orchestrator.get_campaigns_by_status("sent", workload.TENANT, limit=campaigns)
    bare.analyze(database)
    sendgrid_ids = {campaign.id: str(campaign.sendgrid_message_id) for campaign in sent}
    events = workload.events_of(transport.sent, sendgrid_ids, n)
    opened = sum(event["event"] == "open" for event in events)
    outcome = {"opened": opened, "delivered": campaigns - opened}
    signer = Signer()
    expected = {status: number for status, number in outcome.items() if number}
    return Posts(signer.public_key, signed_posts(signer, events), n, expected)


def signed_posts(signer: Signer, events: Sequence[dict[str, Any]]) -> list[Post]:
    """Return the POSTs of `events`, each with the headers that prove it."""
    return [(body, _signed(signer, body)) for body in workload.batches(events)]


def _signed(signer: Signer, body: bytes) -> dict[str, str]:
    timestamp = str(int(time.time()))
    return {
        SIGNATURE_HEADER: signer.sign(timestamp, body),
        TIMESTAMP_HEADER: timestamp,
        "Content-Type": "application/json",
    }


def _over_http(store: Store, sent: Database, posts: Posts) -> Measured:
    with store.fresh(sent) as database:
        with servers.service(database, posts.public_key) as service:
            asyncio.run(get_ready(service.url))
            work = partial(asyncio.run, post_all(service.url, posts.each))
            measured = measure(posts.events, work, process=service.process)
        _check(database, posts)
    return measured


def _direct(store: Store, sent: Database, posts: Posts, options: Options) -> tuple[Measured, bare.Rows]:
    with store.fresh(sent) as database:
        with workload.product(database, webhook_public_key=posts.public_key) as orchestrator:

            def receive_all() -> None:
                for body, headers in posts.each:
                    orchestrator.receive_webhook(body, headers)

            measured = measure(posts.events, receive_all, profile=options.profile)
        _check(database, posts)
        return measured, bare.rows_of(database, "outreach_events", _FROM_SENDGRID)


def _check(database: Database, posts: Posts) -> None:
    """See that every event arrived: the statistics are those the story ends with."""
    with workload.product(database) as orchestrator:
        expect(orchestrator.get_statistics(workload.TENANT), posts.outcome, "statistics after all events")


async def get_ready(url: str) -> None:
    """Wait until the service answers."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
        expect(answer.status, 200, "readiness of the service")


async def post_all(url: str, posts: Sequence[Post]) -> None:
    """POST everything over a few connections; every batch must be taken."""
    waiting = iter(posts)

    async def post_in_turn(session: aiohttp.ClientSession) -> None:
        for body, headers in waiting:
            async with session.post(url + PATH, data=body, headers=headers) as answer:
                expect(answer.status, 200, "status of a batch")

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(post_in_turn(session) for _ in range(CONNECTIONS)))
