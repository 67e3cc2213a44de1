"""The door: whose password is looked at, when, and how many at once.

Whoever guesses passwords must get nowhere, and must not keep people out who know theirs. So attempts are counted by
network, only a few strangers' passwords are looked at at the same time, and a browser that has been let in before is
known by a cookie: it neither waits for strangers nor for what others behind the same proxy have done (OWASP, "Slow
Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from orchestrator import errors
from orchestrator.dashboard import passwords
from orchestrator.dashboard.access import Access
from orchestrator.dashboard.throttle import Throttle

#: How long a browser that was let in is known.
KNOWN_FOR = timedelta(days=180)
#: Strangers whose passwords are looked at, or wait for that; each takes a quarter of a second of a core.
STRANGERS = 4
#: Bits of an IPv6 address that whoever has one can choose freely: a network is one client (RFC 6177).
_OWN_BITS = 64


@dataclass(frozen=True, slots=True)
class Turned:
    """Somebody who is not let in: the status and words of the answer, and in how many seconds to come again."""

    status: HTTPStatus
    words: str
    wait: int | None = None


class Door:
    """Looks at passwords.

    Args:
        access: Whose password, cookies and clock these are.
        matches: Tells whether a password is the one that a hash was made of.
    """

    def __init__(self, access: Access, matches: Callable[[str, str], bool] = passwords.matches) -> None:
        self._access = access
        self._matches = matches
        self._throttle = Throttle(access.monotonic)
        self._strangers = threading.BoundedSemaphore(STRANGERS)
        self._cookie = "__Host-outreach-known" if access.secure else "outreach_known"

    def turned_away(self, request: Request, password: str) -> Turned | None:
        """Look at a password; return why it is not let in, or None.

        Raises:
            Refused: The form was sent by another site, which would make a browser guess, or use its attempts up.
        """
        stored = self._access.password_hash
        if stored is None:
            return Turned(HTTPStatus.SERVICE_UNAVAILABLE, "No password is configured.")
        self._access.check_origin(request)
        known = self._known(request)
        if known is not None:
            return self._attempt(f"known {known}", password, stored)
        if not self._strangers.acquire(blocking=False):
            return Turned(HTTPStatus.SERVICE_UNAVAILABLE, "Too many people are logging in. Try again in a moment.", 2)
        try:
            return self._attempt(network(request.client.host if request.client else ""), password, stored)
        finally:
            self._strangers.release()

    def remember(self, answer: Response) -> None:
        """Let whoever gets `answer`, and was let in, be known from now on."""
        value = self._access.signed("known browser", secrets.token_urlsafe(18))
        answer.set_cookie(
            self._cookie,
            value,
            max_age=int(KNOWN_FOR.total_seconds()),
            secure=self._access.secure,
            httponly=True,
            samesite="strict",
        )

    def _known(self, request: Request) -> str | None:
        try:
            return self._access.unsigned("known browser", request.cookies.get(self._cookie, ""))
        except errors.TokenError:
            return None

    def _attempt(self, client: str, password: str, stored: str) -> Turned | None:
        wait = self._throttle.begin(client)
        if wait > 0:
            seconds = int(wait) + 1
            words = f"Too many attempts. Try again in {seconds} {'second' if seconds == 1 else 'seconds'}."
            return Turned(HTTPStatus.TOO_MANY_REQUESTS, words, seconds)
        if not self._matches(password, stored):
            return Turned(HTTPStatus.FORBIDDEN, "That is not the password.")
        self._throttle.succeeded(client)
        return None


def network(address: str) -> str:
    """Return what stands for a client: its IPv4 address, or its IPv6 network; everything that is no address is one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> _OWN_BITS << _OWN_BITS, _OWN_BITS)))
