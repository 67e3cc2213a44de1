"""How long pages take on the server, and what they weigh, beside a hundred thousand campaigns."""

from __future__ import annotations

import gzip
import re
import statistics
import time
from collections.abc import Iterator
from typing import Any

from starlette.testclient import TestClient

from benchmarks import bare, workload
from benchmarks.measuring import Options, expect, say
from benchmarks.stores import Store
from orchestrator import OutreachOrchestrator, app

DEFAULT_N = 100_000
CALLS = 60
BATCHES = 20
#: Of a hundred campaigns so many go on to each state; the others wait.
DELIVERED, OPENED, CLICKED, BOUNCED = 40, 20, 8, 2
HELD = 300
REPLIED = 60
HOME = f"/t/{workload.TENANT}"

#: case: what is asked for; ``{…}`` is filled in from what there is.
PAGES = {
    "overview": "",
    "overview_90_days": "?days=90&by=send",
    "campaigns": "/campaigns",
    "campaigns_in_the_middle": "/campaigns?before={middle}",
    "campaigns_by_status": "/campaigns?q=status:clicked",
    "campaigns_held": "/campaigns?q=is:held",
    "campaigns_of_an_import": "/campaigns?q=batch:import-07",
    "campaigns_of_an_owner": "/campaigns?q=owner:owner77@sample.test",
    "search_words": "/campaigns?q=maple",
    "search_words_that_match_nothing": "/campaigns?q=quetzalcoatl",
    "search_a_domain_that_matches_nothing": "/campaigns?q=owner:@nowhere.test",
    "search_opens_by_machines": "/campaigns?q=is:machine",
    "search_due": "/campaigns?q=is:due",
    "search_in_doubt": "/campaigns?q=is:doubt",
    "search_answered": "/campaigns?q=is:answered",
    "count_of_a_word": "/campaigns?q=maple&count=1",
    "campaign": "/campaigns/{middle}",
    "batches": "/batches",
    "batch": "/batch?label=import-07",
    "replies": "/replies",
    "suppressions": "/suppressions",
    "dispatcher": "/dispatcher",
    "webhooks": "/webhooks",
    "templates": "/templates",
    "settings": "/settings",
}


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield one line for each page: what it costs, one call after the other, and what it weighs."""
    n = options.size(DEFAULT_N)
    with store.fresh() as database, workload.product(database) as orchestrator:
        middle = _fill(orchestrator, n)
        bare.analyze(database)
        pages = app.create_pages(orchestrator, start=workload.TENANT, is_open=True)
        with TestClient(pages, base_url="http://127.0.0.1") as client:
            client.get("/")
            scripts = _scripts(client)
            for case, path in PAGES.items():
                if options.case in case:
                    yield {
                        "bench": "dashboard",
                        "case": case,
                        "database": store.kind,
                        "n": n,
                        **_measured(client, HOME + path.format(middle=middle), scripts),
                    }


def _measured(client: TestClient, path: str, scripts: int) -> dict[str, Any]:
    took = []
    for _ in range(CALLS + 1):
        began = time.perf_counter()
        answer = client.get(path)
        took.append(1000 * (time.perf_counter() - began))
        expect(answer.status_code, 200, f"status of {path}")
    first, *again = took
    return {
        "calls": CALLS,
        "first_ms": round(first, 1),
        "p50_ms": round(statistics.median(again), 1),
        "p95_ms": round(statistics.quantiles(again, n=20)[-1], 1),
        "max_ms": round(max(again), 1),
        "bytes": len(answer.content),
        "gzip_with_scripts": len(gzip.compress(answer.content, 6)) + scripts,
    }


def _scripts(client: TestClient) -> int:
    """Return the bytes, packed, of all style sheets and scripts that a page brings along."""
    shown = client.get(HOME).text
    urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', shown)
    return sum(len(gzip.compress(client.get(url).content, 6)) for url in urls)


def _fill(orchestrator: OutreachOrchestrator, n: int) -> str:
    """Make campaigns of all kinds, and return the id of one in the middle."""
    say(f"making {n:,} campaigns")
    items = ({**workload.item(number), "batch": f"import-{number % BATCHES:02}"} for number in range(n))
    made = orchestrator.create_campaigns(workload.TENANT, items)
    ids = [outcome.campaign.id for outcome in made if outcome.campaign is not None]
    expect(len(ids), n, "campaigns")
    events = list(_events(ids))
    for start in range(0, len(events), workload.BATCH):
        orchestrator.handle_webhook(events[start : start + workload.BATCH])
    waiting = [id_ for number, id_ in enumerate(ids) if number % 100 >= DELIVERED]
    for id_ in waiting[-HELD:]:
        orchestrator.hold_campaign(id_, workload.TENANT, "looked at")
    for id_ in [id_ for number, id_ in enumerate(ids) if BOUNCED <= number % 100 < DELIVERED][:REPLIED]:
        orchestrator.record_reply(id_, workload.TENANT, "Thank you for the memo. Call me on Tuesday.")
    return ids[n // 2]


def _events(ids: list[str]) -> Iterator[dict[str, Any]]:
    for number, id_ in enumerate(ids):
        at, mine = number % 100, {"campaign_id": id_, "tenant_id": workload.TENANT, "timestamp": _when(number)}
        if at < BOUNCED:
            yield {"event": "bounce", "type": "bounce", "reason": "550 5.1.1 no such mailbox", **mine}
            continue
        for kind, share in (("delivered", DELIVERED), ("open", OPENED), ("click", CLICKED)):
            if at < share:
                yield {"event": kind, "url": "https://memo.sample.test/", **mine}


def _when(number: int) -> int:
    """Spread what happened over the last sixty days."""
    return int(time.time()) - 3600 - (number * 7919) % (60 * 86_400)
