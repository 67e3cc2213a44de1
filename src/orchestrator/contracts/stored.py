"""Records as they are stored: checked, cleaned, written as JSON, with what the columns of a campaign need of them.

Bulk imports pass here, so a record is written as JSON once, and what is plain is neither copied nor read again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from orchestrator.contracts import plain, records
from orchestrator.domain.text import JsonText


class StoredProperty(NamedTuple):
    """A property record."""

    id: str
    owner_name: str | None
    owner_email: str
    line1: str
    #: Not looked over yet.
    country: Any
    name_format: Any
    text: JsonText


def stored_property(record: Any) -> StoredProperty:
    """Return a property record as it is stored, checked and cleaned. Raises like `parse_property`."""
    if type(record) is dict and plain.is_property(record):
        written = _written(record)
        if written is not None:
            stored = _stored(record, written)
            # A subclass of str may have a mind of its own.
            if all(type(value) is str or value is None for value in stored[:-1]):
                return stored
    given = records.clean_property(record)
    return _stored(given, json_text(given))


def stored_score(result: Any) -> JsonText:
    """Return a score result as it is stored, checked and cleaned. Raises like `parse_score`."""
    if type(result) is dict and plain.is_score(result):
        written = _written(result)
        if written is not None:
            return written
    return json_text(records.clean_score(result))


def json_text(value: Any) -> JsonText:
    """Return `value`, made of JSON values only, as JSON."""
    return JsonText(orjson.dumps(value), "utf-8")


def _stored(record: dict[str, Any], text: JsonText) -> StoredProperty:
    owner = record["owner"]
    return StoredProperty(
        record["id"],
        owner.get("name"),
        owner["email"],
        record["address"]["line1"],
        owner.get("country"),
        owner.get("name_format"),
        text,
    )


def _written(given: dict[str, Any]) -> JsonText | None:
    """Return `given` as JSON, or None where that takes mending."""
    try:
        data = orjson.dumps(given)
    except TypeError:
        return None
    return None if b"\\u0000" in data else JsonText(data, "utf-8")
