"""Three workers and a service, real processes on one PostgreSQL, under one rate; one is killed, one is asked to stop.

The rate decides how fast it is. What counts: each owner is mailed once, and no second sees too many.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks import bare, environment, workload
from benchmarks.measuring import Options, WrongResult, expect, peak_rss_mb, say
from benchmarks.stores import Database, Store

DEFAULT_N = 20_000
RATE = 500
LATENCY_MS = 50
WORKERS = 3
#: Share of the mails after which a worker is killed (-9), and after which another is asked to stop (SIGTERM).
KILL_AT, STOP_AT = 0.25, 0.5
#: Seconds until silence about a mail in doubt may mean something; the product's own default is 15 minutes.
GRACE = 20
PATIENCE = 600.0
_SERVING = re.compile(r"Serving on (http://[\w.:]+)")


def run(store: Store, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the one case; nothing on SQLite, which is for one host."""
    if store.kind != "postgresql":
        say("fleet needs PostgreSQL")
        return
    n = options.size(DEFAULT_N)
    with store.fresh() as database, ExitStack() as stack:
        provider = stack.enter_context(_Provider.started())
        with workload.product(database, sendgrid_url=provider.url) as orchestrator:
            workload.create(orchestrator, workload.items(n))
            bare.analyze(database)
            configuration = _configuration(database, provider)
            service = stack.enter_context(_outreach("serve", "--port", "0", **configuration))
            provider.post_to(f"{service.wait_for(_SERVING)}/webhooks/sendgrid")
            workers = [stack.enter_context(_outreach("worker", **configuration)) for _ in range(WORKERS)]
            interrupted = _interrupt(provider, workers, n)
            _until(lambda: orchestrator.get_statistics(workload.TENANT).get("scheduled", 0) == 0)
            status = orchestrator.operations.status()
        peak = max(peak_rss_mb(process.child.pid) for process in (workers[2], service))
        books = provider.books()
    expect((status.in_doubt, status.held), (0, 0), "mails in doubt and campaigns held at the end")
    yield _line(n, books, interrupted, peak)


def _interrupt(provider: _Provider, workers: list[_Process], n: int) -> dict[str, Any]:
    """Kill one worker and drain another on the way; return what came of that."""
    _until(lambda: provider.accepted() >= n * KILL_AT)
    workers[0].child.kill()
    killed_at = provider.accepted()
    say(f"killed a worker after {killed_at} mails")
    _until(lambda: provider.accepted() >= n * STOP_AT)
    stopped_at = provider.accepted()
    workers[1].child.send_signal(signal.SIGTERM)
    expect(workers[1].child.wait(60), 0, "exit code of the worker that was asked to stop")
    say(f"another one has drained after {stopped_at} mails")
    return {"killed_after": killed_at, "drained_after": stopped_at}


def _line(n: int, books: dict[str, Any], interrupted: dict[str, Any], peak: float) -> dict[str, Any]:
    times = books["times"]
    mailed = Counter(books["campaigns"].values())
    busiest = _busiest_second(times)
    # The end waits for the lease of the worker that was killed; the rate is that of the time before.
    steady = [at for at in times if at <= times[0] + n / RATE]
    seconds = steady[-1] - steady[0]
    return {
        "bench": "fleet",
        "case": f"{WORKERS}_workers_1_service",
        "database": "postgresql",
        "n": n,
        "seconds": round(times[-1] - times[0], 2),
        "per_second": round(len(steady) / seconds, 1),
        "limit": {"what": "OUTREACH_SEND_RATE", "per_second": RATE},
        "ratio": round(len(steady) / seconds / RATE, 3),
        "busiest_second": busiest,
        "busiest_second_ratio": round(busiest / RATE, 3),
        "mailed_once": mailed[1],
        "mailed_twice": sum(owners for times_mailed, owners in mailed.items() if times_mailed > 1),
        "not_mailed": n - mailed.total(),
        **interrupted,
        "peak_rss_mb": round(peak, 1),
        "repeat": 1,
        "spread": 0.0,
    }


def _busiest_second(times: list[float]) -> int:
    """Return the most mails that arrived within any second, wherever it begins."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def _configuration(database: Database, provider: _Provider) -> dict[str, str]:
    return {
        "DB_DSN": database.dsn,
        "SENDGRID_API_KEY": workload.API_KEY,
        "SENDGRID_FROM_EMAIL": "team@sample.test",
        "OUTREACH_SENDGRID_URL": provider.url,
        "OUTREACH_WEBHOOK_PUBLIC_KEY": provider.public_key,
        "OUTREACH_SEND_RATE": str(RATE),
        "OUTREACH_IN_DOUBT_GRACE": str(GRACE),
    }


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise WrongResult(f"it did not come to an end within {PATIENCE:.0f} s")
        time.sleep(0.1)


class _Process:
    """``outreach`` in a process of its own, and what it says on standard error."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self._said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait_for(self, pattern: re.Pattern[str]) -> str:
        found: list[str] = []

        def look() -> bool:
            found.extend(match[1] for line in list(self._said) if (match := pattern.search(line)))
            return bool(found) or self.child.poll() is not None

        _until(look)
        if not found:
            raise WrongResult("a process ended at its start:\n" + "".join(self._said))
        return found[0]

    def _listen(self) -> None:
        assert self.child.stderr is not None
        for line in self.child.stderr:
            self._said.append(line)


@contextmanager
def _outreach(*arguments: str, **configuration: str) -> Iterator[_Process]:
    code = "import sys; from orchestrator.cli import main; sys.argv[0] = 'outreach'; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | configuration,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield _Process(child)
    finally:
        child.kill()
        child.wait()


class _Provider:
    """The SendGrid look-alike in a process of its own, with the moment of each acceptance."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        told = self._read()
        self.url, self.public_key = told["url"], told["public_key"]

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[_Provider]:
        command = [sys.executable, "-m", "benchmarks.fleet"]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert child.stdin is not None
        try:
            yield cls(child)
        finally:
            child.stdin.close()
            child.wait(20)

    def post_to(self, url: str) -> None:
        """Post events there from now on."""
        self._ask("post_to", url)

    def accepted(self) -> int:
        """Return how many mails it has accepted."""
        return self._ask("accepted")

    def books(self) -> dict[str, Any]:
        """Return the moments of all acceptances, in order, and how often each campaign was accepted."""
        return self._ask("books")

    def _ask(self, *words: str) -> Any:
        assert self._child.stdin is not None
        self._child.stdin.write(" ".join(words) + "\n")
        self._child.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise WrongResult("the provider ended; its complaint is above")
        return json.loads(line)


def _provide() -> None:
    """The provider itself: answers questions on stdin, one line each, until stdin ends."""
    from orchestrator.sandbox import Sandbox, SandboxConfig, SandboxServer

    class Clocked(Sandbox):
        """A sandbox that notes when it accepts."""

        def __init__(self, config: SandboxConfig) -> None:
            super().__init__(config)
            self.times: list[float] = []

        def accept(self, payload: dict[str, Any]) -> str:
            self.times.append(time.monotonic())
            return super().accept(payload)

    def answer(sandbox: Clocked, question: str, told: str) -> Any:
        if question == "post_to":
            sandbox.post_to(told)
            return True
        if question == "accepted":
            return len(sandbox.times)
        campaigns = sandbox.truth()["campaigns"]
        return {"times": sorted(sandbox.times), "campaigns": {id_: c["accepted"] for id_, c in campaigns.items()}}

    sandbox = Clocked(SandboxConfig(max_messages=1_000))
    sandbox.faults.set(latency_ms=LATENCY_MS)
    with SandboxServer(sandbox) as server:
        print(json.dumps({"url": server.url, "public_key": sandbox.public_key}), flush=True)
        for line in sys.stdin:
            question, told, *_ = itertools.chain(line.split(), [""])
            print(json.dumps(answer(sandbox, question, told)), flush=True)


if __name__ == "__main__":
    environment.isolate()
    _provide()
