"""What callers pass beside records and ids: numbers, labels, texts."""

from __future__ import annotations

from typing import Any

from orchestrator import errors
from orchestrator.contracts import snapshot
from orchestrator.domain import text

#: More than this in one call is a mistake: everything of it would be held in memory.
MOST = 1_000_000
LABEL_LIMIT = 200


def parse_count(field: str, value: Any) -> int:
    """Return how many at most. Raises `ValidationError` for anything but a whole number from 1 to a million."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise errors.ValidationError(field, f"must be a whole number from 1 to {MOST:,}")
    return value


def parse_label(field: str, value: Any) -> str | None:
    """Return a short text on one line, or None. Raises `ValidationError` for anything else."""
    if value is None:
        return None
    label = text.one_line(text.storable(value)) if isinstance(value, str) else ""
    if not label or len(label) > LABEL_LIMIT:
        raise errors.ValidationError(field, f"must be a text of 1 to {LABEL_LIMIT} characters")
    return label


def parse_text(field: str, value: Any) -> str:
    """Return a text as every database can keep it. Raises `ValidationError` for anything but a text."""
    if not isinstance(value, str):
        raise errors.ValidationError(field, f"must be a text, not {type(value).__name__}")
    return text.storable(value)


def parse_flag(field: str, value: Any) -> bool | None:
    """Return a truth value, or None for "nobody knows". Raises `ValidationError` for anything else."""
    if value is not None and not isinstance(value, bool):
        raise errors.ValidationError(field, "must be True, False or None")
    return value


def parse_context(value: Any) -> dict[str, Any] | None:
    """Return the caller's own data as JSON values, or None. Raises `ValidationError` for what is no dict."""
    return snapshot.json_safe("context", value) if value else None
