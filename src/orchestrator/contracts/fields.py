"""One value at a time: what a caller typed in, made clean or refused with a reason.

Every function here takes anything and raises a plain ``ValueError`` whose text says what is wrong with the value; the
caller knows the field's name.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from orchestrator.domain import text

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BARE_UUID = re.compile(r"[0-9a-f]{32}")

#: Addresses so plain that email-validator would return them unchanged but for the domain's case; anything else goes
#: to email-validator itself, which takes twenty times as long. Lengths: RFC 5321 §4.5.3.1, RFC 1035 §2.3.4.
_PLAIN_EMAIL = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?:(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?P<top>[A-Za-z]{2,24})"
)
_AROUND_EMAIL = re.compile(r"\A[\s<]*(?:mailto:)?[\s<]*|[\s>.,;]*\Z", re.IGNORECASE)
_SEVERAL_EMAILS = re.compile(r"@[^@]*[\s,;/|&]+[^@]*@")
_SPECIAL_TOP_DOMAINS = frozenset({"arpa", "invalid", "local", "localhost", "onion"})  # RFC 6761, 7686
#: Web addresses so plain that nothing about them needs looking into.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(?:/[!#-;=?-\[\]-~]{0,2000})?")
_MEMO_URL_LIMIT = 8_000  # room for a pre-signed storage address with a session token


class Direction(StrEnum):
    """Whether a reason speaks for the property or against it."""

    FOR = "for"
    AGAINST = "against"
    NEITHER = "neither"


_WORDS = {
    Direction.FOR: "positive, pos, +, plus, up, for, pro, true, yes, good, increase",
    Direction.AGAINST: "negative, neg, -, −, minus, down, against, con, false, no, bad, decrease",
    Direction.NEITHER: "neutral, neither, none, flat",
}
_DIRECTIONS = {word: direction for direction, words in _WORDS.items() for word in words.split(", ")}


def direction_of(direction: Any, weight: Any) -> Direction:
    """Say which way a reason points.

    Args:
        direction: A word (``positive``, ``down``, ``against`` …), a sign, a truth value, a number, or nothing.
        weight: The reason's weight; its sign decides when `direction` says nothing.
    """
    if isinstance(direction, str):
        known = _DIRECTIONS.get(direction.strip().lower())
        if known is not None:
            return known
    elif isinstance(direction, bool):
        return Direction.FOR if direction else Direction.AGAINST
    value = number(direction)
    value = number(weight) if value is None else value
    if not value:
        return Direction.NEITHER
    return Direction.FOR if value > 0 else Direction.AGAINST


def number(value: Any) -> float | None:
    """Return `value` as a finite number (``"1,480"`` is 1480), or None when it is none."""
    if isinstance(value, bool):
        return None
    try:
        found = float(value.replace(",", "") if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def line(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be text, got {shown(value)}")
    return text.one_line(str(value)) or None


def required_line(value: Any) -> str:
    clean = line(value)
    if clean is None:
        raise ValueError("is required")
    return clean


def zip_code(value: Any) -> str | None:
    """A spreadsheet's number 2139 was the ZIP code 02139 before the leading zero was lost."""
    whole = number(value) if isinstance(value, (int, float)) else None
    return f"{int(whole):05d}" if whole is not None and whole >= 0 and whole == int(whole) else line(value)


def quantity(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        raise ValueError(f"must be a number, got {shown(value)}")
    return value


def score(value: Any) -> Any:
    found = number(value)
    if found is None or not 0 <= found <= 100:
        raise ValueError(f"score must be between 0 and 100, got {shown(value)}")
    return found if isinstance(value, str) else value


def weight(value: Any) -> Any:
    if value is not None and number(value) is None:
        raise ValueError(f"must be a number, got {shown(value)}")
    return value


def note(value: Any) -> str | None:
    """Return a reason's sentence as it was written; only what is no text is refused."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    raise ValueError(f"must be text, got {shown(value)}")


def shown(value: Any) -> str:
    """A value for an error message: short, on one line, texts in quotes."""
    if value is None:
        return "nothing"
    short = text.shortened(text.header_line(str(value)), 80)
    return f"'{short}'" if isinstance(value, str) else short


def uuid(value: Any) -> str:
    plain = "" if value is None else str(value).strip().lower().removeprefix("urn:uuid:")
    if _UUID.fullmatch(plain):
        return plain
    if _BARE_UUID.fullmatch(plain):
        return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))
    raise ValueError(f"{shown(value)} is not a UUID" if plain else "is required")


def email(value: Any) -> str:
    """Return one address as SMTP takes it: plain ASCII, the domain in lower case (IDNA for others)."""
    if not isinstance(value, str):
        raise ValueError(f"must be text, got {shown(value)}")
    plain = _PLAIN_EMAIL.fullmatch(value)
    if plain and plain["top"].islower() and plain["top"] not in _SPECIAL_TOP_DOMAINS:
        local, _, domain = value.rpartition("@")
        return value if domain.islower() else f"{local}@{domain.lower()}"
    address = _AROUND_EMAIL.sub("", text.one_line(value))
    if address.count("@") > 1 and _SEVERAL_EMAILS.search(address):
        raise ValueError(f"one address is needed, got several: {shown(value)}")
    plain = _PLAIN_EMAIL.fullmatch(address)
    if plain and plain["top"].lower() not in _SPECIAL_TOP_DOMAINS:
        local, _, domain = address.rpartition("@")
        return f"{local}@{domain.lower()}"
    import email_validator  # only odd addresses need it

    try:
        checked = email_validator.validate_email(
            address, check_deliverability=False, allow_smtputf8=False, test_environment=True, strict=True
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"{shown(value)} is not an email address: {error}") from None
    return checked.ascii_email or checked.normalized


def web_address(value: Any) -> str:
    if isinstance(value, str) and _PLAIN_URL.fullmatch(value):
        return value
    address = "" if value is None else str(value).strip(" ")
    if not address:
        raise ValueError("is required: the address of the memo, starting with https://")
    if not address.isprintable() or any(c in address for c in ' \\"<>'):
        raise ValueError(f"holds characters no web address has (percent-encode them): {shown(address)}")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{shown(address)} is not a web address: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"must start with http:// or https:// and name a host, got {shown(address)}")
    if "@" in parts.netloc:
        raise ValueError(f"must not hold a user name or password: {shown(address)}")
    if len(address) > _MEMO_URL_LIMIT:
        raise ValueError(f"is {len(address):,} characters long; at most {_MEMO_URL_LIMIT:,} work in every mail program")
    return address
