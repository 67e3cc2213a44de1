"""Mails out through SendGrid's v3 Mail Send API, over one pool of kept-alive connections."""

from __future__ import annotations

import asyncio
import hashlib
import math
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import orjson

from orchestrator import errors
from orchestrator.domain.message import NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.transports.sendgrid_answers import classify, printable
from orchestrator.transports.sendgrid_payload import payload
from orchestrator.transports.sendgrid_wire import USUAL, Post, Timeouts, TooLate, Wire

__all__ = ["SendGridTransport", "Timeouts", "payload"]

PATH = "/v3/mail/send"


class SendGridTransport:
    """Sends mails through SendGrid; safe for hundreds of `post` calls in flight on one event loop.

    Connections are made in the running event loop and belong to that loop: await `aclose` there. Proxy variables of the
    environment are ignored: a proxy would see every address. Behind an egress gateway set `base_url`.

    Args:
        api_key: SendGrid API key with the Mail Send permission.
        base_url: Address of the API without the path; EU subusers: ``https://api.eu.sendgrid.com``.
        sandbox_mode: Set SendGrid's own sandbox flag: mails are validated, never sent.
        timeouts: Limits in seconds.
        connections: Most connections open at once; further sends wait for one, at most ``timeouts.connect``.
        wall: Seconds since the epoch, to understand absolute times in answers.
        monotonic: Seconds by a clock that is never set, to obey deadlines.

    Raises:
        MissingApiKey: `api_key` is empty.
        ConfigurationError: `api_key` cannot stand in a header, or `base_url` is not a plain http(s) address.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = "https://api.sendgrid.com",
        *,
        sandbox_mode: bool = False,
        timeouts: Timeouts = USUAL,
        connections: int = 200,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api_key = _checked_key(api_key)
        self._base_url = _checked_url(base_url)
        self._url = self._base_url + PATH
        self._sandbox_mode = sandbox_mode
        self._timeouts = timeouts
        self._connections = connections
        self._wall = wall
        self._monotonic = monotonic
        self._tls: ssl.SSLContext | None = None
        self._wires: dict[asyncio.AbstractEventLoop, Wire] = {}
        #: Stable name of the account: the same key and address give the same sixteen hex digits in every process.
        self.account = hashlib.sha256(f"{self._base_url}\0{self._api_key}".encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"SendGridTransport(account={self.account!r}, base_url={self._base_url!r})"

    async def post(self, mail: OutgoingMail, deadline: float = math.inf) -> Outcome:
        """Try to send `mail` once, unless its first byte would be written after `deadline`.

        Args:
            mail: What to send.
            deadline: Seconds by the clock given as `monotonic`.

        Returns:
            What is known: see `orchestrator.domain.message`. A mail that cannot be put into a request (a reserved
            header, text that is not Unicode) is `Rejected` without a status; nothing the network or SendGrid does
            raises.
        """
        try:
            content = orjson.dumps(payload(mail, self._sandbox_mode))
        except (errors.ValidationError, orjson.JSONEncodeError) as error:
            return Rejected(f"The mail cannot be put into a request: {error}")
        request = Post(content, lambda: self._monotonic() > deadline)
        try:
            return await self._exchange(request)
        except Exception as error:
            # Whatever went wrong, what is known about the mail is only whether a byte of it was written.
            reason = printable(self._without_key(f"{type(error).__name__}: {error}")).rstrip(": ")
            if request.written:
                return Unknown(f"The answer was lost after the request was written ({reason}).")
            return NotSent(f"The request was not written ({reason}).", late=isinstance(error, TooLate))

    async def aclose(self) -> None:
        """Close the connections of the running event loop; the next `post` opens new ones."""
        wire = self._wires.pop(asyncio.get_running_loop(), None)
        if wire is not None:
            await wire.aclose()

    async def _exchange(self, request: Post) -> Outcome:
        answer = await self._wire().exchange(request)
        return classify(
            answer.status,
            answer.headers,
            self._without_key(answer.body.decode("utf-8", "replace")).encode() if answer.body else b"",
            validation_only=self._sandbox_mode,
            now=self._wall(),
        )

    def _wire(self) -> Wire:
        loop = asyncio.get_running_loop()
        wire = self._wires.get(loop)
        if wire is None or wire.closed:
            wire = self._wires[loop] = self._open_wire()
        return wire

    def _open_wire(self) -> Wire:
        if self._tls is None and self._url.startswith("https:"):
            # Loading the system's certificates takes tens of milliseconds, so one context serves every connection.
            self._tls = ssl.create_default_context()
        headers = {"Authorization": f"Bearer {self._api_key}", "User-Agent": "outreach-orchestrator", "Accept": "*/*"}
        return Wire(self._url, headers, self._tls, self._connections, self._timeouts)

    def _without_key(self, text: str) -> str:
        return text.replace(self._api_key, "[API key]")


def _checked_key(api_key: str) -> str:
    if not api_key:
        raise errors.MissingApiKey
    if not all("!" <= char <= "~" for char in api_key):
        raise errors.ConfigurationError(
            "The SendGrid API key holds a space, a line break or a character that no key has.",
            fix="Copy SENDGRID_API_KEY again, without anything around it.",
        )
    return api_key


def _checked_url(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise errors.ConfigurationError(
            "SendGrid's address must be a plain http:// or https:// address without user name or query.",
            fix="Set OUTREACH_SENDGRID_URL to an address like https://api.sendgrid.com",
        )
    return base_url.rstrip("/")
