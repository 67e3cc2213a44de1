"""What the database can do at best: rows that the product wrote, loaded again with nothing around it.

PostgreSQL loads by binary COPY, SQLite by one executemany; one transaction, the same table with the same indexes in a
fresh database. Foreign keys are not checked: that is the most demanding limit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from benchmarks.measuring import Measured, measure
from benchmarks.stores import Database, Store

#: Rows that are loaded at most; a rate needs no more, and they are held in memory.
MOST_ROWS = 100_000

WAYS = {"postgresql": "binary COPY", "sqlite": "bare executemany"}
_JSONB = 3802  # its object id, the same in every PostgreSQL


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table as its driver wants them; `types` are PostgreSQL's object ids."""

    table: str
    types: tuple[int, ...]
    rows: Sequence[tuple[Any, ...]]


@contextmanager
def connected(database: Database) -> Iterator[Any]:
    """A connection of the bare driver, as durable as the product's."""
    if database.kind == "postgresql":
        with closing(psycopg.connect(database.dsn)) as connection:
            connection.execute("SET session_replication_role = replica")  # no foreign keys
            connection.commit()
            yield connection
    else:
        with closing(sqlite3.connect(database.place)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection


def analyze(database: Database) -> None:
    """Do what PostgreSQL's autovacuum does within a minute of a large change: gather what its planner goes by."""
    if database.kind == "postgresql":
        with connected(database) as connection:
            connection.execute("ANALYZE")
            connection.commit()


def rows_of(database: Database, table: str, where: str = "TRUE") -> Rows:
    """Read up to `MOST_ROWS` rows of `table`."""
    with connected(database) as connection:
        cursor = connection.execute(f"SELECT * FROM {table} WHERE {where} LIMIT {MOST_ROWS}")
        if database.kind == "sqlite":
            return Rows(table, (), cursor.fetchall())
        types = tuple(column.type_code for column in cursor.description)
        return Rows(table, types, [_copyable(row, types) for row in cursor])


def loading(store: Store, tables: Sequence[Rows], origin: Database | None = None) -> Measured:
    """Load `tables` into a fresh database (or a copy of `origin`); the first table's rows are counted."""
    load = _copy if store.kind == "postgresql" else _executemany
    with store.fresh(origin) as database, connected(database) as connection:
        return measure(len(tables[0].rows), _once(load, connection, tables))


def _once(load: Callable[[Any, Rows], None], connection: Any, tables: Sequence[Rows]) -> Callable[[], None]:
    def work() -> None:
        for table in tables:
            load(connection, table)
        connection.commit()

    return work


def _copyable(row: tuple[Any, ...], types: tuple[int, ...]) -> tuple[Any, ...]:
    # In binary COPY a str would become a JSON string, so objects are marked as what they are.
    return tuple(
        Jsonb(value, dumps=orjson.dumps) if kind == _JSONB and value is not None else value
        for value, kind in zip(row, types, strict=True)
    )


def _copy(connection: psycopg.Connection[Any], rows: Rows) -> None:
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.Identifier(rows.table))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(rows.types)
        for row in rows.rows:
            copy.write_row(row)


def _executemany(connection: sqlite3.Connection, rows: Rows) -> None:
    marks = ", ".join("?" * len(rows.rows[0]))
    connection.executemany(f"INSERT INTO {rows.table} VALUES ({marks})", rows.rows)
