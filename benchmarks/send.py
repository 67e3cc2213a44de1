"""Sending what is due, with the ledger, beside the same HTTP client posting the same bodies in a bare loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import aiohttp
import orjson

from benchmarks import bare, servers, workload
from benchmarks.measuring import Options, Runs, expect, measure, result
from benchmarks.stores import Store
from orchestrator import OutreachOrchestrator, OutreachStatus
from orchestrator.clock import new_id
from orchestrator.transports.sendgrid import PATH, payload

DEFAULT_N = 500
WARM_UP = 50
LATENCIES_MS = (0, 50)


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield one case for each latency of the provider, which runs in a process of its own."""
    n = options.size(DEFAULT_N)
    for latency in LATENCIES_MS:
        ours, limit = Runs(), Runs()
        with servers.provider(latency) as sandbox:
            for _ in range(options.repeat):
                _run_once(store, options, n, sandbox.url, ours, limit)
        yield result(
            "send",
            f"latency_{latency}_ms",
            store.kind,
            ours,
            ("aiohttp posting the same bodies in a bare loop", limit),
            concurrency=options.concurrency,
        )


def _run_once(store: Store, options: Options, n: int, url: str, ours: Runs, limit: Runs) -> None:
    concurrency = options.concurrency
    with store.fresh() as database, workload.product(database, sendgrid_url=url) as orchestrator:
        workload.create(orchestrator, workload.items(n + WARM_UP))
        bare.analyze(database)
        workload.send_all(orchestrator, WARM_UP, concurrency)
        bodies = _bodies(orchestrator, n)
        send = partial(workload.send_all, orchestrator, n, concurrency)
        ours.add(measure(n, send, profile=options.profile))
        expect(orchestrator.get_statistics(workload.TENANT), {"sent": n + WARM_UP}, "campaigns after sending")
    asyncio.run(_post_all(url, bodies[:WARM_UP], concurrency))
    limit.add(measure(n, lambda: asyncio.run(_post_all(url, bodies, concurrency))))


def _bodies(orchestrator: OutreachOrchestrator, n: int) -> list[bytes]:
    """The requests that are about to be sent, but for the ids of their attempts."""
    due = orchestrator.get_campaigns_by_status(OutreachStatus.SCHEDULED, workload.TENANT, limit=n)
    compose = orchestrator.services.composer.compose
    return [orjson.dumps(payload(compose(campaign, new_id()))) for campaign in due]


async def _post_all(url: str, bodies: Sequence[bytes], concurrency: int) -> None:
    waiting = iter(bodies)
    headers = {"Authorization": f"Bearer {workload.API_KEY}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=concurrency)

    async def post_in_turn(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with session.post(url + PATH, data=body) as answer:
                expect(answer.status, 202, "status of a mail posted in the bare loop")

    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(*(post_in_turn(session) for _ in range(concurrency)))
