"""One HTTP call as a machine makes it: no cookies, no redirects followed, one connection each."""

from __future__ import annotations

import http.client
import socket
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

_CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
_PIECE = 64 * 1024
_SAFE = "%/:?&=+$,;@!~*'()[]"  # what stands in an address as it is; the rest is percent-encoded


class Answer(NamedTuple):
    """What a server said, or why it said nothing.

    Args:
        status: HTTP status; None: there was no answer.
        headers: The answer's headers, names in lower case.
        failure: Why there was no answer.
        unknown_host: There was none because the name could not be resolved.
        seconds: How long it took.
    """

    status: int | None
    headers: dict[str, str]
    failure: str | None = None
    unknown_host: bool = False
    seconds: float = 0.0

    @property
    def told(self) -> str:
        """The answer in a few characters."""
        return f"HTTP {self.status}" if self.status is not None else str(self.failure)


def is_address(url: str) -> bool:
    """Whether `url` is an absolute http or https address."""
    try:
        parts = urlsplit(url)
        return parts.scheme in _CONNECTIONS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def call(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float, *, chunked: bool = False
) -> Answer:
    """Make one request and return its answer; never raises for what the other side does.

    Args:
        method: HTTP method.
        url: Absolute http or https address; user and password in it become Basic authentication, as SendGrid does.
        body: What is sent, or None.
        headers: All headers but Host and the length.
        timeout: Seconds per socket operation.
        chunked: Send the body in chunks instead of with its length.
    """
    began = time.monotonic()
    connection = None
    try:
        parts = urlsplit(url)
        connection = _CONNECTIONS[parts.scheme](parts.hostname or "", parts.port, timeout=timeout)
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_SAFE)
        sent = {**_authorization(parts.username, parts.password), **headers}
        if chunked and body is not None:
            connection.request(
                method, target, _pieces(body), {**sent, "Transfer-Encoding": "chunked"}, encode_chunked=True
            )
        else:
            connection.request(method, target, body, sent)
        answer = connection.getresponse()
        answer.read()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, seconds=time.monotonic() - began)
    except (OSError, ValueError, http.client.HTTPException) as failure:  # ValueError: an address that is none
        text = f"{type(failure).__name__}: {failure}"
        return Answer(None, {}, text, isinstance(failure, socket.gaierror), time.monotonic() - began)
    finally:
        if connection is not None:
            connection.close()


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


def _authorization(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}
