"""A server on a bare socket that answers whatever a test wants, also what no HTTP library would ever send."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orchestrator.domain.message import Outcome, OutgoingMail
from orchestrator.transports.sendgrid import SendGridTransport


@dataclass
class Request:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()


#: What the server does with one request.
Act = Callable[[Connection, Request], Awaitable[None]]


def answer(status: int, headers: dict[str, str] | None = None, body: bytes | str = b"", *, after: float = 0.0) -> Act:
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]

    async def act(connection: Connection, request: Request) -> None:
        await asyncio.sleep(after)
        connection.writer.write("\r\n".join([*lines, "", ""]).encode() + raw)

    return act


def accept(message_id: str = "PwZ0yMzuQveI1WVxL_eo1A", *, after: float = 0.0) -> Act:
    return answer(202, {"X-Message-Id": message_id}, after=after)


def raw(data: bytes, *, then: Callable[[Connection], None] = lambda connection: connection.writer.close()) -> Act:
    """Send `data` as it is, then close (or do as told)."""

    async def act(connection: Connection, request: Request) -> None:
        connection.writer.write(data)
        await connection.writer.drain()
        then(connection)

    return act


async def reset(connection: Connection, request: Request) -> None:
    connection.reset()


async def hang(connection: Connection, request: Request) -> None:
    await connection.reader.read()


@dataclass
class RawSendGrid:
    """Plays `acts` in order, one per request, the last one for ever; keeps what came in."""

    acts: list[Act]
    tls: ssl.SSLContext | None = None
    #: Called with each new connection before anything is read; may reset it.
    on_connect: Callable[[Connection], None] = lambda connection: None
    requests: list[Request] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    _handlers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    @property
    def address(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        for connection in self.connections:
            connection.writer.transport.abort()
        await self._server.wait_closed()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.append(connection)
        self.on_connect(connection)
        self._handlers.append(asyncio.get_running_loop().create_task(self._converse(connection)))

    async def _converse(self, connection: Connection) -> None:
        while not connection.writer.is_closing():
            try:
                request = await _read_request(connection.reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            act = self.acts[min(len(self.requests), len(self.acts) - 1)]
            self.requests.append(request)
            await act(connection, request)


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines if one)}
    return Request(line, headers, await reader.readexactly(int(headers["content-length"])))


def mail(**changes: Any) -> OutgoingMail:
    given: dict[str, Any] = {
        "message_id": "0199a000-0000-7000-8000-000000000004",
        "campaign_id": "0199a000-0000-7000-8000-000000000001",
        "tenant_id": "11111111-1111-4111-8111-111111111111",
        "property_id": "property-7",
        "to_email": "owner@example.com",
        "to_name": "Jane Owner",
        "from_email": "team@acme.example",
        "from_name": "Acme Homes",
        "subject": "Your property at 12 Elm St",
        "text": "Hello,",
        "html": "<p>Hello,</p>",
    }
    return OutgoingMail(**given | changes)


def talk(
    server: RawSendGrid, *, posts: int = 1, scheme: str | None = None, address: str | None = None, **options: Any
) -> list[Outcome]:
    """Post `posts` mails, one after the other, and return their outcomes.

    `scheme` and `address` send them elsewhere than to the server as it is.
    """

    async def conversation() -> list[Outcome]:
        async with server:
            url = f"{scheme or server.scheme}://{address or server.address}"
            transport = SendGridTransport("SG.secret-key", url, **options)
            try:
                return [await transport.post(mail()) for _ in range(posts)]
            finally:
                await transport.aclose()

    return asyncio.run(conversation())


def self_signed(file: Path) -> ssl.SSLContext:
    """Write a new key and certificate for 127.0.0.1 into `file` and return a server's context with them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, today, today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
