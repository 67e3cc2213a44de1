"""Anything a caller hands in, as plain JSON values that every database takes and gives back unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from orchestrator import errors
from orchestrator.domain import text

_INT64 = 2**63


def mapping(name: str, record: Any) -> dict[str, Any]:
    """Return `record`, a mapping or a Pydantic object, as a dict.

    Raises:
        ValidationError: It is neither.
    """
    if isinstance(record, Mapping):
        return dict(record)
    dumped = _dumped(record)
    if isinstance(dumped, dict):
        return dumped
    got = "nothing" if record is None else type(record).__name__
    raise errors.ValidationError(name, f"must be a dict or a Pydantic object, got {got}")


def json_safe(name: str, record: Any) -> dict[str, Any]:
    """Return a deep copy of `record` made of JSON values only.

    Dates, UUIDs and enumerations become text, decimals become numbers where nothing is lost, NaN and infinity become
    null, and NUL characters and lone surrogates, which PostgreSQL cannot store, are left out.

    Raises:
        ValidationError: `record` is no mapping, or contains itself.
    """
    given = mapping(name, record)
    try:
        data = orjson.dumps(given, default=_converted)
        if b"\\u0000" not in data:
            return orjson.loads(data)
    except TypeError:
        pass  # a lone surrogate, a key that is no text, an integer beyond 64 bits: rare, so mended only now
    try:
        return orjson.loads(orjson.dumps(_mended(given), default=_converted))
    except (TypeError, RecursionError) as error:
        raise errors.ValidationError(name, f"cannot be stored as JSON: {error}") from None


def _dumped(record: Any) -> Any:
    """Dump a Pydantic object, of version 2 or 1; anything else stays as it is."""
    for method in ("model_dump", "dict"):
        dump = getattr(record, method, None)
        if callable(dump) and not isinstance(record, type):
            return dump()
    return record


def _converted(value: Any) -> Any:
    """What orjson cannot write by itself."""
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value or not value.is_finite() else str(value)
    dumped = _dumped(value)
    if dumped is not value:
        return dumped
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return list(value) if isinstance(value, Iterable) else str(value)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return text.storable(str(value))
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return str(value)
    if isinstance(value, Mapping):
        return {text.storable(str(key)): _mended(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_mended(item) for item in value]
    dumped = _dumped(value)
    return value if dumped is value else _mended(dumped)
