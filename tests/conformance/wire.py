"""SendGrid's side of the event webhook, on raw sockets: what it writes, how it signs, how it hangs up.

Nothing here comes from the product or from an HTTP library, so that both sides cannot share a mistake.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

WEBHOOK = "/webhooks/sendgrid"
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
#: What a capture of the real sender shows beside the two signature headers.
USUAL_HEADERS = {
    "Host": "outreach.example.test",
    "User-Agent": "SendGrid Event API",
    "Accept-Encoding": "gzip",
    "Content-Type": "application/json;charset=utf-8",
}
TIMEOUT = 20.0


class Signer:
    """A key pair as SendGrid makes one for a webhook."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        der = self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        #: As SendGrid's settings page shows it.
        self.public_key = base64.b64encode(der).decode()

    def headers(self, body: bytes, timestamp: str = "1767625210") -> dict[str, str]:
        """The two headers that go with `body`."""
        signature = self._private.sign(timestamp.encode("ascii") + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def body_of(events: Iterable[Any]) -> bytes:
    """`events` as SendGrid writes them: compact, CR LF between the elements and behind the list."""
    return joined(json.dumps(event, separators=(",", ":")).encode() for event in events)


def joined(elements: Iterable[bytes]) -> bytes:
    """Elements that are JSON already, as one body."""
    return b"[" + b",\r\n".join(elements) + b"]\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One TCP connection to the service, kept open from request to request."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = b""

    def post(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        chunks: Sequence[int] = (),
        pieces: int = 1,
        path: str = WEBHOOK,
    ) -> Answer:
        """POST `body` and return the answer.

        Args:
            body: The exact bytes.
            headers: Added to, or put in the place of, the usual ones.
            chunks: Send chunked, in chunks of these sizes in turn; empty: with a Content-Length.
            pieces: Cut the whole request into so many writes.
            path: Where to.
        """
        framing = {"Transfer-Encoding": "chunked"} if chunks else {"Content-Length": str(len(body))}
        head = _head("POST", path, {**USUAL_HEADERS, **headers, **framing})
        self._send(head + (_chunked(body, chunks) if chunks else body), pieces)
        return self._answer()

    def get(self, path: str) -> Answer:
        self._send(_head("GET", path, {"Host": USUAL_HEADERS["Host"]}), 1)
        return self._answer()

    def metric(self, series: str) -> float | None:
        """The value of one series of /metrics, or None when there is none."""
        lines = (line.rpartition(" ") for line in self.get("/metrics").body.decode().splitlines())
        return next((float(value) for name, _, value in lines if name == series), None)

    def _send(self, request: bytes, pieces: int) -> None:
        size = max(1, -(-len(request) // pieces))
        for start in range(0, len(request), size):
            self._connection.sendall(request[start : start + size])

    def _answer(self) -> Answer:
        head = self._take(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        length = int(headers["content-length"])
        while len(self._unread) < length:
            self._receive()
        body, self._unread = self._unread[:length], self._unread[length:]
        return Answer(int(head[0].split()[1]), headers, body)

    def _take(self, end: bytes) -> bytes:
        while end not in self._unread:
            self._receive()
        taken, _, self._unread = self._unread.partition(end)
        return taken

    def _receive(self) -> None:
        received = self._connection.recv(65536)
        if not received:
            raise ConnectionError("the service hung up before its answer was complete")
        self._unread += received


@contextmanager
def connected(port: int) -> Iterator[Wire]:
    """A connection to `port` of this machine; every write leaves as a packet of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Wire(connection)


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _chunked(body: bytes, sizes: Sequence[int]) -> bytes:
    written, start, turn = b"", 0, 0
    while start < len(body):
        piece = body[start : start + sizes[turn % len(sizes)]]
        written += b"%x\r\n%s\r\n" % (len(piece), piece)
        start, turn = start + len(piece), turn + 1
    return written + b"0\r\n\r\n"
