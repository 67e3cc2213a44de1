"""SendGrid's event webhook, put into our own words.

SendGrid's "Event Webhook Reference" names the events and their fields; what is really on the wire differs (numbers as
text, one category or a list, fields left out), so nothing here depends on a field being present or of its documented
type. One strange event never costs the batch it came in: it becomes a `MalformedEvent`, or a fact that is only noted.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from orchestrator import errors
from orchestrator.domain.events import DeliveryEvent, Fact, MalformedEvent, SuppressionReason
from orchestrator.webhooks.elements import Unreadable, load

MAX_WORD = 64  #: characters of an event word that are kept
MAX_REASON = 500  #: characters of a reason that are kept
MAX_ID = 255  #: longer ids are replaced by their hash, so that they fit into an index
MAX_DEPTH = 100  #: levels of an event that has to be repaired; what lies deeper is replaced

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_X_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPED_NUL = b"\\u0000"
_REPLACEMENT = "\ufffd"


class _Meaning(NamedTuple):
    fact: Fact
    event_type: str
    suppress: SuppressionReason | None = None


_MEANINGS = {
    "processed": _Meaning(Fact.PROCESSED, "processed"),
    "deferred": _Meaning(Fact.DEFERRED, "deferred"),
    "delivered": _Meaning(Fact.DELIVERED, "delivered"),
    "bounce": _Meaning(Fact.BOUNCED, "bounced", SuppressionReason.BOUNCE),
    "dropped": _Meaning(Fact.DROPPED, "dropped"),
    "open": _Meaning(Fact.OPENED, "opened"),
    "click": _Meaning(Fact.CLICKED, "clicked"),
    "spamreport": _Meaning(Fact.COMPLAINED, "complained", SuppressionReason.COMPLAINT),
    "unsubscribe": _Meaning(Fact.UNSUBSCRIBED, "unsubscribed", SuppressionReason.UNSUBSCRIBE),
    "group_unsubscribe": _Meaning(Fact.UNSUBSCRIBED, "unsubscribed", SuppressionReason.UNSUBSCRIBE),
    "group_resubscribe": _Meaning(Fact.NOTED, "resubscribed"),
    "account_status_change": _Meaning(Fact.NOTED, "account_status_change"),
}

_MACHINE_OPENED = _Meaning(Fact.MACHINE_OPENED, "opened")
_OPT_OUT_CLICKED = _Meaning(Fact.NOTED, "clicked")

#: ``bounce`` types that by themselves say nothing against the address: SendGrid itself keeps mailing it.
_MESSAGE_LEVEL_BOUNCES = {
    "blocked": _Meaning(Fact.BLOCKED, "blocked"),
    "expired": _Meaning(Fact.EXPIRED, "expired"),
}

#: Why SendGrid dropped a mail, where the reason lies in the address. Older accounts put these words into ``type``.
_DROP_REASONS = {
    "bounced address": SuppressionReason.BOUNCE,
    "unsubscribed address": SuppressionReason.UNSUBSCRIBE,
    "spam reporting address": SuppressionReason.COMPLAINT,
    "invalid": SuppressionReason.INVALID,
    "invalid address": SuppressionReason.INVALID,
}


def _bounce(event: dict[str, Any], plain: _Meaning, _prefix: str | None) -> _Meaning:
    return _MESSAGE_LEVEL_BOUNCES.get(_lowered(event, "type"), plain)


def _dropped(event: dict[str, Any], plain: _Meaning, _prefix: str | None) -> _Meaning:
    suppress = _DROP_REASONS.get(_lowered(event, "reason")) or _DROP_REASONS.get(_lowered(event, "type"))
    return plain._replace(suppress=suppress) if suppress else plain


def _open(event: dict[str, Any], plain: _Meaning, _prefix: str | None) -> _Meaning:
    flag = event.get("sg_machine_open")
    return _MACHINE_OPENED if flag == 1 or _lowered(event, "sg_machine_open") in ("true", "1") else plain


def _click(event: dict[str, Any], plain: _Meaning, prefix: str | None) -> _Meaning:
    url = event.get("url")
    return _OPT_OUT_CLICKED if prefix and isinstance(url, str) and url.startswith(prefix) else plain


_REFINEMENTS: dict[str, Callable[[dict[str, Any], _Meaning, str | None], _Meaning]] = {
    "bounce": _bounce,
    "dropped": _dropped,
    "open": _open,
    "click": _click,
}


def parse(body: bytes, *, opt_out_prefix: str | None = None) -> list[DeliveryEvent | MalformedEvent]:
    """Return the events of one webhook body, in its order.

    Args:
        body: The raw body, already verified.
        opt_out_prefix: Beginning of our own opt-out addresses; following one is no sign of interest.

    Raises:
        MalformedPayload: The body is not JSON, or is not a list.
    """
    elements = load(body)
    if not isinstance(elements, list):
        kind = {dict: "an object", str: "a text", type(None): "null"}.get(type(elements), "a single value")
        raise errors.MalformedPayload(
            f"The webhook's body is {kind}, not a JSON list of events.",
            fix="Send a JSON list, also for one event, as SendGrid's Event Webhook does.",
        )
    return [_normalise(element, opt_out_prefix) for element in elements]


def normalise(event: dict[str, Any], *, opt_out_prefix: str | None = None) -> DeliveryEvent | MalformedEvent:
    """Return what one event dict means; never raises for its content.

    The dict may hold Python values that JSON has no word for (datetimes, UUIDs, NaN); they are made storable.

    Args:
        event: One element of SendGrid's list.
        opt_out_prefix: Beginning of our own opt-out addresses; following one is no sign of interest.
    """
    return _normalise(_storable(event), opt_out_prefix)


def _normalise(event: Any, opt_out_prefix: str | None) -> DeliveryEvent | MalformedEvent:
    if isinstance(event, Unreadable):
        return MalformedEvent(raw={"unreadable": event.beginning}, reason=event.reason, dedupe_key=event.digest)
    event, dedupe_key = _storable_with_key(event)
    if not isinstance(event, dict):
        return MalformedEvent(raw=event, reason="The element is not a JSON object.", dedupe_key=dedupe_key)
    word = event.get("event")
    if not isinstance(word, str) or not word:
        return MalformedEvent(raw=event, reason="The element has no usable `event` field.", dedupe_key=dedupe_key)
    meaning = _MEANINGS.get(word) or _Meaning(Fact.NOTED, f"unknown:{word}"[:MAX_WORD])
    if refine := _REFINEMENTS.get(word):
        meaning = refine(event, meaning, opt_out_prefix)
    return DeliveryEvent(
        kind=word[:MAX_WORD],
        fact=meaning.fact,
        event_type=meaning.event_type,
        raw=event,
        dedupe_key=dedupe_key,
        occurred_at=_moment(event.get("timestamp")),
        tenant_id=_uuid(event.get("tenant_id")),
        campaign_id=_uuid(event.get("campaign_id")),
        message_id=_uuid(event.get("outreach_message_id")),
        sendgrid_message_id=_x_message_id(event.get("sg_message_id")),
        sg_event_id=_bounded_id(event.get("sg_event_id")),
        machine=meaning.fact is Fact.MACHINE_OPENED,
        reason=_reason(event),
        suppress=meaning.suppress,
    )


# Fields ---------------------------------------------------------------------------------------------------------------


def _lowered(event: dict[str, Any], field: str) -> str:
    value = event.get(field)
    return value.strip().lower() if isinstance(value, str) else ""


def _uuid(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if _UUID.fullmatch(value):
        return value
    lowered = value.strip().lower()
    return lowered if _UUID.fullmatch(lowered) else None


def _x_message_id(value: Any) -> str | None:
    """The X-Message-Id inside a ``sg_message_id``; some drops begin with a host name instead, which matches nothing."""
    if not isinstance(value, str):
        return None
    prefix = value.partition(".")[0]
    return prefix if _X_MESSAGE_ID.fullmatch(prefix) else None


def _bounded_id(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value if len(value) <= MAX_ID else f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"


def _moment(value: Any) -> datetime | None:
    if type(value) is int:
        return _instant(value)
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value.strip()) else None
    return _instant(value) if isinstance(value, float) else None


@lru_cache(maxsize=1024)
def _instant(value: float) -> datetime | None:
    # Remembered, because what is reported together has mostly happened in the same few seconds.
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):  # each platform and each size has its own
        return None


def _reason(event: dict[str, Any]) -> str | None:
    for field in ("reason", "response", "type"):
        value = event.get(field)
        if isinstance(value, str) and value:
            return value if len(value) <= MAX_REASON else f"{value[: MAX_REASON - 1]}…"
    return None


# What is stored -------------------------------------------------------------------------------------------------------


def _storable_with_key(event: Any) -> tuple[Any, str]:
    """Return `event` fit for a jsonb column, and its dedupe key: SHA-256 over the canonical event without its id.

    The id is left out because SendGrid's redeliveries are known to carry new ones. The canonical bytes are needed
    anyway, and they show whether the event holds anything PostgreSQL would refuse; only then is it repaired.
    """
    try:
        canonical = _canonical(event)
        if _ESCAPED_NUL not in canonical and _has_plain_id(event):
            return event, hashlib.sha256(canonical).hexdigest()
    except TypeError:  # lone surrogates, numbers beyond 64 bits, more than 254 levels
        pass
    event = _storable(event)
    return event, hashlib.sha256(_canonical(event)).hexdigest()


def _has_plain_id(event: Any) -> bool:
    """Whether the one field outside the canonical bytes is storable as it is; SendGrid's ids always are."""
    value = event.get("sg_event_id", "") if isinstance(event, dict) else ""
    return isinstance(value, str) and value.isascii() and "\x00" not in value


def _canonical(event: Any) -> bytes:
    if isinstance(event, dict) and "sg_event_id" in event:
        event = event.copy()
        del event["sg_event_id"]
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


def _storable(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _storable_number(value)
    if depth >= MAX_DEPTH:
        return _REPLACEMENT
    if isinstance(value, dict):
        return {_storable(str(key)): _storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item, depth + 1) for item in value]
    return _storable(str(value))


def _storable_number(value: float) -> int | float | None:
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return int(value)
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
