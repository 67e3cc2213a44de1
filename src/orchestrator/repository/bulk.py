"""Many rows in one statement.

Drivers spend most of their time on the parameters of multi-row statements, and servers on reading them as text. So
PostgreSQL is given a COPY or one array for each column, both in its own format (`wire`). SQLite lives in our process,
so there many rows of plain values are the short way. The statements of a table are built once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import exc

from orchestrator.repository.encoding import Columns, plain_rows
from orchestrator.repository.wire import WireArray, array, array_type, copy_rows

Row = Mapping[str, Any]

#: From so many rows on PostgreSQL's COPY, which costs round trips and then a third for each row.
_WORTH_COPYING = 50

#: Rows in one statement for SQLite, which takes 32,766 values (SQLITE_MAX_VARIABLE_NUMBER) and our widest rows have
#: 40. Few sizes, so that each statement is parsed once. The driver holds Python up between statements only: row by row
#: would be slower, and ten times so beside another busy thread.
_AT_ONCE = (500, 50, 5, 1)
#: COPYs that may fail, in one message: more would be more times to wait for Python.
_UNDOABLE = "SAVEPOINT copying; {}; RELEASE SAVEPOINT copying"
#: What a value brings about that is not of its column's type.
_UNFIT = (ValueError, TypeError, AttributeError, OverflowError)


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
        if rows:
            self.insert_columns(table, _by_column(rows))

    def insert_columns(self, table: sa.Table, columns: Columns) -> None:
        """Do as `insert`, with rows given by column."""
        if self._is_postgresql and _count(columns) >= _WORTH_COPYING:
            self._copy([(table, columns)])
        else:
            self._insert_columns(table, columns, "")

    def insert_missing(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Insert those of `rows` that no unique key holds yet."""
        self._insert(table, rows, " ON CONFLICT DO NOTHING")

    def insert_new(self, table: sa.Table, rows: Sequence[Row]) -> set[str]:
        """Insert those of `rows` that no unique key holds yet; return their ids. Every row's id must be a fresh one."""
        return self.insert_new_columns(table, _by_column(rows)) if rows else set()

    def insert_new_columns(self, table: sa.Table, columns: Columns) -> set[str]:
        """Do as `insert_new`, with rows given by column."""
        if self._insert_columns(table, columns, " ON CONFLICT DO NOTHING") == _count(columns):
            return set(columns["id"])
        return self._present(table, columns)

    def insert_likely_new(self, table: sa.Table, rows: Sequence[Row]) -> set[str]:
        """Do as `insert_new`, at less cost when every row goes in and at more when not."""
        return self.insert_columns_likely_new(table, _by_column(rows)) if rows else set()

    def insert_columns_likely_new(self, table: sa.Table, columns: Columns) -> set[str]:
        """Do as `insert_likely_new`, with rows given by column."""
        return set(columns["id"]) if self.copied([(table, columns)]) else self.insert_new_columns(table, columns)

    def copied(self, parts: Sequence[tuple[sa.Table, Columns]]) -> bool:
        """Insert rows of several tables in one go, where that is faster than to insert them one by one.

        Args:
            parts: Tables and their new rows by column, in the order in which they are inserted.

        Returns:
            False when it is not, or when some unique key holds one of the rows already: then nothing was inserted.
        """
        if not self._is_postgresql or _count(parts[0][1]) < _WORTH_COPYING:
            return False
        try:
            self._copy(parts, _UNDOABLE)
        except exc.IntegrityError:  # COPY knows no ON CONFLICT
            self._connection.exec_driver_sql("ROLLBACK TO SAVEPOINT copying")
            return False
        return True

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
            sql, columns = _update_sql(self._is_postgresql, table, tuple(keys), names), _by_column(group)
            if self._is_postgresql:
                self._execute(sql, table, columns)
            else:
                self._connection.exec_driver_sql(sql, plain_rows(table, columns, keep_empty=True)[1])

    def _insert(self, table: sa.Table, rows: Sequence[Row], ending: str) -> int:
        """Insert `rows`; return how many went in."""
        return self._insert_columns(table, _by_column(rows), ending) if rows else 0

    def _insert_columns(self, table: sa.Table, columns: Columns, ending: str) -> int:
        if self._is_postgresql:
            return self._execute(_insert_sql(table, tuple(columns), ending), table, columns)
        names, encoded = plain_rows(table, columns)
        inserted = start = 0
        for size in _AT_ONCE:
            sql = _values_sql(table, names, size, ending)
            while len(encoded) - start >= size:
                values = tuple(chain.from_iterable(encoded[start : start + size]))
                inserted += self._connection.exec_driver_sql(sql, values).rowcount
                start += size
        return inserted

    def _copy(self, parts: Sequence[tuple[sa.Table, Columns]], form: str = "{}") -> None:
        from orchestrator.repository import copying  # PostgreSQL's driver, which nobody with SQLite should wait for

        try:
            copies = [(table, *copy_rows(table, columns)) for table, columns in parts]
        except _UNFIT as error:
            raise _unfit(error) from error
        commands = [f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)" for table, names, _ in copies]
        copying.copy(self._connection, form.format("; ".join(commands)), [data for _, _, data in copies])

    def _present(self, table: sa.Table, columns: Columns) -> set[str]:
        """Return the ids of those rows that are in the table."""
        keys = orjson.dumps(list(zip(columns["tenant_id"], columns["id"], strict=True))).decode()
        found = self._connection.exec_driver_sql(_present_sql(self._is_postgresql, table), (keys,))
        return {row[0] for row in found}

    def _execute(self, sql: str, table: sa.Table, columns: Columns) -> int:
        try:
            parameters: tuple[WireArray, ...] = tuple(array(table.c[name].type, columns[name]) for name in columns)
        except _UNFIT as error:
            raise _unfit(error) from error
        return self._connection.exec_driver_sql(sql, parameters).rowcount


def _count(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _by_column(rows: Sequence[Row]) -> Columns:
    return dict(zip(rows[0], zip(*(row.values() for row in rows), strict=True), strict=True))


def _unfit(error: Exception) -> exc.StatementError:
    return exc.StatementError(str(error), None, None, error)


@cache
def _insert_sql(table: sa.Table, names: tuple[str, ...], ending: str) -> str:
    columns = ", ".join(names)
    source = f"SELECT * FROM {_unnested(table, names)}"  # noqa: S608
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
    return f"UPDATE {table.name} SET {changes} FROM {_unnested(table, names)} WHERE {same}"  # noqa: S608


def _unnested(table: sa.Table, names: tuple[str, ...]) -> str:
    arrays = ", ".join(f"%s::{array_type(table.c[name].type)}" for name in names)
    return f"unnest({arrays}) AS new({', '.join(names)})"
