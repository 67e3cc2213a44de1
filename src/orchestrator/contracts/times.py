"""Moments callers hand in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orchestrator import errors


def parse_time(field: str, value: Any) -> datetime:
    """Return a moment as an aware UTC datetime.

    Args:
        field: Name of the field, for the message.
        value: An aware datetime, or ISO 8601 text with an offset, for example ``2026-03-02T09:00:00-05:00``.

    Raises:
        ValidationError: Neither, or it has no time zone: nobody knows which moment 09:00 is.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise errors.ValidationError(
                field, f"{value[:40]!r} is not a time", fix="Write it like 2026-03-02T09:00:00-05:00."
            ) from None
    if not isinstance(value, datetime):
        raise errors.ValidationError(field, f"must be a datetime or ISO 8601 text, not {type(value).__name__}")
    if value.tzinfo is None or value.utcoffset() is None:
        raise errors.ValidationError(
            field,
            "has no time zone, so nobody knows which moment it is",
            fix="Add an offset: 2026-03-02T09:00:00-05:00, or datetime(…, tzinfo=UTC).",
        )
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise errors.ValidationError(field, "is beyond the years 1 to 9999") from None
