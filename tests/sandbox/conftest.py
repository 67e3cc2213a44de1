"""A webhook receiver, and sandboxes that post to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orchestrator.sandbox import Sandbox, SandboxConfig, SandboxServer
from tests.sandbox.bench import Bench, Client, Post, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._body()
            with lock:
                state.posts.append(Post(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status = state.answers.pop(0) if state.answers else 200
            self._answer(status, {"Location": "/elsewhere"} if 300 <= status < 400 else {})

        def do_GET(self) -> None:
            with lock:
                headers = {k.lower(): v for k, v in self.headers.items()}
                state.posts.append(Post(f"{self.command} {self.path}", headers, b"[]"))
            self._answer(*state.pages.get(self.path, (200, {})))

        do_HEAD = do_GET

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"]))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bench(receiver: Receiver) -> Iterator[Callable[..., Bench]]:
    """Start a sandbox that posts to the receiver, a thousand times faster than life."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Bench:
            defaults = {"webhook_url": receiver.url, "speed": 1000.0, "flush_interval": 0.02}
            sandbox = Sandbox(SandboxConfig(**{**defaults, "retry_schedule": (0.01, 0.02, 0.04), **settings}))
            server = stack.enter_context(SandboxServer(sandbox))
            client = Client(server.url)
            stack.callback(client.connection.close)
            return Bench(sandbox, server, client)

        yield start


@pytest.fixture
def owned(bench: Callable[..., Bench], receiver: Receiver) -> Callable[..., Bench]:
    """Start a sandbox that posts inbound mail to the receiver."""

    def start(**settings: Any) -> Bench:
        return bench(**{"inbound_url": f"{receiver.base}/inbound", "inbound_spam_check": False, **settings})

    return start
