"""Statuses callers name."""

from __future__ import annotations

from typing import Any

from orchestrator import errors
from orchestrator.domain.campaign import OutreachStatus


def parse_status(field: str, value: Any) -> OutreachStatus:
    """Return the status that `value` names.

    Raises:
        ValidationError: There is no such status; the message lists them.
    """
    try:
        return OutreachStatus(value)
    except ValueError:
        known = ", ".join(OutreachStatus)
        raise errors.ValidationError(field, f"{str(value)[:40]!r} is no status", fix=f"Use one of {known}.") from None
