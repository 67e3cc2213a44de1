"""Many rows in one statement.

Drivers spend most of their time on the parameters of multi-row statements: one row of an event costs 44 µs of our
processor as an element of eleven arrays, and 3.4 µs inside one JSON text that PostgreSQL takes apart itself
(``json_to_recordset``). SQLite lives in our process, so there the driver's ``executemany`` is the short way.
The statements of a table are built once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Row = Mapping[str, Any]

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
        self._insert(table, rows, "")

    def insert_missing(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Insert those of `rows` that no unique key holds yet."""
        self._insert(table, rows, " ON CONFLICT DO NOTHING")

    def insert_new(self, table: sa.Table, rows: Sequence[Row]) -> set[str]:
        """Insert those of `rows` that no unique key holds yet; return their ids. Every row's id must be a fresh one."""
        if self._is_postgresql:
            return {str(row[0]) for row in self._insert(table, rows, " ON CONFLICT DO NOTHING RETURNING id")}
        self.insert_missing(table, rows)
        wanted = (orjson.dumps([row["id"] for row in rows]).decode(),)
        present = f"SELECT id FROM {table.name} WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
        return {row[0] for row in self._connection.exec_driver_sql(present, wanted)}

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
            self._execute(_update_sql(self._is_postgresql, table, tuple(keys), names), table, group)

    def _insert(self, table: sa.Table, rows: Sequence[Row], ending: str) -> Iterable[Any]:
        if not rows:
            return ()
        return self._execute(_insert_sql(self._is_postgresql, table, tuple(rows[0]), ending), table, rows)

    def _execute(self, sql: str, table: sa.Table, rows: Sequence[Row]) -> Iterable[Any]:
        if self._is_postgresql:
            return self._connection.exec_driver_sql(sql, (_as_json(rows),))
        encoders = [_sqlite_encoder(table, name) for name in rows[0]]
        encoded = [tuple(encode(value) for encode, value in zip(encoders, row.values(), strict=True)) for row in rows]
        return self._connection.exec_driver_sql(sql, encoded)


def _as_json(rows: Sequence[Row]) -> str:
    try:
        return orjson.dumps(rows).decode()
    except TypeError:
        return json.dumps(rows, default=str)  # integers beyond 64 bits


@cache
def _insert_sql(is_postgresql: bool, table: sa.Table, names: tuple[str, ...], ending: str) -> str:
    columns = ", ".join(names)
    if is_postgresql:
        source = f"SELECT {columns} FROM json_to_recordset(%s::json) AS new({_declared(table, names)})"  # noqa: S608
    else:
        source = f"VALUES ({', '.join('?' * len(names))})"
    return f"INSERT INTO {table.name} ({columns}) {source}{ending}"


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


def _same(value: Any) -> Any:
    return value


def _text_time(value: datetime | None) -> str | None:
    # As SQLAlchemy's own SQLite type writes it: the two must sort and compare as one.
    return None if value is None else f"{value.astimezone(UTC).replace(tzinfo=None):%Y-%m-%d %H:%M:%S.%f}"


def _json_text(value: Any) -> str | None:
    return None if value is None else _as_json(value)


@cache
def _sqlite_encoder(table: sa.Table, name: str) -> Callable[[Any], Any]:
    type_ = table.c[name].type
    if isinstance(type_, sa.JSON):
        return _json_text
    if isinstance(type_, sa.TypeDecorator):
        return _text_time
    return _same
