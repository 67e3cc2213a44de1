"""HTTP for the busiest endpoint, without the cost of a general parser.

A uvicorn protocol that answers complete ``POST /v3/mail/send`` requests straight from the socket's bytes and leaves
every other request to uvicorn. It also gives the application a way to reset or silence a connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from time import time
from typing import Any, ClassVar

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.sandbox.send_api import COMMON, MAX_BYTES, SendApi, Verdict, too_large

EXTENSION = "sandbox.transport"
_REQUEST = b"POST /v3/mail/send HTTP/1.1\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_MAX_HEAD = 64 * 1024
_COMMON = "".join(f"{name}: {value}\r\n" for name, value in COMMON).encode()
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class _Date:
    """The Date header, formatted once a second."""

    def __init__(self) -> None:
        self._second, self._text = 0, b""

    def header(self) -> bytes:
        now = int(time())
        if now != self._second:
            self._second, self._text = now, f"Date: {formatdate(now, usegmt=True)}\r\n".encode()
        return self._text


_date = _Date()


def _head_of(block: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in block.split(b"\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in pairs}


class MailProtocol(H11Protocol):
    """One connection. Subclass with `api` set; see `protocol_for`."""

    api: ClassVar[SendApi]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._buffer = bytearray()
        self._waiting = False  # a verdict is being delayed or will never come
        self.app: Callable[[Scope, Receive, Send], Awaitable[None]] = _with_transport(self.app, transport)

    def data_received(self, data: bytes) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if self._buffer or self._waiting or (idle and data.startswith(_REQUEST)):
            self._buffer += data
            self._advance()
        else:
            super().data_received(data)

    def _advance(self) -> None:
        while self._buffer and not self._waiting and not self.transport.is_closing():
            if not self._buffer.startswith(_REQUEST):
                self._hand_over()
                return
            end = self._buffer.find(_END_OF_HEAD)
            if end < 0:
                if len(self._buffer) > _MAX_HEAD:
                    self._hand_over()
                return
            if not self._serve(end):
                return

    def _hand_over(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        super().data_received(data)

    def _serve(self, end: int) -> bool:
        """Answer the request whose head ends at `end`; False when its body is not complete or it is not for us."""
        head = _head_of(bytes(self._buffer[:end]))
        length = head.get(b"content-length", b"")
        if not length.isdigit() or b"transfer-encoding" in head or b"expect" in head:
            self._hand_over()
            return False
        keep = head.get(b"connection", b"").lower() != b"close"
        start = end + len(_END_OF_HEAD)
        if int(length) > MAX_BYTES:
            self._answer(too_large(), keep=False)
            return False
        if len(self._buffer) < start + int(length):
            return False
        body = bytes(self._buffer[start : start + int(length)])
        del self._buffer[: start + int(length)]
        self._unset_keepalive_if_required()
        authorization = head.get(b"authorization")
        verdict = self.api.send(authorization.decode("latin-1") if authorization else None, body)
        self._fulfil(verdict, keep=keep)
        return True

    def _fulfil(self, verdict: Verdict, *, keep: bool) -> None:
        if not verdict.delay:
            self._finish(verdict, keep=keep)
            return
        self._waiting = True
        self.loop.call_later(verdict.delay, self._finish_late, verdict, keep)

    def _finish_late(self, verdict: Verdict, keep: bool) -> None:
        self._waiting = False
        if not self.transport.is_closing():
            self._finish(verdict, keep=keep)
            self._advance()

    def _finish(self, verdict: Verdict, *, keep: bool) -> None:
        if verdict.fate == "reset":
            reset(self.transport)
        elif verdict.fate == "hang":
            self._waiting = True
        else:
            self._answer(verdict, keep=keep)

    def _answer(self, verdict: Verdict, *, keep: bool) -> None:
        own = "".join(f"{name}: {value}\r\n" for name, value in verdict.headers)
        line = (
            f"HTTP/1.1 {verdict.status} {_REASONS.get(verdict.status, '')}\r\nContent-Length: {len(verdict.body)}\r\n"
        )
        connection = "keep-alive" if keep else "close"
        head = f"{line}Connection: {connection}\r\n{own}".encode("latin-1")
        self.transport.write(head + _date.header() + _COMMON + b"\r\n" + verdict.body)
        if not keep:
            self.transport.close()

    def shutdown(self) -> None:
        if self._waiting:
            self.transport.abort()
        else:
            super().shutdown()


def reset(transport: Any) -> None:
    """Reset a connection: linger of zero makes the kernel answer with RST instead of an orderly end."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _with_transport(app: Callable[..., Awaitable[None]], transport: Any) -> Callable[..., Awaitable[None]]:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "extensions": {**scope.get("extensions", {}), EXTENSION: transport}}, receive, send)

    return wrapped


def protocol_for(api: SendApi) -> type[MailProtocol]:
    """Return the protocol class that answers for one sandbox; give it to uvicorn as ``http=``."""
    return type("BoundMailProtocol", (MailProtocol,), {"api": api})
