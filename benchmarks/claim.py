"""Claiming what is due from a short queue and from a long one, and beside a tenant whose long queue is paused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import bare, workload
from benchmarks.measuring import Options, Runs, expect, measure, result
from benchmarks.stores import Database, Store
from orchestrator import OutreachOrchestrator
from orchestrator.repository import tenants
from orchestrator.services.sending import batch

#: The long queue; the short one is what every ratio is reckoned by.
DEFAULT_N = 100_000
SHORT = 10_000
#: Campaigns claimed at once, as a dispatcher does, and claims in one run.
AT_ONCE, CLAIMS = 500, 8
BIG_TENANT = "0190f3a0-0000-7000-8000-00000000feed"


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the cases ``long_queue`` and ``paused_neighbour``; a ratio of 1 is a claim as cheap as from a short one."""
    n = options.size(DEFAULT_N)
    with store.fresh() as short, store.fresh() as long, store.fresh() as neighbour:
        _fill(short, {workload.TENANT: SHORT})
        _fill(long, {workload.TENANT: n})
        _fill(neighbour, {BIG_TENANT: n, workload.TENANT: SHORT}, paused=BIG_TENANT)
        _claim(store, short, Options())  # warm-up
        base = Runs([_claim(store, short, options) for _ in range(options.repeat)])
        for case, database in (("long_queue", long), ("paused_neighbour", neighbour)):
            ours = Runs([_claim(store, database, options) for _ in range(options.repeat)])
            what = f"the same claims from a queue of {SHORT}"
            yield result("claim", case, store.kind, ours, (what, base), queued=n, at_once=AT_ONCE)


def _fill(database: Database, queues: dict[str, int], paused: str | None = None) -> None:
    with workload.product(database) as orchestrator:
        for tenant, n in queues.items():
            workload.create(orchestrator, map(workload.item, range(n)), tenant)
        if paused is not None:
            with orchestrator.services.begin() as tx:
                tenants.pause(tx, paused, "a bench")
    bare.analyze(database)


def _claim(store: Store, origin: Database, options: Options) -> Any:
    """Claim from a copy of `origin`, so that every run finds the same queue."""
    with store.fresh(origin) as database, workload.product(database) as orchestrator:
        _claim_once(orchestrator)  # connections, statements, the first pages
        return measure(AT_ONCE * CLAIMS, lambda: _claim_all(orchestrator), profile=options.profile)


def _claim_all(orchestrator: OutreachOrchestrator) -> None:
    for _ in range(CLAIMS):
        _claim_once(orchestrator)


def _claim_once(orchestrator: OutreachOrchestrator) -> None:
    with orchestrator.services.begin() as tx:
        claimed = batch.claim_due(tx, AT_ONCE, None)
    expect({c.campaign.tenant_id for c in claimed.claims}, {workload.TENANT}, "tenants of what was claimed")
    expect(len(claimed.claims), AT_ONCE, "campaigns claimed at once")
