"""What runs in the processes of a run: the sandbox, the service, the workers. All but the first are made to be killed.

Each is the product itself; what is put in the place of usual parts is the clock, time-outs to match it, and a trap that
ends the process at a chosen step.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TextIO

from orchestrator import app, engines
from orchestrator.bootstrap import Parts
from orchestrator.cli import logs, serving
from orchestrator.cli.chaos.clockwork import Clockwork
from orchestrator.cli.chaos.plan import Strike
from orchestrator.cli.demo.stage import without_configuration
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.publishers.log import LogPublisher
from orchestrator.repository import AfterCommit, OutreachRepository, Transaction
from orchestrator.sandbox import Behaviour, Sandbox, SandboxConfig, SandboxServer
from orchestrator.transports.sendgrid import SendGridTransport, Timeouts

API_KEY = "SG.chaos.only-the-sandbox-takes-this"
PROBE_ADDRESS = "operator@acme-realty.example.test"
#: Mails that a worker has on their way at the same time: few, so that three workers have something to do.
CONCURRENCY = 12
#: Longest silence of the webhook endpoint that is none. Three seconds of a machine that is busy with killing.
GAP = timedelta(seconds=60)
#: Loops look around that much less often than the clock would have them: the databases' own speed does not scale.
CALM = 4.0
#: Real seconds in which a worker that was asked to drain has to end. It takes one or two, and far more on a machine
#: that has ten times as much to do as it can.
DRAIN = 60.0
#: What threads of the product are called here, by what they do.
_LOOPS = {"AnyIO worker thread": "ingest"}


@dataclass(frozen=True, slots=True)
class Site:
    """What every process must know.

    ``grace`` is how long a mail stays in doubt before it may be sent again, in seconds of the run.
    """

    dsn: str
    directory: Path
    sandbox_url: str
    public_key: str
    service_port: int
    clock: Clockwork
    grace: int

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.service_port}"


class Telling(Protocol):
    """The supervisor's ear: the sending end of a pipe."""

    def send(self, obj: Any, /) -> None: ...


class Trap:
    """Ends this process at a step, or stops it there, and says so before; without a strike it does neither.

    Args:
        strike: Where, and at which passage.
        told: Who is told.
    """

    def __init__(self, strike: Strike | None, told: Telling) -> None:
        self._strike = strike
        self._told = told
        self._passages: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._transactions = threading.Condition()
        self._open = 0

    def reached(self, step: str) -> None:
        """Count a passage of `step`; the chosen one is the last thing this process does."""
        strike = self._strike
        if strike is None or step not in (strike.step, strike.stop_at):
            return
        with self._lock:
            self._passages[step] += 1
            passage = self._passages[step]
        if step == strike.stop_at and passage == 1:
            self._stop()
        if step == strike.step and passage == strike.passage:
            self._told.send(step)
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Surround a transaction, so that no stop falls into it."""
        with self._transactions:
            self._open += 1
        try:
            yield
        finally:
            with self._transactions:
                self._open -= 1
                self._transactions.notify_all()

    def _stop(self) -> None:
        # Inside a transaction it would hold SQLite's one write lock, and stop everybody instead of itself.
        with self._transactions:
            self._transactions.wait_for(lambda: self._open == 0)
            self._told.send("stopped")
            os.kill(os.getpid(), signal.SIGSTOP)


class WatchedRepository(OutreachRepository):
    """The repository, with a trap before and behind each commit; steps are named after the loop that commits."""

    def __init__(self, dsn: str, clock: Clockwork, trap: Trap) -> None:
        super().__init__(dsn, clock=clock)
        self._trap = trap

    @contextmanager
    def transaction(self, after_commit: AfterCommit | None = None) -> Iterator[Transaction]:
        name = threading.current_thread().name
        loop = _LOOPS.get(name, name.removeprefix("outreach-"))
        with self._trap.outside(), super().transaction(after_commit) as tx:
            yield tx
            self._trap.reached(f"{loop}.committing")
        self._trap.reached(f"{loop}.committed")


@contextmanager
def installation(site: Site, trap: Trap) -> Iterator[OutreachOrchestrator]:
    """Open the product on the run's database, with the run's clock."""
    clock = site.clock
    usual = Timeouts()
    transport = SendGridTransport(
        API_KEY,
        site.sandbox_url,
        timeouts=Timeouts(usual.connect / clock.speed, usual.read / clock.speed, usual.total / clock.speed),
        wall=clock.unix,
        monotonic=clock.monotonic,
    )
    parts = Parts(
        gap=GAP, transport=transport, clock=clock, pause=clock.pause, monotonic=clock.monotonic, reached=trap.reached
    )
    repository = WatchedRepository(site.dsn, clock, trap)
    try:
        with without_configuration():
            orchestrator = OutreachOrchestrator(
                repository,
                API_KEY,
                "offers@acme-realty.example.test",
                "Acme Realty",
                parts=parts,
                sendgrid_url=site.sandbox_url,
                webhook_public_key=site.public_key,
                base_url=site.service_url,
                company_name="Acme Realty, Inc.",
                postal_address="500 Main Street, Suite 12, Springfield, IL 62701",
                in_doubt_grace=site.grace,
                probe_address=PROBE_ADDRESS,
            )
        with orchestrator:
            yield orchestrator
    finally:
        repository.close()


def work(site: Site, strike: Strike | None, told: Telling) -> None:
    """Be a worker until SIGTERM, or until the trap springs."""
    asked = _prepare(site.directory, "worker")
    with _outlet(site) as published, installation(site, Trap(strike, told)) as orchestrator:
        engine = engines.create(
            orchestrator, publisher=LogPublisher(published), concurrency=CONCURRENCY, pace=site.clock.speed / CALM
        )
        engine.start()
        told.send("ready")
        asked.wait()
        engine.stop(DRAIN)


def serve(site: Site, strike: Strike | None, told: Telling) -> None:
    """Be one of the services that take the webhooks in, until the trap springs."""
    _prepare(site.directory, "service")
    # Several listen on one port, and the kernel chooses among them, as a load balancer would among machines.
    listening = socket.create_server(("127.0.0.1", site.service_port), backlog=1024, reuse_port=True)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listening, _outlet(site) as published, installation(site, Trap(strike, told)) as orchestrator:

        async def pause(seconds: float) -> None:
            await asyncio.sleep(seconds / site.clock.speed)

        service = app.create_service(orchestrator, publisher=LogPublisher(published), pause=pause)
        serving.Server(service, grace=1, on_accepting=lambda: told.send("ready")).run([listening])


def play_sendgrid(directory: Path, webhook_url: str, seed: int, clock: Clockwork, told: Telling) -> None:
    """Be SendGrid, and keep the true books, until asked to end."""
    asked = _prepare(directory, "sandbox")
    config = SandboxConfig(
        webhook_url=webhook_url,
        seed=seed,
        behaviour=Behaviour.realistic(),
        speed=clock.speed,
        max_messages=100,  # the books are kept for all of them
    )
    with SandboxServer(Sandbox(config, clock)) as server:
        told.send((server.url, server.sandbox.public_key))
        asked.wait()


def _outlet(site: Site) -> TextIO:
    """A file of this process's own for the events it publishes: one cut off by a kill must not spoil another's line."""
    return (site.directory / f"events-{os.getpid()}.jsonl").open("a", encoding="utf-8")


def _prepare(directory: Path, role: str) -> threading.Event:
    """Log to a file, end with the supervisor, leave Ctrl-C to it; return the event that SIGTERM sets."""
    _end_with_parent()
    log = os.open(directory / f"{role}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
    logs.configure("info")
    asked = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    return asked


def _end_with_parent() -> None:
    """Have the kernel end this process when the one that forked it ends, however that ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
