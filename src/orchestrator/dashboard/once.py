"""A form that is sent twice is done once.

Each showing of a page proves its forms in different words (`access`), so a body that comes again, byte for byte, is the
same press of the same button: a double click, or an impatient one. Whoever sends it again is led to where the first
one led. What was refused may be sent again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import anyio
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.dashboard.access import Refused

#: Seconds for which what was done is remembered, and for which one that is being done is waited for.
REMEMBERED, _WAITED = 120.0, 60.0
_MOST = 2_000


class Repeated(Exception):
    """A form was sent before, and done: `location` is where that led."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(slots=True)
class Ticket:
    """One form while it is being done, and for a while afterwards."""

    forget: Callable[[], object]
    began: float
    settled: threading.Event = field(default_factory=threading.Event)
    location: str | None = None

    def settle(self, location: str | None) -> None:
        """Say where it led; None: it was not done. Only the first word counts."""
        if self.settled.is_set():
            return
        self.location = location
        if location is None:
            self.forget()
        self.settled.set()


class Once:
    """Knows what was done lately, in this process.

    Args:
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._tickets: OrderedDict[bytes, Ticket] = OrderedDict()

    async def enter(self, request: Request, session: str, body: bytes) -> None:
        """Let a form be done, by whoever sends it first.

        Raises:
            Repeated: It was done before.
            Refused: It is still being done.
        """
        key = hashlib.sha256(b"\n".join((session.encode(), request.url.path.encode(), body))).digest()
        while True:
            ticket, is_new = self._ticket(key)
            if is_new:
                request.state.ticket = ticket
                return
            one = anyio.CapacityLimiter(1)  # its own: those who wait must not keep the one they wait for from a thread
            if not await anyio.to_thread.run_sync(ticket.settled.wait, _WAITED, limiter=one):
                raise Refused(
                    HTTPStatus.CONFLICT, "This was sent before, and is still being done. Look again in a moment."
                )
            if ticket.location is not None:
                raise Repeated(ticket.location)

    def _ticket(self, key: bytes) -> tuple[Ticket, bool]:
        now = self._monotonic()
        with self._lock:
            while self._tickets and (
                len(self._tickets) >= _MOST or next(iter(self._tickets.values())).began < now - REMEMBERED
            ):
                self._tickets.popitem(last=False)
            known = self._tickets.get(key)
            if known is None:
                known = self._tickets[key] = Ticket(lambda: self._tickets.pop(key, None), now)
                return known, True
            return known, False


class Settling:
    """ASGI middleware: notes where a form led, as its answer says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        def settle(location: str | None) -> None:
            ticket = scope.get("state", {}).get("ticket")
            if ticket is not None:
                ticket.settle(location)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                done = message["status"] == HTTPStatus.SEE_OTHER
                settle(Headers(raw=message["headers"]).get("location") if done else None)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            settle(None)
