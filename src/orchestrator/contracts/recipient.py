"""What a caller may say of the recipient beside the record: how to greet, where they live, what they agreed to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestrator import errors
from orchestrator.contracts import fields
from orchestrator.contracts.options import parse_label
from orchestrator.domain import consent, greeting
from orchestrator.domain.owners import NameFormat


class Recipient(NamedTuple):
    """The fields are columns of a campaign; None is "nobody said"."""

    greeting: str | None = None
    country: str | None = None
    consent_basis: str | None = None
    consent_source: str | None = None


_NOTHING_SAID = Recipient()


def parse_recipient(item: Mapping[str, Any], country: Any = None, name_format: Any = None) -> Recipient:
    """Return what an item says of its recipient.

    Args:
        item: It may hold ``greeting``, ``country``, ``consent_basis`` and ``consent_source``.
        country: What the property record says at ``owner.country``, which holds where the item says nothing.
        name_format: What it says at ``owner.name_format``; only looked over here, it stays in the record.

    Raises:
        ValidationError: A value is none of what it may be; the field is named.
    """
    if country is None and name_format is None and item.keys().isdisjoint(Recipient._fields):
        return _NOTHING_SAID
    if not _is_empty(name_format) and greeting.name_format(name_format) is None:
        raise errors.ValidationError(
            "property_record.owner.name_format",
            f"must be {NameFormat.LAST_FIRST} (SMITH JOHN) or {NameFormat.FIRST_LAST} (JOHN SMITH),"
            f" got {fields.shown(name_format)}",
        )
    given = _parse_country("country", item.get("country"))
    return Recipient(
        parse_label("greeting", item.get("greeting")),
        given or _parse_country("property_record.owner.country", country),
        _parse_basis(item.get("consent_basis")),
        parse_label("consent_source", item.get("consent_source")),
    )


def _parse_country(field: str, value: Any) -> str | None:
    if _is_empty(value):
        return None
    try:
        return consent.country(value if isinstance(value, str) else "")
    except ValueError as error:
        raise errors.ValidationError(field, f"{error}, got {fields.shown(value)}") from None


def _parse_basis(value: Any) -> str | None:
    if _is_empty(value):
        return None
    try:
        return str(consent.basis(value if isinstance(value, str) else ""))
    except ValueError as error:
        raise errors.ValidationError("consent_basis", f"{error}, got {fields.shown(value)}") from None


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
