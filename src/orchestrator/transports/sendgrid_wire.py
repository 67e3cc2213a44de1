"""Requests over aiohttp's connections, without the rest of its client.

aiohttp opens, keeps and closes connections, does TLS, and parses answers. Its session, request and response objects,
which serve every kind of request, cost a mail half of what the exchange costs altogether; ours are all of one kind.
Writing the request ourselves also gives the one place where its first byte leaves.
"""

from __future__ import annotations

import asyncio
import errno
import select
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

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
    """Seconds a send may take: to get a connection (pool, DNS, TCP, TLS), to wait for the answer, and altogether."""

    connect: float = 5.0
    read: float = 25.0
    total: float = 30.0


USUAL = Timeouts()


class TooLate(Exception):
    """This process stood still for so long that others may think it dead."""


class Answer(NamedTuple):
    """What came back; `headers` are looked up whatever their case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Post:
    """One request, which remembers whether any byte of it was given to the operating system.

    Args:
        content: The body, JSON.
        is_too_late: Asked where the first byte is written; True: it must not be.
    """

    __slots__ = ("_is_too_late", "content", "written")

    def __init__(self, content: bytes, is_too_late: Callable[[], bool]) -> None:
        self.content = content
        self.written = False
        self._is_too_late = is_too_late

    def write(self, head: bytes, transport: asyncio.Transport | None) -> None:
        """Write the request to a connection.

        Raises:
            ConnectionResetError: The connection cannot carry it; nothing was written.
            TooLate: Nothing was written.
        """
        if transport is None or _is_unusable(transport):
            raise ConnectionResetError(errno.ECONNRESET, "This kept-alive connection is not usable any more")
        if self._is_too_late():
            raise TooLate(str(TooLate.__doc__))
        self.written = True
        transport.write(b"%b%d\r\n\r\n%b" % (head, len(self.content), self.content))


class Wire:
    """Kept-alive connections to one address; belongs to the event loop in which it was made.

    Args:
        url: Where to post.
        headers: Of every request, besides those that HTTP needs.
        tls: For an https address.
        connections: Most connections open at once.
        timeouts: Limits in seconds.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None, connections: int, timeouts: Timeouts
    ) -> None:
        loop = asyncio.get_running_loop()
        target = URL(url)
        self._clock = loop.time
        self._timeouts = timeouts
        # aiohttp rounds time-outs above its threshold up to whole seconds; leases are reckoned with exact ones.
        self._limits = aiohttp.ClientTimeout(connect=timeouts.connect, ceil_threshold=timeouts.total + 1)
        self._connector = aiohttp.TCPConnector(
            limit=connections, ssl=tls or True, use_dns_cache=True, ttl_dns_cache=60, keepalive_timeout=KEEP_ALIVE
        )
        #: Says where connections lead; it is never sent itself.
        self._destination = aiohttp.ClientRequest("POST", target, loop=loop)
        lines = {"Host": target.host_port_subcomponent or "", **headers, "Content-Type": "application/json"}
        self._head = "\r\n".join(
            [
                f"POST {target.raw_path} HTTP/1.1",
                *(f"{name}: {value}" for name, value in lines.items()),
                "Content-Length: ",
            ]
        ).encode("ascii")

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._connector.closed

    async def exchange(self, post: Post) -> Answer:
        """Send a request and return its answer; of a good one the body is not read: it has nothing to say.

        Raises:
            Exception: There was no answer; ``post.written`` tells whether the other side may have the request.
        """
        ends = self._clock() + self._timeouts.total
        connection = await self._connector.connect(self._destination, [], self._limits)
        try:
            post.write(self._head, connection.transport)
            protocol = cast(ResponseHandler, connection.protocol)  # None only after `close` and `release`
            protocol.set_response_params()
            async with asyncio.timeout_at(min(ends, self._clock() + self._timeouts.read)):
                message, content = await protocol.read()
                while 100 <= message.code < 200 and message.code != 101:  # RFC 9110 §15.2: interim answers
                    message, content = await protocol.read()
            # A 2xx must not become doubtful because the body is cut short.
            body = b"" if message.code < 300 else await _read(content, ends)
        except BaseException:
            connection.close()
            raise
        connection.release()  # closes it where something is left to be read
        return Answer(message.code, message.headers, body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connector.close()


def _is_unusable(connection: asyncio.Transport) -> bool:
    """Tell whether the connection cannot carry a request: hung up, or holding bytes that nobody asked for.

    The kernel is asked about a hang-up that the event loop has not been told of yet.
    """
    if connection.is_closing() or getattr(connection.get_protocol(), "should_close", False):
        return True
    sock = connection.get_extra_info("socket")
    if _HUNG_UP is None or sock is None:
        return False
    poll = select.poll()
    poll.register(sock, _HUNG_UP)
    return bool(poll.poll(0))


async def _read(content: aiohttp.StreamReader, ends: float) -> bytes:
    """Return at most `ANSWER_LIMIT` bytes of the body; a body that cannot be read is empty: the status is known."""
    try:
        async with asyncio.timeout_at(ends):
            return await content.readexactly(ANSWER_LIMIT)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except (aiohttp.ClientError, OSError, TimeoutError):
        return b""
