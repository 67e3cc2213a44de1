"""Pages and files travel compressed, but where that could tell somebody what is in them."""

from __future__ import annotations

import gzip
import re

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

#: Hardly larger than the best that zlib can do, in a fraction of the time.
_LEVEL = 5
#: Bytes from which on it is done in a thread, so that no webhook waits for somebody's page.
_IN_A_THREAD = 16 * 1024
#: ``q=0`` means "not acceptable" (RFC 9110 §12.4.2).
_REFUSED = re.compile(r"\bgzip\s*;\s*q=0(?:\.0{0,3})?\s*(?:,|$)", re.IGNORECASE)


class Packing:
    """ASGI middleware: compresses what a browser asks for on behalf of our own pages, or of a person.

    What another site makes a browser ask for stays as long as it is. Whoever chooses parts of a page and sees how long
    it is when compressed learns what else it holds (BREACH, CVE-2013-3587); without compression there is nothing to
    see. Streams of events are never compressed, because each event has to leave at once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packed = GZipMiddleware(app, compresslevel=_LEVEL, thread_minimum_size=_IN_A_THREAD)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        packed = scope["type"] == "http" and _is_asked_by_us(Headers(scope=scope))
        await (self._packed if packed else self._plain)(scope, receive, send)


def pack(content: bytes) -> bytes:
    """Return `content` as small as gzip makes it, the same at every start."""
    return gzip.compress(content, 9, mtime=0)


def takes_gzip(headers: Headers) -> bool:
    """Whether an answer may be compressed (RFC 9110 §12.5.3)."""
    accepted = headers.get("accept-encoding", "")
    return "gzip" in accepted.lower() and not _REFUSED.search(accepted)


def _is_asked_by_us(headers: Headers) -> bool:
    # Browsers say who asks (Fetch Metadata) where it matters: over https, and to this machine. Others do not.
    return takes_gzip(headers) and headers.get("sec-fetch-site", "none") in ("none", "same-origin")
