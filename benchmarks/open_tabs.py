"""The dashboard over real connections: what many open tabs cost, and downloads of everything."""

from __future__ import annotations

import http.client
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from benchmarks import workload
from benchmarks.measuring import expect, measure
from orchestrator import OutreachOrchestrator, OutreachStatus

HOME = f"/t/{workload.TENANT}"
TABS = 50
#: Seconds for which tabs are left alone, to see what that costs.
QUIET = 10.0
PAGES = 40


@dataclass(frozen=True, slots=True)
class Browser:
    """Opens connections to a service, in one session."""

    port: int
    cookie: str = ""

    def ask(self, path: str) -> http.client.HTTPConnection:
        """Open a connection and ask for `path`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Cookie": self.cookie, "Accept-Encoding": "gzip"})
        return connection

    def get(self, path: str) -> tuple[int, bytes]:
        """Return an answer as it travels, compressed."""
        with closing(self.ask(path)) as connection:
            answer = connection.getresponse()
            return answer.status, answer.read()


def _fifty_tabs(pages: Any, orchestrator: OutreachOrchestrator) -> dict[str, Any]:
    """Return what `TABS` open streams cost, and how soon all are told of a change."""
    with _served(pages) as browser, ExitStack() as stack:
        streams = []
        for _ in range(TABS):
            answer = stack.enter_context(closing(browser.ask(f"{HOME}/live"))).getresponse()
            expect(answer.status, 200, "status of a stream")
            expect(answer.readline()[:6], b"retry:", "the first line of a stream")
            streams.append(answer)
        busy, began = time.process_time(), time.perf_counter()
        time.sleep(QUIET)
        share = (time.process_time() - busy) / (time.perf_counter() - began)
        took = [_page(browser) for _ in range(PAGES)]
        told = _told(streams, orchestrator)
    return {
        "tabs": TABS,
        "cpu_percent": round(100 * share, 1),
        "told_ms": round(1000 * told),
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
    }


def _page(browser: Browser) -> float:
    began = time.perf_counter()
    expect(browser.get(f"{HOME}/campaigns")[0], 200, "status of a page beside open tabs")
    return 1000 * (time.perf_counter() - began)


def _told(streams: list[http.client.HTTPResponse], orchestrator: OutreachOrchestrator) -> float:
    """Change something, and return the seconds until the last of `streams` has been told."""
    one = orchestrator.get_campaigns_by_status(OutreachStatus.SCHEDULED, workload.TENANT, limit=1)[0]
    began = time.perf_counter()
    orchestrator.hold_campaign(one.id, workload.TENANT, "a bench")
    for stream in streams:
        while b"event: campaigns" not in stream.readline():
            pass
    return time.perf_counter() - began


def _download(pages: Any, _orchestrator: OutreachOrchestrator) -> dict[str, Any]:
    """Return what it takes to download all campaigns, while nothing holds them all."""
    bytes_, begun = 0, 0.0

    def work() -> None:
        nonlocal bytes_, begun
        began = time.perf_counter()
        with closing(browser.ask(f"{HOME}/campaigns.csv")) as connection:
            answer = connection.getresponse()
            while piece := answer.read(65536):
                begun = begun or time.perf_counter() - began
                bytes_ += len(piece)

    with _served(pages) as browser:
        measured = measure(1, work)
    return {
        "seconds": round(measured.seconds, 2),
        "first_ms": round(1000 * begun, 1),
        "bytes": bytes_,
        "peak_rss_mb": round(measured.peak_rss_mb, 1),
    }


@contextmanager
def _served(pages: Any) -> Iterator[Browser]:
    """Serve `pages` in a thread of this process until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(pages, ws="none", log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        with closing(Browser(port).ask("/")) as connection:
            cookie = connection.getresponse().headers["set-cookie"].partition(";")[0]
        yield Browser(port, cookie)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


CASES: Mapping[str, Callable[[Any, OutreachOrchestrator], dict[str, Any]]] = {
    "download_of_all_campaigns": _download,
    "fifty_open_tabs": _fifty_tabs,
}
