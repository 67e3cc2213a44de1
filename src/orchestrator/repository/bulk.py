"""Many rows in one statement.

Drivers spend most of their time on the parameters of multi-row statements: one row of an event costs 44 µs of our
processor as an element of eleven arrays, and 3.4 µs inside one JSON text that PostgreSQL takes apart itself
(``json_to_recordset``). SQLite lives in our process, so there many rows of plain values are the short way.
The statements of a table are built once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain
from typing import Any, cast

import orjson
import psycopg
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql

Row = Mapping[str, Any]
Encode = Callable[[Any], Any]

#: From so many rows on PostgreSQL's COPY, which costs round trips and then a third for each row.
_WORTH_COPYING = 50

#: Rows in one statement for SQLite, which takes 32,766 values (SQLITE_MAX_VARIABLE_NUMBER) and our widest rows have
#: 40. Few sizes, so that each statement is parsed once. The driver holds Python up between statements only: row by row
#: would be slower, and ten times so beside another busy thread.
_AT_ONCE = (500, 50, 5, 1)
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_POSTGRESQL = postgresql.dialect()


class Bulk:
    """Writes many rows of one table at once, within one transaction. All rows of a call name the same columns.

    Args:
        connection: The transaction's connection.
        is_postgresql: Which of the two databases it is.
    """

    def __init__(self, connection: sa.Connection, is_postgresql: bool) -> None:
        self._connection = connection
        self._is_postgresql = is_postgresql

    def insert(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Insert `rows`; a row that some unique key already holds is an error."""
        if self._is_postgresql and len(rows) >= _WORTH_COPYING:
            self._copy(table, rows)
        else:
            self._insert(table, rows, "")

    def insert_missing(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Insert those of `rows` that no unique key holds yet."""
        self._insert(table, rows, " ON CONFLICT DO NOTHING")

    def insert_new(self, table: sa.Table, rows: Sequence[Row]) -> set[str]:
        """Insert those of `rows` that no unique key holds yet; return their ids. Every row's id must be a fresh one."""
        if self._insert(table, rows, " ON CONFLICT DO NOTHING") == len(rows):
            return {row["id"] for row in rows}
        return self._present(table, rows)

    def insert_likely_new(self, table: sa.Table, rows: Sequence[Row]) -> set[str]:
        """Do as `insert_new`, at less cost when every row goes in and at more when not."""
        if not self._is_postgresql or len(rows) < _WORTH_COPYING:
            return self.insert_new(table, rows)
        savepoint = self._connection.begin_nested()
        try:
            self._copy(table, rows)
        except exc.IntegrityError:  # COPY knows no ON CONFLICT
            savepoint.rollback()
            return self.insert_new(table, rows)
        savepoint.commit()
        return {row["id"] for row in rows}

    def add_up(self, table: sa.Table, keys: Sequence[str], column: str, rows: Sequence[Row]) -> None:
        """Insert `rows`; where a row with the same `keys` exists, add the new `column` to its own."""
        conflict = (
            f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {column} = {table.name}.{column} + excluded.{column}"
        )
        self._insert(table, rows, conflict)

    def update(self, table: sa.Table, keys: Sequence[str], rows: Iterable[Row]) -> None:
        """Set, in the rows that have the same `keys`, every other column named. Rows may name different columns."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(row), []).append(row)
        for names, group in groups.items():
            sql = _update_sql(self._is_postgresql, table, tuple(keys), names)
            if self._is_postgresql:
                self._execute(sql, group)
            else:
                self._connection.exec_driver_sql(sql, _encoded(table, group, _sqlite_encoder))

    def _insert(self, table: sa.Table, rows: Sequence[Row], ending: str) -> int:
        """Insert `rows`; return how many went in."""
        if not rows:
            return 0
        names = tuple(rows[0])
        if self._is_postgresql:
            return self._execute(_insert_sql(table, names, ending), rows)
        encoded = _encoded(table, rows, _sqlite_encoder)
        inserted = start = 0
        for size in _AT_ONCE:
            sql = _values_sql(table, names, size, ending)
            while len(encoded) - start >= size:
                values = tuple(chain.from_iterable(encoded[start : start + size]))
                inserted += self._connection.exec_driver_sql(sql, values).rowcount
                start += size
        return inserted

    def _copy(self, table: sa.Table, rows: Sequence[Row]) -> None:
        names, data = _copy_text(table, rows)
        sql = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
        driver: Any = self._connection.connection.driver_connection
        try:
            with driver.cursor() as cursor, cursor.copy(sql) as copy:
                copy.write(data.encode())
        except (psycopg.Error, UnicodeError) as error:
            # SQLAlchemy has no COPY; what goes wrong must look as if it had.
            if driver.closed:
                self._connection.invalidate(error)
            raise exc.DBAPIError.instance(
                sql, None, error, psycopg.Error, connection_invalidated=driver.closed
            ) from error

    def _present(self, table: sa.Table, rows: Sequence[Row]) -> set[str]:
        """Return the ids of those of `rows` that are in the table."""
        keys = orjson.dumps([(row["tenant_id"], row["id"]) for row in rows]).decode()
        found = self._connection.exec_driver_sql(_present_sql(self._is_postgresql, table), (keys,))
        return {row[0] for row in found}

    def _execute(self, sql: str, rows: Sequence[Row]) -> int:
        return self._connection.exec_driver_sql(sql, (_as_json(rows),)).rowcount


def _as_json(rows: Sequence[Row]) -> str:
    try:
        return orjson.dumps(rows).decode()
    except TypeError:
        return json.dumps(rows, default=str)  # integers beyond 64 bits


@cache
def _insert_sql(table: sa.Table, names: tuple[str, ...], ending: str) -> str:
    columns = ", ".join(names)
    source = f"SELECT {columns} FROM json_to_recordset(%s::json) AS new({_declared(table, names)})"  # noqa: S608
    return f"INSERT INTO {table.name} ({columns}) {source}{ending}"


@cache
def _values_sql(table: sa.Table, names: tuple[str, ...], size: int, ending: str) -> str:
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join([row] * size)}{ending}"  # noqa: S608


@cache
def _present_sql(is_postgresql: bool, table: sa.Table) -> str:
    if is_postgresql:
        keys = "json_array_elements(%s::json) AS key(pair)"
        same = "t.tenant_id = (pair->>0)::uuid AND t.id = (pair->>1)::uuid"
    else:
        keys, same = "json_each(?) AS key", "t.tenant_id = key.value->>0 AND t.id = key.value->>1"
    return f"SELECT CAST(t.id AS text) FROM {keys} CROSS JOIN {table.name} t WHERE {same}"  # noqa: S608


@cache
def _update_sql(is_postgresql: bool, table: sa.Table, keys: tuple[str, ...], names: tuple[str, ...]) -> str:
    values = [name for name in names if name not in keys]
    if not is_postgresql:
        # Numbered parameters: the row's order, whatever the order in the statement.
        number = {name: position for position, name in enumerate(names, 1)}
        changes = ", ".join(f"{name} = ?{number[name]}" for name in values)
        return f"UPDATE {table.name} SET {changes} WHERE {' AND '.join(f'{k} = ?{number[k]}' for k in keys)}"  # noqa: S608
    changes = ", ".join(f"{name} = new.{name}" for name in values)
    same = " AND ".join(f"{table.name}.{key} = new.{key}" for key in keys)
    source = f"json_to_recordset(%s::json) AS new({_declared(table, names)})"
    return f"UPDATE {table.name} SET {changes} FROM {source} WHERE {same}"  # noqa: S608


def _declared(table: sa.Table, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {table.c[name].type.compile(_POSTGRESQL)}" for name in names)


def _encoded(table: sa.Table, rows: Sequence[Row], encoder: Callable[..., Encode | None]) -> list[tuple[Any, ...]]:
    """Return the values of `rows`, those that the database takes as text encoded."""
    columns: list[Iterable[Any]] = list(zip(*(row.values() for row in rows), strict=True))
    for position, name in enumerate(rows[0]):
        encode = encoder(table, name)
        if encode is not None:
            columns[position] = map(encode, columns[position])
    return list(zip(*columns, strict=True))


@lru_cache(maxsize=256)
def _text_time(value: datetime | None) -> str | None:
    # As SQLAlchemy's own SQLite type writes it: the two must sort and compare as one.
    return None if value is None else f"{value.astimezone(UTC).replace(tzinfo=None):%Y-%m-%d %H:%M:%S.%f}"


def _json_text(value: Any) -> str | None:
    return None if value is None else _as_json(value)


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


def _copy_text(table: sa.Table, rows: Sequence[Row]) -> tuple[list[str], str]:
    """Return the columns that hold anything, and the rows in COPY's text format.

    Whole columns are joined, escaped and split again, so that no Python runs for a single value; and the text is one,
    because the driver lets go of Python, and waits to have it back, at each piece it sends.
    """
    names, columns = [], []
    for name, values in zip(rows[0], zip(*(row.values() for row in rows), strict=True), strict=True):
        if values.count(None) < len(values):
            encode = _copy_encoder(table, name)
            names.append(name)
            columns.append(_escaped(values if encode is None else list(map(encode, values))))
    return names, "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def _escaped(values: Sequence[str | None]) -> list[str]:
    """Escape texts as COPY wants them (PostgreSQL, COPY, "Text Format"); None becomes its mark for NULL."""
    joined = "\0".join(value or "" for value in values) if None in values else "\0".join(cast("Sequence[str]", values))
    for character, escape in _ESCAPES:
        joined = joined.replace(character, escape)
    texts = joined.split("\0")
    if len(texts) != len(values):
        raise UnicodeError("a text holds a NUL character")
    if None in values:
        return ["\\N" if value is None else text for value, text in zip(values, texts, strict=True)]
    return texts
