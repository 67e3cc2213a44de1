"""Who may see the dashboard: hosts, sessions, and proof that a form is ours.

A session is a signed cookie with an end. It dies with the password it was opened by, and when it is logged out of;
only that is kept here. In the demo everybody on this machine has a session, because there is nothing to protect.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from fastapi import Request

from orchestrator import errors
from orchestrator.clock import Clock
from orchestrator.tokens import Signer

#: How long a session lasts after its login, whatever is done meanwhile.
LASTS = timedelta(hours=12)
#: ``uri-host [ ":" port ]`` (RFC 9110 §7.2).
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_LOOPBACK_NAMES = frozenset({"localhost"})
#: Bytes that prove that a form is ours.
_PROOF = 16


class Refused(Exception):
    """A request that is not served: `status` and one sentence for a person."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Stale(Refused):
    """A form of an earlier session, or one that nobody was shown; where it came from is another matter."""

    def __init__(self) -> None:
        super().__init__(403, "This form is of an earlier session. Look at it, and send it again.")


class LoginNeeded(Exception):
    """Nobody is logged in. `after` is where to go after that; `lost` says that a form was sent and not executed."""

    def __init__(self, after: str, *, lost: bool) -> None:
        super().__init__(after)
        self.after = after
        self.lost = lost

    @property
    def login(self) -> str:
        """Where to log in."""
        lost = "&ended=1" if self.lost else ""
        return f"/login?next={quote(self.after, safe='')}{lost}"


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that may look. `csrf` proves that a form is ours; it reads differently in every answer."""

    id: str
    csrf: str


class Access:
    """Decides who may see and do.

    Args:
        signer: Returns the signer of sessions.
        clock: Says when a session ends.
        monotonic: Seconds by a clock that is never set, for waiting between attempts.
        password_hash: What the password was hashed to; None: there is no password.
        open_: Whether no password is needed: in the demo.
        hosts: Names that the service is called by, beside this machine's own; anything else is refused, so that no
            page elsewhere can reach it through a name of its own (DNS rebinding).
        secure: Whether cookies travel over https only.
    """

    def __init__(
        self,
        *,
        signer: Callable[[], Signer],
        clock: Clock,
        monotonic: Callable[[], float],
        password_hash: str | None = None,
        open_: bool = False,
        hosts: frozenset[str] = frozenset(),
        secure: bool = False,
    ) -> None:
        self._signer = signer
        self._clock = clock
        self.monotonic = monotonic
        self.password_hash = password_hash
        self.open = open_
        self._hosts = hosts
        self.secure = secure
        #: Browsers keep ``__Host-`` cookies to one host, and to https (RFC 6265bis §4.1.3.2).
        self.cookie = "__Host-outreach" if secure else "outreach_session"
        self._lock = threading.Lock()
        #: Sessions that were logged out of before their time: id, when they would have ended.
        self._ended: dict[str, datetime] = {}

    @property
    def locked(self) -> bool:
        """Whether nobody can log in, because no password was configured."""
        return not self.open and self.password_hash is None

    def check_host(self, request: Request) -> None:
        """Raise `Refused` for a request to a name that is not ours."""
        host = _HOST.fullmatch(request.headers.get("host", ""))
        name = host[1].strip("[]").lower() if host else ""
        if name not in self._hosts and name not in _LOOPBACK_NAMES and not _is_loopback(name):
            raise Refused(
                421, "This service does not answer to that name. Set OUTREACH_BASE_URL or OUTREACH_ALLOWED_HOSTS."
            )

    def session(self, request: Request) -> Session | None:
        """Return the session of a request, or None."""
        try:
            id_, since, key = self._signer().verify("session", request.cookies.get(self.cookie, ""))
            began = datetime.fromtimestamp(int(since), UTC)
        except (errors.TokenError, ValueError, OverflowError):
            return None
        now = self._clock.now()
        current = hmac.compare_digest(key, self._key()) and began <= now + timedelta(minutes=5) and now < began + LASTS
        return Session(id_, _masked(self._proof(id_))) if current and id_ not in self._ended else None

    def end_session(self, session: Session) -> None:
        """Let nobody in by a session any more, not even by a copy of its cookie; other processes do not hear of it."""
        now = self._clock.now()
        with self._lock:
            self._ended = {id_: end for id_, end in self._ended.items() if end > now} | {session.id: now + LASTS}

    def signed(self, purpose: str, value: str) -> str:
        """Return `value` as something that only this installation can have written, before the password changes."""
        return self._signer().sign(purpose, (value, self._key()))

    def unsigned(self, purpose: str, given: str) -> str:
        """Return what `signed` was given. Raises `TokenError` for anything else, and after the password has changed."""
        value, key = self._signer().verify(purpose, given)
        if not hmac.compare_digest(key, self._key()):
            raise errors.TokenError("It was made under another password.")
        return value

    def open_session(self) -> tuple[Session, str]:
        """Return a new session, and the value of its cookie."""
        id_ = secrets.token_urlsafe(18)
        since = str(int(self._clock.now().timestamp()))
        return Session(id_, _masked(self._proof(id_))), self._signer().sign("session", (id_, since, self._key()))

    def check_origin(self, request: Request) -> None:
        """Raise `Refused` for a form that the browser says was sent by a page of another origin."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        ours = "origin" not in request.headers or _says_so(request)
        if site not in ("same-origin", "none") or not ours:
            raise Refused(403, "This form did not come from a page of ours.")

    def check_form(self, request: Request, session: Session, form: Mapping[str, str]) -> None:
        """Raise `Refused` unless the form came from one of our pages, `Stale` unless it was shown to this session."""
        self.check_origin(request)
        given = form.get("csrf") or request.headers.get("x-csrf", "")
        if not hmac.compare_digest(_unmasked(given), self._proof(session.id)):
            raise Stale

    def _proof(self, session_id: str) -> bytes:
        signed = self._signer().sign("csrf", (session_id,))
        return hashlib.sha256(signed.encode()).digest()[:_PROOF]

    def _key(self) -> str:
        """What changes with the password."""
        return hashlib.sha256((self.password_hash or "open").encode()).hexdigest()[:16]


def _masked(proof: bytes) -> str:
    """Hide `proof` behind a pad of its own, so that nobody learns it from how well an answer compresses (BREACH)."""
    pad = secrets.token_bytes(len(proof))
    return (pad + _xor(pad, proof)).hex()


def _unmasked(given: str) -> bytes:
    """Return what `_masked` hid; nothing for anything else."""
    try:
        raw = bytes.fromhex(given)
    except ValueError:
        return b""
    return _xor(raw[:_PROOF], raw[_PROOF:]) if len(raw) == 2 * _PROOF else b""


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def is_from_here(request: Request) -> bool:
    """Whether the browser itself says that one of our pages sent this; no other page can make it say so."""
    return _says_so(request) or request.headers.get("sec-fetch-site") == "same-origin"


def _says_so(request: Request) -> bool:
    """Whether ``Origin`` names the host that was asked (RFC 6454 §7)."""
    _, _, host = request.headers.get("origin", "").partition("://")
    return host != "" and host == request.headers.get("host")


def local_path(after: str) -> str:
    """Return `after` when it is a path of this service, else the start page: nobody is sent elsewhere by a login."""
    # What begins with one slash has neither scheme nor host (RFC 3986 §4.2); browsers read a backslash as a slash.
    plain = after.startswith("/") and not after.startswith("//") and "\\" not in after
    return after if plain and after.isprintable() else "/"


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
