"""Values as SQLite's driver takes them, and JSON as both databases do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from orchestrator.domain.text import JsonText

#: Rows as they are written fastest: by column, all of one length.
Columns = Mapping[str, Sequence[Any]]
Encode = Callable[[Any], Any]


def plain_rows(
    table: sa.Table, columns: Columns, *, keep_empty: bool = False
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return the columns that hold anything (or all), and the rows as SQLite's driver takes them."""
    names, encoded = [], []
    for name, values in columns.items():
        if keep_empty or values.count(None) < len(values):
            encode = _sqlite_encoder(table, name)
            names.append(name)
            encoded.append(values if encode is None else map(encode, values))
    return tuple(names), list(zip(*encoded, strict=True))


@lru_cache(maxsize=256)
def _text_time(value: datetime | None) -> str | None:
    # As SQLAlchemy's own SQLite type writes it: the two must sort and compare as one.
    return None if value is None else f"{value.astimezone(UTC).replace(tzinfo=None):%Y-%m-%d %H:%M:%S.%f}"


def _json_text(value: Any) -> str | None:
    return None if value is None else json_text(value)


def json_text(value: Any) -> str:
    """Return a value as JSON."""
    if type(value) is JsonText:
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, default=str)  # integers beyond 64 bits


@cache
def _sqlite_encoder(table: sa.Table, name: str) -> Encode | None:
    type_ = table.c[name].type
    if isinstance(type_, sa.JSON):
        return _json_text
    if isinstance(type_, sa.TypeDecorator):
        return _text_time
    return None
