"""Statistics of a tenant, beside a full count and beside the counters read with nothing around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import bare, workload
from benchmarks.measuring import Options, Runs, expect, measure, result
from benchmarks.stores import Database, Store
from orchestrator import OutreachOrchestrator

DEFAULT_N = 10_000
CALLS = 300
#: Full counts are slow, which is the point.
COUNTS = 5
#: Every how many-th campaign is reported as delivered (two thirds of these: opened), so that counters have moved.
MOVED = 10

_COUNTERS = "SELECT status, sum(n) FROM campaign_counters WHERE tenant_id = {} GROUP BY status"
_GROUP_BY = "SELECT status, count(*) FROM outreach_campaigns WHERE tenant_id = {} GROUP BY status"


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield ``get_statistics`` against two limits; the rates are calls per second over `n` campaigns."""
    n = options.size(DEFAULT_N)
    ours, counters, group_by = Runs(), Runs(), Runs()
    with store.fresh() as database, workload.product(database) as orchestrator:
        _fill(orchestrator, n)
        bare.analyze(database)
        for _ in range(options.repeat):
            with bare.connected(database) as connection:
                count = _reader(database, connection, _GROUP_BY)
                expect(orchestrator.get_statistics(workload.TENANT), count(), "statistics and full count")
                ours.add(measure(CALLS, _times(CALLS, lambda: orchestrator.get_statistics(workload.TENANT))))
                counters.add(measure(CALLS, _times(CALLS, _reader(database, connection, _COUNTERS))))
                group_by.add(measure(COUNTS, _times(COUNTS, count)))
    for case, what, limit in (
        ("against_counters", "the counters read by the bare driver", counters),
        ("against_group_by", "a full GROUP BY by the bare driver", group_by),
    ):
        yield result(
            "stats",
            case,
            store.kind,
            ours,
            (what, limit),
            n=n,
            calls=CALLS,
            ms_per_call=round(1000 / ours.per_second, 3),
            limit_ms_per_call=round(1000 / limit.per_second, 3),
        )


def _fill(orchestrator: OutreachOrchestrator, n: int) -> None:
    moved = [
        outcome.campaign.id
        for outcome in orchestrator.create_campaigns(workload.TENANT, map(workload.item, range(n)))
        if outcome.campaign is not None and outcome.index % MOVED == 0
    ]
    events = [
        {"event": "open" if number % 3 else "delivered", "campaign_id": campaign, "tenant_id": workload.TENANT}
        for number, campaign in enumerate(moved)
    ]
    for start in range(0, len(events), workload.BATCH):
        orchestrator.handle_webhook(events[start : start + workload.BATCH])


def _reader(database: Database, connection: Any, query: str) -> Callable[[], dict[str, int]]:
    if database.kind == "postgresql":
        connection.autocommit = True  # one round trip
    statement = query.format("%s" if database.kind == "postgresql" else "?")

    def read() -> dict[str, int]:
        rows = connection.execute(statement, (workload.TENANT,)).fetchall()
        return {status: int(number) for status, number in rows}

    return read


def _times(calls: int, work: Callable[[], object]) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(calls):
            work()

    return repeated
