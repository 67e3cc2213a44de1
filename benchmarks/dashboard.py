"""How long pages take on the server, and what they weigh, beside a hundred thousand campaigns."""

from __future__ import annotations

import gzip
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.testclient import TestClient

from benchmarks import open_tabs, populated, workload
from benchmarks.measuring import Options, expect, say
from benchmarks.populated import Places
from benchmarks.stores import Store
from orchestrator import OutreachStatus, app
from orchestrator.domain import search

DEFAULT_N = 100_000
CALLS = 60
#: Times that each act is done.
ACTS = 5
HOME = f"/t/{workload.TENANT}"
IMPORT = "import-07"

#: case: what is asked for; ``{…}`` is filled in from what there is.
PAGES = {
    "overview": "",
    "overview_90_days": "?days=90&by=send",
    "campaigns": "/campaigns",
    "campaigns_in_the_middle": "/campaigns?before={middle}",
    "campaigns_near_the_end": "/campaigns?before={deep}",
    "campaigns_back_from_the_end": "/campaigns?after={deep}",
    **{f"campaigns_{status}": f"/campaigns?q=status:{status}" for status in OutreachStatus},
    "campaigns_scheduled_near_the_end": "/campaigns?q=status:scheduled&before={deep}",
    "campaigns_held": "/campaigns?q=is:held",
    "campaigns_of_an_import": f"/campaigns?q=batch:{IMPORT}",
    "campaigns_of_an_import_bounced": f"/campaigns?q=batch:{IMPORT}+status:bounced",
    "campaigns_of_an_import_held": f"/campaigns?q=batch:{IMPORT}+is:held",
    "campaigns_of_an_owner": "/campaigns?q=owner:owner77@sample.test",
    "search_words": "/campaigns?q=maple",
    "search_words_that_match_nothing": "/campaigns?q=quetzalcoatl",
    "search_a_domain": "/campaigns?q=owner:@sample.test",
    "search_a_domain_that_matches_nothing": "/campaigns?q=owner:@nowhere.test",
    "search_opens_by_machines": "/campaigns?q=is:machine",
    "search_due": "/campaigns?q=is:due",
    "search_in_doubt": "/campaigns?q=is:doubt",
    **{f"search_{stage}": f"/campaigns?q=is:{stage}" for stage in search.STAGES},
    "count_of_a_word": "/campaigns?q=maple&count=1",
    "count_of_what_is_due": "/campaigns?q=is:due&count=1",
    "count_of_a_status": "/campaigns?q=status:scheduled&count=1",
    "campaign": "/campaigns/{sent}",
    "campaign_that_waits": "/campaigns/{middle}",
    "batches": "/batches",
    "batch": f"/batch?label={IMPORT}",
    "replies": "/replies",
    "replies_latest": "/replies?show=latest",
    "replies_of_a_label": "/replies?show=interested",
    "replies_of_machines": "/replies?show=automatic",
    "replies_in_the_middle": "/replies?show=latest&before={reply}",
    "reply": "/replies/{reply}",
    "suppressions": "/suppressions",
    "suppressions_that_hold_a_text": "/suppressions?q=gone19",
    "suppressions_that_match_nothing": "/suppressions?q=quetzalcoatl",
    "suppressions_of_a_reason": "/suppressions?reason=bounce",
    "would_we_write_to_it": "/suppressions?address=owner5@sample.test",
    "dispatcher": "/dispatcher",
    "webhooks": "/webhooks",
    "webhooks_troubled": "/webhooks?show=troubled",
    "webhooks_in_the_middle": "/webhooks?before={post}",
    "webhook": "/webhooks/{post}",
    "templates": "/templates",
    "settings": "/settings",
    "settings_with_checks": "/settings?checks=1",
}


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield one line for each page, for each act on many campaigns, for downloads, and for many open tabs."""
    n = options.size(DEFAULT_N)
    with store.fresh() as database, workload.product(database) as orchestrator:
        places = populated.fill(orchestrator, database, n)
        pages = app.create_pages(orchestrator, start=workload.TENANT, is_open=True)
        for case, measured in (*_pages(pages, places, options), *_acts(pages, options)):
            yield {"bench": "dashboard", "case": case, "database": store.kind, "n": n, **measured}
        for case, work in open_tabs.CASES.items():
            if options.case in case:
                say(case)
                yield {"bench": "dashboard", "case": case, "database": store.kind, "n": n, **work(pages, orchestrator)}


def _pages(pages: Any, places: Places, options: Options) -> Iterator[tuple[str, dict[str, Any]]]:
    with TestClient(pages, base_url="http://127.0.0.1") as client:
        client.get("/", follow_redirects=False)
        for case, path in PAGES.items():
            if options.case in case:
                yield case, _measured(client, HOME + path.format(**asdict(places)))


def _measured(client: TestClient, path: str) -> dict[str, Any]:
    took, answer = [], client.get(path)
    expect(answer.status_code, 200, f"status of {path}")
    first = answer.elapsed.total_seconds()
    for _ in range(CALLS):
        took.append(_timed(lambda: expect(client.get(path).status_code, 200, f"status of {path}")))
    return {
        "calls": CALLS,
        "first_ms": round(1000 * first, 1),
        **_summary(took),
        "bytes": len(answer.content),
        "gzip_with_scripts": len(gzip.compress(answer.content, 5)) + _scripts(client, answer.text),
    }


def _acts(pages: Any, options: Options) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hold and release what a page shows, and a whole import, as forms do."""
    with TestClient(pages, base_url="http://127.0.0.1", follow_redirects=False) as client:
        client.get("/")
        list_ = f"{HOME}/campaigns?q=status:scheduled+batch:{IMPORT}"
        page = {"id": re.findall(r'name="id" value="([0-9a-f-]+)"', client.get(list_).text)}
        forms = {"one_page": ("/campaigns", page), "one_import": ("/batch", {"label": IMPORT})}
        for what, (path, fields) in forms.items():
            took: dict[str, list[float]] = {f"hold_{what}": [], f"release_{what}": []}
            if any(options.case in case for case in took):
                for case in [*took] * ACTS:
                    # Each showing proves its forms anew, and the same form twice would be done once.
                    proof = re.findall(r'name="csrf" value="([^"]+)"', client.get(list_).text)[0]
                    form = {**fields, "csrf": proof, "reason": "a bench", "act": case.partition("_")[0]}
                    took[case].append(_timed(partial(_act, client, path, form)))
                yield from ((case, {"calls": ACTS, **_summary(each)}) for case, each in took.items())


def _act(client: TestClient, path: str, form: dict[str, Any]) -> None:
    expect(client.post(HOME + path, data=form).status_code, 303, f"status of {form['act']}")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _summary(took: Sequence[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1] if len(took) >= 20 else max(took), 1),
        "max_ms": round(max(took), 1),
    }


def _scripts(client: TestClient, shown: str) -> int:
    """Return the bytes that all style sheets and scripts of a page travel as."""
    urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', shown)
    return sum(int(client.get(url).headers["content-length"]) for url in urls)
