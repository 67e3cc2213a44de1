"""Moments callers hand in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from orchestrator import errors

_LIKE = "Write it like 2026-03-02T09:00:00-05:00, or datetime(…, tzinfo=UTC)."
#: Nothing was scheduled before; a year like 26 is a slip of the keyboard, and not every database can write it.
FIRST_YEAR = 1970


def parse_time(field: str, value: Any) -> datetime:
    """Return a moment as an aware UTC datetime.

    Args:
        field: Name of the field, for the message.
        value: An aware datetime of any zone, or ISO 8601 text with an offset or Z, for example
            ``2026-03-02T09:00:00-05:00``. It may have passed long ago, and may be as far away as the year 9999.

    Raises:
        ValidationError: Neither, or it has no time zone: nobody knows which moment 09:00 is.
    """
    if isinstance(value, str):
        value = _from_text(field, value)
    if not isinstance(value, datetime):
        raise _no_time(field, value)
    if value.tzinfo is None or value.utcoffset() is None:
        raise errors.ValidationError(
            field,
            "has no time zone, so nobody knows which moment it is",
            fix="Add an offset: 2026-03-02T09:00:00-05:00, or datetime(…, tzinfo=UTC).",
        )
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise errors.ValidationError(field, f"is beyond the years {FIRST_YEAR} to 9999", fix=_LIKE) from None
    if moment.year < FIRST_YEAR:
        raise errors.ValidationError(
            field, f"is in the year {moment.year}, before {FIRST_YEAR}", fix="Correct the year."
        )
    # Subclasses, such as those of data frames, know more than a database takes.
    return datetime.combine(date(moment.year, moment.month, moment.day), moment.time(), UTC)


def _from_text(field: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise errors.ValidationError(field, f"{text[:40]!r} is not a time", fix=_LIKE) from None


def _no_time(field: str, value: Any) -> errors.ValidationError:
    if isinstance(value, date):
        return errors.ValidationError(field, "is a day without a time, so nobody knows when on it", fix=_LIKE)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return errors.ValidationError(
            field,
            "is a number; seconds, or milliseconds, of which clock?",
            fix="Seconds since 1970: datetime.fromtimestamp(seconds, UTC).",
        )
    return errors.ValidationError(field, f"must be a datetime or ISO 8601 text, not {type(value).__name__}", fix=_LIKE)
