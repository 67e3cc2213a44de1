"""What SendGrid's answer to ``POST /v3/mail/send`` says about the mail: one of four outcomes.

The status decides, because it is the evidence; the body only supplies the words. SendGrid offers no idempotency key,
so an answer that may come from a gateway *after* the mail was queued is `Unknown` and never tried again blindly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from orchestrator.domain.message import Accepted, NotSent, Outcome, Rejected, Unknown

#: The longest wait that is believed, in seconds; a larger wish is a clock gone wrong.
LONGEST_WAIT = 24 * 3600.0

#: Characters of SendGrid's messages that are kept.
LONGEST_REASON = 2000

#: What a person can do about a refused account: (status, words in SendGrid's message, advice). First match wins.
_ADVICE = (
    (401, "credits", "The account's sending credits are used up: upgrade the plan or wait for its renewal."),
    (401, "", "Check SENDGRID_API_KEY: SendGrid does not know this key, or it was revoked."),
    (403, "sender identity", "Verify the from address or its domain under Sender Authentication in SendGrid."),
    (403, "", "Give the API key the Mail Send permission, and check that the account is not suspended."),
)

_MOVED = (301, 302, 307, 308)


def classify(status: int, headers: Mapping[str, str], body: bytes, *, validation_only: bool, now: float) -> Outcome:
    """Return what is known after an answer.

    Args:
        status: HTTP status code.
        headers: Response headers, looked up case-insensitively by the caller's mapping.
        body: The body, or as much as could be read.
        validation_only: True when the request carried SendGrid's sandbox flag; only then is 200 the good answer.
        now: Seconds since the epoch, to understand absolute times in the headers.
    """
    if status == 202 or (status == 200 and validation_only):
        return Accepted(_message_id(headers.get("X-Message-Id", "")))
    reason = f"SendGrid answered {status}: {_words(body)}"
    if status in (401, 403):
        return NotSent(f"{reason.rstrip('.')}. {_advice(status, reason)}", account=True, status=status)
    if status in _MOVED:
        advice = "Nothing is sent through redirects: set OUTREACH_SENDGRID_URL to the final address."
        return NotSent(f"{reason} {advice}", account=True, status=status)
    if status in (429, 503):
        return NotSent(reason, retry_after=_retry_after(headers, now), status=status)
    if 400 <= status < 500 and status != 408:
        return Rejected(reason, status=status)
    return Unknown(reason, status=status)


def _advice(status: int, reason: str) -> str:
    lowered = reason.lower()
    return next(text for code, words, text in _ADVICE if code == status and words in lowered)


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return SendGrid's wish in seconds from now: Retry-After (RFC 9110 §10.2.3), else X-RateLimit-Reset."""
    wish = _seconds_or_date(headers.get("Retry-After", ""), now)
    if wish is None:
        reset = _number(headers.get("X-RateLimit-Reset", ""))
        wish = None if reset is None else reset - now
    return None if wish is None else min(max(wish, 0.0), LONGEST_WAIT)


def _seconds_or_date(value: str, now: float) -> float | None:
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # The obsolete asctime form carries no zone; HTTP dates are UTC by definition.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now


def _number(value: str) -> float | None:
    digits = value.strip()
    return float(digits) if digits.isascii() and digits.isdigit() else None


def _words(body: bytes) -> str:
    """Return every error message with its field, or the start of a body that is not SendGrid's JSON."""
    try:
        parsed: Any = orjson.loads(body)
        listed = parsed["errors"]
        return printable("; ".join(_one_error(error) for error in listed))[:LONGEST_REASON] or "no error message."
    except (orjson.JSONDecodeError, KeyError, TypeError):
        text = printable(body[:300].decode("utf-8", "replace"))
        return f"not SendGrid's usual JSON: {text!r}." if text else "no error message."


def printable(text: str) -> str:
    """Return one line of printable characters: databases refuse NUL, and logs should not be torn apart."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _message_id(value: str) -> str | None:
    # It is stored and compared with the ids of events, so anything that cannot be one counts as missing.
    value = value.strip()
    return value if value.isascii() and value.isprintable() and 0 < len(value) <= 128 else None


def _one_error(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    field = error.get("field")
    message = str(error.get("message"))
    # The reference shows the field of general errors as null, the published examples as the string "null".
    return message if field in (None, "", "null") else f"{field}: {message}"
