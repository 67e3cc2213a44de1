"""Creating campaigns in bulk, beside loading the same rows with nothing around it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks import bare, workload
from benchmarks.measuring import Measured, Options, Runs, expect, measure, ratio, result
from benchmarks.stores import Database, Store
from orchestrator.cli import collector

DEFAULT_N = 5_000
WARM_UP = 500
#: Every table that gets a row for each campaign.
TABLES = ("outreach_campaigns", "outreach_events", "outbox")


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the case ``create_campaigns``."""
    n = options.size(DEFAULT_N)
    collector.rest()  # as `outreach import` does
    ours, limit, all_tables = Runs(), Runs(), Runs()
    with store.fresh() as database:
        _created(database, min(n, WARM_UP), Options())
    for _ in range(options.repeat):
        with store.fresh() as database:
            ours.add(_created(database, n, options))
            written = [bare.rows_of(database, table) for table in TABLES]
        limit.add(bare.loading(store, written[:1]))
        all_tables.add(bare.loading(store, written))
    way = bare.WAYS[store.kind]
    also = {
        "what": f"{way} of the rows of {', '.join(TABLES)}",
        "per_second": round(all_tables.per_second),
        "ratio": ratio(ours, all_tables),
    }
    yield result(
        "create",
        "create_campaigns",
        store.kind,
        ours,
        (f"{way} of the same rows into outreach_campaigns", limit),
        all_tables=also,
    )


def _created(database: Database, n: int, options: Options) -> Measured:
    with workload.product(database) as orchestrator:
        create = partial(workload.create, orchestrator, workload.items(n))
        measured = measure(n, create, profile=options.profile)
        expect(orchestrator.get_statistics(workload.TENANT), {"scheduled": n}, "campaigns created")
    return measured
