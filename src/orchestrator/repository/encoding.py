"""Values as each database takes them fastest: plain values for SQLite's driver, one text for PostgreSQL's COPY."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, cast

import orjson
import sqlalchemy as sa

from orchestrator.domain.text import JsonText

#: Rows as they are written fastest: by column, all of one length.
Columns = Mapping[str, Sequence[Any]]
Encode = Callable[[Any], Any]

_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_SPECIAL = "\0\\\t\n\r"


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
    if value is None or type(value) is JsonText:
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


@lru_cache(maxsize=256)
def _iso_time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _plain_text(value: Any) -> str | None:
    return None if value is None else str(value)


@cache
def _copy_encoder(table: sa.Table, name: str) -> Encode | None:
    encode = _sqlite_encoder(table, name)
    if encode is None:
        return None if isinstance(table.c[name].type, (sa.String, sa.Uuid)) else _plain_text
    return _iso_time if encode is _text_time else encode


def copy_text(table: sa.Table, given: Columns) -> tuple[list[str], str]:
    """Return the columns that hold anything, and the rows in COPY's text format.

    Whole columns are joined, escaped and split again, so that no Python runs for a single value; and the text is one,
    because the driver lets go of Python, and waits to have it back, at each piece it sends.
    """
    names, columns = [], []
    for name, values in given.items():
        if values.count(None) < len(values):
            encode = _copy_encoder(table, name)
            names.append(name)
            texts = values if encode is None else list(map(encode, values))
            columns.append(_escaped(texts))
    return names, "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def _escaped(values: Sequence[str | None]) -> Sequence[str]:
    """Escape texts as COPY wants them (PostgreSQL, COPY, "Text Format"); None becomes its mark for NULL."""
    if None not in values:
        together = "".join(cast("Sequence[str]", values))
        if not any(character in together for character in _SPECIAL):
            return cast("Sequence[str]", values)
    joined = "\0".join(value or "" for value in values) if None in values else "\0".join(cast("Sequence[str]", values))
    for character, escape in _ESCAPES:
        joined = joined.replace(character, escape)
    texts = joined.split("\0")
    if len(texts) != len(values):
        raise UnicodeError("a text holds a NUL character")
    if None in values:
        return ["\\N" if value is None else text for value, text in zip(values, texts, strict=True)]
    return texts
