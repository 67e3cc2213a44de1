"""The other side of a connection, in a process of its own: it must not share our interpreter's lock.

A server tells its address in one line on stdout, and ends when its stdin ends, so also when its parent is killed.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import environment, workload
from benchmarks.measuring import WrongResult
from benchmarks.stores import Database


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address and its process id."""

    url: str
    process: int


@contextmanager
def provider(latency_ms: int) -> Iterator[Server]:
    """The SendGrid look-alike, answering after `latency_ms`, until the block ends."""
    with _started("provider", str(latency_ms)) as server:
        yield server


@contextmanager
def service(database: Database, public_key: str) -> Iterator[Server]:
    """The HTTP service on `database`, trusting `public_key`, until the block ends."""
    with _started("service", database.kind, database.dsn, database.place, public_key) as server:
        yield server


class Worker:
    """A process that sends what is due when it is told to; made by `worker`."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.process = child.pid

    def go(self) -> None:
        """Let it send until nothing is due."""
        assert self._child.stdin is not None
        self._child.stdin.write("go\n")
        self._child.stdin.flush()

    def sent(self) -> int:
        """Wait until it is done, and return how many mails it sent."""
        assert self._child.stdout is not None
        return int(self._child.stdout.readline() or -1)


@contextmanager
def worker(database: Database, url: str, concurrency: int) -> Iterator[Worker]:
    """A worker on `database`, ready to send through the provider at `url`, until the block ends."""
    with _child("worker", database.kind, database.dsn, database.place, url, str(concurrency)) as (child, _):
        yield Worker(child)


@contextmanager
def _started(*arguments: str) -> Iterator[Server]:
    with _child(*arguments) as (child, url):
        yield Server(url, child.pid)


@contextmanager
def _child(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of ours in the role that is the first of `arguments`, and the line with which it said it is ready."""
    command = [sys.executable, "-m", "benchmarks.servers", *arguments]
    # A session of its own: Ctrl-C ends us first, and we end the server.
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        ready = child.stdout.readline().strip()
        if not ready:
            raise WrongResult(f"the {arguments[0]} did not start; its complaint is above")
        yield child, ready
    finally:
        child.stdin.close()
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


# What a role alone needs is imported by it, so that memory is shown for what is measured.


def _provide(latency_ms: str) -> None:
    from orchestrator.sandbox import Sandbox, SandboxConfig, SandboxServer

    sandbox = Sandbox(SandboxConfig(max_messages=1_000))
    sandbox.faults.set(latency_ms=int(latency_ms))
    with SandboxServer(sandbox) as server:
        print(server.url, flush=True)
        sys.stdin.read()


def _serve(kind: str, dsn: str, place: str, public_key: str) -> None:
    import uvicorn

    from orchestrator.api import create_app
    from orchestrator.cli import collector

    database = Database(kind, dsn, place)
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, workload.product(database, webhook_public_key=public_key) as orchestrator:
        config = uvicorn.Config(create_app(orchestrator), ws="none", log_config=None, access_log=False)
        server = uvicorn.Server(config)

        def stop_with_parent() -> None:
            sys.stdin.read()
            server.should_exit = True

        threading.Thread(target=stop_with_parent, daemon=True).start()
        collector.rest()
        host, port = listener.getsockname()
        print(f"http://{host}:{port}", flush=True)  # the kernel queues connections until the server accepts them
        server.run(sockets=[listener])


def _work(kind: str, dsn: str, place: str, url: str, concurrency: str) -> None:
    from orchestrator.cli import collector

    with workload.product(Database(kind, dsn, place), sendgrid_url=url) as orchestrator:
        collector.rest()
        print("ready", flush=True)
        for _ in sys.stdin:  # ends with our parent
            sent = 0
            while words := orchestrator.send_due(1_000_000, int(concurrency)):
                sent += words.get("sent", 0)
            print(sent, flush=True)


_ROLES = {"provider": _provide, "service": _serve, "worker": _work}

if __name__ == "__main__":
    environment.isolate()
    role, *told = sys.argv[1:]
    _ROLES[role](*told)
