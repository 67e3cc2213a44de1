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


@contextmanager
def _started(*arguments: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "benchmarks.servers", *arguments]
    # A session of its own: Ctrl-C ends us first, and we end the server.
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        url = child.stdout.readline().strip()
        if not url:
            raise WrongResult(f"the {arguments[0]} did not start; its complaint is above")
        yield Server(url, child.pid)
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

    database = Database(kind, dsn, place)
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, workload.product(database, webhook_public_key=public_key) as orchestrator:
        config = uvicorn.Config(create_app(orchestrator), ws="none", log_config=None, access_log=False)
        server = uvicorn.Server(config)

        def stop_with_parent() -> None:
            sys.stdin.read()
            server.should_exit = True

        threading.Thread(target=stop_with_parent, daemon=True).start()
        host, port = listener.getsockname()
        print(f"http://{host}:{port}", flush=True)  # the kernel queues connections until the server accepts them
        server.run(sockets=[listener])


_ROLES = {"provider": _provide, "service": _serve}

if __name__ == "__main__":
    environment.isolate()
    role, *told = sys.argv[1:]
    _ROLES[role](*told)
