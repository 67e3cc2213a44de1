"""The HTTP service on a real socket, around a small core that keeps everything in memory."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator import errors
from orchestrator.domain.events import DeliveryEvent
from orchestrator.webhooks import sendgrid
from orchestrator.webhooks.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, Verifier

WEBHOOK = "/webhooks/sendgrid"
TIMEOUT = 10.0


@dataclass
class Counts:
    received: int
    new: int
    duplicate: int
    unknown: int


@dataclass
class Ready:
    name: str
    ok: bool
    detail: str = ""


class MemoryCore:
    """A core without a database: real signatures, real parsing, a set for what is stored."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        der = self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_key = base64.b64encode(der).decode()
        self.verifier: Verifier | None = Verifier(self.public_key)
        self.stored: set[str] = set()
        self.failure: Exception | None = None
        self.checks = [Ready("db", True), Ready("migrations", True)]
        self.links = {"known-token"}
        self.unsubscribed: list[str] = []
        self.choices: list[str | None] = []
        self.undone: list[str] = []

    def sign(self, body: bytes, timestamp: str = "1767625210") -> dict[str, str]:
        """The headers SendGrid would send with `body`."""
        signature = self._private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": "application/json;charset=utf-8",
            SIGNATURE_HEADER: base64.b64encode(signature).decode(),
            TIMESTAMP_HEADER: timestamp,
        }

    def receive_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> Counts:
        if self.verifier is None:
            raise errors.WebhookNotConfigured
        self.verifier.verify(raw_body, headers)
        events = sendgrid.parse(raw_body)
        if self.failure:
            raise self.failure
        unknown = [e for e in events if not isinstance(e, DeliveryEvent) or e.campaign_id is None]
        keys = [e.dedupe_key for e in events if e not in unknown]
        new = set(keys) - self.stored
        self.stored |= new
        return Counts(len(events), len(new), len(keys) - len(new), len(unknown))

    def check_ready(self) -> list[Ready]:
        if self.failure:
            raise self.failure
        return self.checks

    def unsubscribe(self, token: str, choice: str | None = None) -> bool:
        if self.failure:
            raise self.failure
        self.unsubscribed.append(token)
        self.choices.append(choice)
        if token.startswith("forged"):
            raise errors.TokenError
        return token in self.links

    def undo_unsubscribe(self, token: str) -> bool:
        if self.failure:
            raise self.failure
        self.undone.append(token)
        if token.startswith("forged"):
            raise errors.TokenError
        return token in self.links


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """A running service: send it requests, or raw bytes."""

    core: MemoryCore
    port: int

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        with self.keep_alive() as request:
            return request(method, path, body, headers or {})

    @contextmanager
    def keep_alive(self) -> Iterator[Callable[..., Answer]]:
        """Several requests on one connection: a second connection would fail, because this one is never reopened."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        connection.connect()
        connection.auto_open = 0

        def request(method: str, path: str, body: bytes | Iterator[bytes] | None, headers: Mapping[str, str]) -> Answer:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

        try:
            yield request
        finally:
            connection.close()

    def post_signed(self, body: bytes, path: str = WEBHOOK, **headers: str) -> Answer:
        return self.request("POST", path, body, {**self.core.sign(body), **headers})

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
            yield connection

    def metric(self, line: str) -> float | None:
        """The value of one series, or None when there is none."""
        for shown in self.request("GET", "/metrics").text.splitlines():
            series, _, value = shown.rpartition(" ")
            if series == line:
                return float(value)
        return None


class Switch:
    """One socket for many tests: an ASGI application that hands every request to whichever is plugged in.

    It keeps to one worker thread, so that no test leaves a thread that was not there before it.
    """

    def __init__(self) -> None:
        self.app: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        await self.app(scope, receive, send)


@contextmanager
def serving(app: ASGIApp) -> Iterator[int]:
    """Run `app` on a free port of this machine until the block ends; gives the port."""
    # asyncio switches Nagle's delay off only for sockets that name their protocol; otherwise each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", http="h11", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]  # the kernel queues connections until the server accepts them
    finally:
        server.should_exit = True
        thread.join(TIMEOUT)
        listener.close()
