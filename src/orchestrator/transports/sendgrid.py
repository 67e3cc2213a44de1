"""Mails out through SendGrid's v3 Mail Send API, over one pool of kept-alive connections."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import math
import select
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter

from orchestrator import errors
from orchestrator.domain.message import NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.transports.sendgrid_answers import classify, printable
from orchestrator.transports.sendgrid_payload import payload

__all__ = ["SendGridTransport", "Timeouts", "payload"]

PATH = "/v3/mail/send"

#: Bytes of an error body that are read; SendGrid's largest answers are a few kilobytes.
ANSWER_LIMIT = 64 * 1024

#: Seconds an idle connection is kept: well below the 75 s at which nginx, which SendGrid runs, closes it. A request
#: written into a connection that is just being closed has an unknown outcome, so the race is kept rare.
KEEP_ALIVE = 15.0

#: The poll event of a connection whose other side hung up. Data does not count: TLS 1.3 sends tickets unasked. Only
#: Linux knows it; elsewhere such a request is written, and its outcome is unknown.
_HUNG_UP: int | None = getattr(select, "POLLRDHUP", None)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds a send may take: to get a connection (pool, DNS, TCP, TLS), between two reads, and altogether."""

    connect: float = 5.0
    read: float = 25.0
    total: float = 30.0


class SendGridTransport:
    """Sends mails through SendGrid; safe for hundreds of `post` calls in flight on one event loop.

    The session is made at the first `post` in a running event loop and belongs to that loop: await `aclose` there.
    Proxy variables of the environment are ignored (``trust_env`` is off): a proxy would see every address, and the
    same switch makes aiohttp read ``~/.netrc`` before each request. Behind an egress gateway set `base_url`.

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
        timeouts: Timeouts = Timeouts(connect=5, read=25, total=30),
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
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
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
        body = _Body(content, lambda: self._monotonic() > deadline)
        try:
            return await self._exchange(body)
        except Exception as error:
            # Whatever went wrong, what is known about the mail is only whether a byte of it was written.
            reason = printable(self._without_key(f"{type(error).__name__}: {error}")).rstrip(": ")
            if body.written:
                return Unknown(f"The answer was lost after the request was written ({reason}).")
            return NotSent(f"The request was not written ({reason}).", late=isinstance(error, _TooLate))

    async def aclose(self) -> None:
        """Close the connections of the running event loop; the next `post` opens new ones."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def _exchange(self, body: _Body) -> Outcome:
        response = await self._session().post(self._url, data=body, allow_redirects=False)
        if not body.written:
            # Sent unasked on a kept-alive connection; aiohttp would take it for the answer to this request.
            response.close()
            raise ConnectionError("the other side answered before it was asked")
        try:
            # A 2xx has nothing to say in its body, and must not become doubtful because the body is cut short.
            answer = b"" if response.status < 300 else await _read(response)
            return classify(
                response.status,
                response.headers,
                self._without_key(answer.decode("utf-8", "replace")).encode(),
                validation_only=self._sandbox_mode,
                now=self._wall(),
            )
        finally:
            response.release()

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            session = self._sessions[loop] = self._open_session()
        return session

    def _open_session(self) -> aiohttp.ClientSession:
        if self._tls is None and self._url.startswith("https:"):
            # Loading the system's certificates takes tens of milliseconds, so one context serves every connection.
            self._tls = ssl.create_default_context()
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            ssl=self._tls or True,
            use_dns_cache=True,
            ttl_dns_cache=60,
            keepalive_timeout=KEEP_ALIVE,
        )
        limits = self._timeouts
        return aiohttp.ClientSession(
            connector=connector,
            headers={"Authorization": f"Bearer {self._api_key}", "User-Agent": "outreach-orchestrator"},
            # aiohttp rounds time-outs above its threshold up to whole seconds; leases are reckoned with exact ones.
            timeout=aiohttp.ClientTimeout(
                total=limits.total, connect=limits.connect, sock_read=limits.read, ceil_threshold=limits.total + 1
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    def _without_key(self, text: str) -> str:
        return text.replace(self._api_key, "[API key]")


class _TooLate(Exception):
    """This process stood still for so long that others may think it dead."""


class _Body(aiohttp.BytesPayload):
    """A request body that remembers whether any byte of the request was given to the operating system.

    aiohttp holds the headers back until the body's first write, so this is the one place where a request starts to
    leave, and the last one where it can be stopped. (Its tracing signals fire before the write and cannot see that the
    connection is already gone.)
    """

    def __init__(self, content: bytes, is_too_late: Callable[[], bool]) -> None:
        super().__init__(content, content_type="application/json")
        self._is_too_late = is_too_late
        self.written = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if _is_unusable(writer.transport):
            raise ConnectionResetError(errno.ECONNRESET, "This kept-alive connection is not usable any more")
        if self._is_too_late():
            raise _TooLate(str(_TooLate.__doc__))
        self.written = True
        await super().write_with_length(writer, content_length)


def _is_unusable(connection: asyncio.WriteTransport | None) -> bool:
    """Tell whether the connection cannot carry a request: hung up, or holding bytes that nobody asked for.

    The kernel is asked about a hang-up that the event loop has not been told of yet.
    """
    if connection is None or connection.is_closing() or getattr(connection.get_protocol(), "should_close", False):
        return True
    sock = connection.get_extra_info("socket")
    if _HUNG_UP is None or sock is None:
        return False
    poll = select.poll()
    poll.register(sock, _HUNG_UP)
    return bool(poll.poll(0))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return at most `ANSWER_LIMIT` bytes of the body; a body that cannot be read is empty: the status is known."""
    try:
        return await response.content.readexactly(ANSWER_LIMIT)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except (aiohttp.ClientError, OSError, TimeoutError):
        return b""


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
