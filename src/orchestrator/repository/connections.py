"""Connections: which database an address names, and what each of its connections is taught."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import event, exc

from orchestrator import errors

# A cache of 32 MiB for each connection: with SQLite's own 2 MiB the upper pages of our indexes do not stay.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32768")

#: How long a writer waits for its turn before giving up, in seconds.
BUSY_TIMEOUT = 30


def embedded_path() -> Path:
    """Return the embedded database's place: ``$XDG_DATA_HOME/outreach/outreach.db`` (default ``~/.local/share``)."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "outreach" / "outreach.db"


def resolve(dsn: str | None) -> sa.URL:
    """Return the SQLAlchemy address for `dsn`; None means the embedded file.

    Raises:
        ConfigurationError: Neither a SQLite nor a PostgreSQL address.
    """
    if not dsn:
        return sa.URL.create("sqlite", database=str(embedded_path()))
    try:
        url = sa.make_url(dsn)
    except exc.ArgumentError:
        raise errors.ConfigurationError(
            "The database address cannot be read: DB_DSN, or what was passed in its place.",
            fix="Use postgresql://user:password@host/name or sqlite:///file.db.",
        ) from None
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return url.set(drivername="sqlite")
    raise errors.ConfigurationError(
        f"The database address (DB_DSN, or what was passed in its place) names {backend}, which is not supported.",
        fix="Use a postgresql:// or a sqlite:/// address.",
    )


def _dumps(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return json.dumps(value)  # integers beyond 64 bits


def connect(url: sa.URL) -> sa.Engine:
    """Return an engine for `url`; nothing is connected yet."""
    codec = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
    if url.get_backend_name() == "postgresql":
        from orchestrator.repository import postgresql  # its driver, which nobody with SQLite should wait for

        return postgresql.connect(url, codec)
    options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": BUSY_TIMEOUT}}
    if is_memory(url):
        # One connection for everybody: each new one would be an empty database of its own.
        options |= {"poolclass": sa.pool.QueuePool, "pool_size": 1, "max_overflow": 0, "pool_timeout": BUSY_TIMEOUT}
    engine = sa.create_engine(url, **codec, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    if not is_memory(url):
        _follow_file(engine, str(url.database))
    return engine


def is_memory(url: sa.URL) -> bool:
    """Tell whether `url` names a SQLite database that lives in memory only."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not open transactions by itself: it would do so too late, and deferred.
    connection.isolation_level = None
    # synchronous=FULL: with NORMAL a power cut can take back commits, and with them the ledger's word that a mail was
    # handed over, or an event that SendGrid was told is stored.
    for pragma in (*_PRAGMAS, f"busy_timeout={BUSY_TIMEOUT * 1000}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _follow_file(engine: sa.Engine, path: str) -> None:
    """Give up connections whose file was replaced, for example by a restored backup.

    Such a file stays writable through its old handle although no name leads to it any more: what is committed there,
    and acknowledged to a webhook's sender, nobody would ever see again.
    """

    def remember(_connection: sqlite3.Connection, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["file"] = _file_identity(path)

    def compare(_connection: Any, record: sa.pool.ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["file"] != _file_identity(path):
            raise exc.InvalidatePoolError("the database file was replaced")

    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", compare)


def _file_identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that reads and then writes can lose another one's update; taking the write lock first
    # cannot. SQLAlchemy's own isolation_level="IMMEDIATE" was measured not to do this.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
