"""``POST /v3/mail/send``: from bytes to a verdict, independent of the HTTP server that carries them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import orjson

from orchestrator.sandbox.validators import problems_of

if TYPE_CHECKING:
    from orchestrator.sandbox.sandbox import Sandbox

MAX_BYTES = 30 * 1024 * 1024
AMBIGUOUS = (500, 502, 504)

Headers = tuple[tuple[str, str], ...]
JSON_TYPE: Headers = (("Content-Type", "application/json"),)
COMMON: Headers = (
    ("Server", "nginx"),
    ("Access-Control-Allow-Origin", "https://sendgrid.api-docs.io"),
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, On-behalf-of, x-sg-elas-acl"),
    ("Access-Control-Max-Age", "600"),
    ("X-No-CORS-Reason", "https://sendgrid.com/docs/Classroom/Basics/API/cors.html"),
    ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
    ("Cache-Control", "no-cache"),
    ("X-Content-Type-Options", "no-sniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
)

UNAUTHORIZED = "The provided authorization grant is invalid, expired, or revoked"
NO_CREDITS = "Maximum credits exceeded"
UNVERIFIED = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. "
    "Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the Sender Identity "
    "requirements"
)
INVALID_UTF8 = "Invalid UTF8 in request."
NON_JSON = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>Bad Gateway</h1></center></body></html>"


class Verdict(NamedTuple):
    """What the client gets.

    Args:
        status: HTTP status.
        body: Body, possibly empty.
        headers: Headers besides `COMMON`.
        delay: Seconds to wait before answering.
        fate: ``answer``, ``reset`` (abort the connection) or ``hang`` (never answer).
    """

    status: int
    body: bytes = b""
    headers: Headers = ()
    delay: float = 0.0
    fate: str = "answer"


def errors_body(*errors: tuple[str, str | None]) -> bytes:
    """Return SendGrid's error document for (message, field) pairs."""
    return orjson.dumps({"errors": [{"message": text, "field": field, "help": None} for text, field in errors]})


def refusal(status: int, message: str, field: str | None = None) -> Verdict:
    """Return an error answer with one complaint."""
    return Verdict(status, errors_body((message, field)), JSON_TYPE)


def too_large() -> Verdict:
    return refusal(413, "content too large")


class SendApi:
    """The endpoint of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._keys = sandbox.config.api_keys
        self._senders = sandbox.config.verified_senders
        self._ambiguous = itertools.cycle(AMBIGUOUS)

    def authorized(self, authorization: str | None) -> bool:
        """Say whether the value of an Authorization header carries an accepted key."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        return key in self._keys if self._keys is not None else key.startswith("SG.")

    def send(self, authorization: str | None, body: bytes) -> Verdict:
        """Judge one request, accept it when it is right, and apply the faults that are switched on."""
        if not self._sandbox.faults.active:
            return self._judge(authorization, body)
        verdict = self._fault_before() or self._with_fault_after(self._judge(authorization, body))
        return verdict._replace(delay=self._sandbox.faults["latency_ms"] / 1000)

    def _judge(self, authorization: str | None, body: bytes) -> Verdict:
        if not self.authorized(authorization):
            return refusal(401, UNAUTHORIZED)
        if len(body) > MAX_BYTES:
            return too_large()
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError:
            return refusal(400, "Bad Request" if _is_utf8(body) else INVALID_UTF8)
        if problems := problems_of(payload, self._sandbox.unix_time()):
            return Verdict(400, orjson.dumps({"errors": [p.as_wire() for p in problems]}), JSON_TYPE)
        if not self._verified(payload):
            return refusal(403, UNVERIFIED, "from")
        if ((payload.get("mail_settings") or {}).get("sandbox_mode") or {}).get("enable"):
            return Verdict(200)
        return Verdict(202, headers=(("X-Message-Id", self._sandbox.accept(payload)),))

    def _verified(self, payload: dict) -> bool:
        if self._senders is None:
            return True
        senders = [payload["from"], *(block["from"] for block in payload["personalizations"] if block.get("from"))]
        emails = [sender["email"].lower() for sender in senders]
        return all(email in self._senders or email.rpartition("@")[2] in self._senders for email in emails)

    def _fault_before(self) -> Verdict | None:
        faults = self._sandbox.faults
        if faults.hits("reset_before"):
            return Verdict(0, fate="reset")
        if faults.hits("hang"):
            return Verdict(0, fate="hang")
        if faults.hits("credits"):
            return refusal(401, NO_CREDITS)
        if faults.hits("error_429"):
            return refusal(429, "too many requests")._replace(headers=JSON_TYPE + self._throttle_headers())
        if faults.hits("error_5xx_before"):
            return self._server_error(faults["status_before"])
        return None

    def _with_fault_after(self, verdict: Verdict) -> Verdict:
        faults = self._sandbox.faults
        if verdict.status != 202:
            return verdict
        if faults.hits("error_5xx_after"):
            return self._server_error(faults["status_after"] or next(self._ambiguous))
        if faults.hits("reset_after_body"):
            return Verdict(0, fate="reset")
        if faults.hits("hang_after_accept"):
            return Verdict(0, fate="hang")
        return verdict

    def _throttle_headers(self) -> Headers:
        faults = self._sandbox.faults
        headers: Headers = ()
        if faults["retry_after"]:
            headers += (("Retry-After", str(int(faults["retry_after"]))),)
        if faults["rate_limit_reset"]:
            reset = self._sandbox.unix_time() + int(faults["rate_limit_reset"])
            headers += (("X-RateLimit-Limit", "600"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", str(reset)))
        return headers

    def _server_error(self, status: int) -> Verdict:
        if self._sandbox.faults["non_json_5xx"]:
            return Verdict(status, NON_JSON, (("Content-Type", "text/html"),))
        return refusal(status, "internal server error" if status == 500 else "service unavailable")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
