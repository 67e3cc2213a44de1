"""Connections, transactions, and the few places where SQLite and PostgreSQL differ; nothing else knows which it is."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
import psycopg
import sqlalchemy as sa
from psycopg.types.string import TextLoader
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql

from orchestrator import errors
from orchestrator.clock import Clock, SystemClock
from orchestrator.repository.bulk import Bulk
from orchestrator.repository.published import Published

Query = TypeVar("Query", bound=sa.Select[*tuple[Any, ...]])

# Who stands still in the middle of a transaction, on a host that vanished perhaps, must not keep its locks from all
# others: no transaction of ours waits for anything but the database. What an operator has set for this stays.
_IDLE = "idle_in_transaction_session_timeout"
_FORSAKE = f"SELECT set_config('{_IDLE}', '60s', false) WHERE current_setting('{_IDLE}') = '0'"

#: How long a writer waits for its turn before giving up, in seconds.
BUSY_TIMEOUT = 30


def by_tenant(keys: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Group (tenant, key) pairs into (tenant, distinct keys), sorted by both.

    Whoever locks rows in this order never waits in a circle with somebody else who does.
    """
    grouped: dict[str, set[str]] = {}
    for tenant_id, key in keys:
        grouped.setdefault(tenant_id, set()).add(key)
    return [(tenant_id, sorted(grouped[tenant_id])) for tenant_id in sorted(grouped)]


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
            "DB_DSN is not a database address.", fix="Use postgresql://user:password@host/name or sqlite:///file.db."
        ) from None
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return url.set(drivername="sqlite")
    raise errors.ConfigurationError(
        f"DB_DSN names {backend}, which is not supported.", fix="Use a postgresql:// or a sqlite:/// address."
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
        engine = sa.create_engine(url, pool_size=20, max_overflow=40, pool_pre_ping=True, **codec)
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
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


def _prepare_postgresql(connection: psycopg.Connection[Any], _record: object) -> None:
    # Ids are texts with us. Making a UUID of each, to take its text again, costs more than reading the row.
    connection.adapters.register_loader("uuid", TextLoader)
    connection.execute(_FORSAKE)
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not open transactions by itself: it would do so too late, and deferred.
    connection.isolation_level = None
    # synchronous=FULL: with NORMAL a power cut can take back commits, and with them the ledger's word that a mail was
    # handed over, or an event that SendGrid was told is stored.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT * 1000}"):
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


class Dialect:
    """SQL whose spelling depends on the database."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_postgresql = name == "postgresql"

    def among(self, column: sa.Column[Any], values: Iterable[str]) -> sa.ColumnElement[bool]:
        """Match any of `values`, however many: they travel as one JSON text, so the statement is always the same one.

        A list of parameters makes a new statement for every number of values, and drivers parse each one anew.
        """
        text = sa.literal(orjson.dumps(list(values)).decode(), sa.Text)
        if self.is_postgresql:
            listed = sa.func.json_array_elements_text(sa.cast(text, postgresql.JSON)).table_valued("value")
        else:
            listed = sa.func.json_each(text).table_valued("value")
        return column.in_(sa.select(sa.cast(listed.c.value, column.type)))

    def locking(self, select: Query, *, skip_locked: bool = False) -> Query:
        """Return `select` taking row locks. On SQLite the open write transaction is already the only one."""
        return select.with_for_update(skip_locked=skip_locked) if self.is_postgresql else select


class Transaction:
    """One open transaction: what every function of this package is given first.

    Attributes:
        dialect: Spelling differences.
        bulk: Writes many rows at once.
        published: Outbox events written so far, for in-process subscribers after the commit.
        newly_due: Whether something can be sent at once that could not before; workers are told after the commit.
    """

    def __init__(self, connection: sa.Connection, dialect: Dialect, clock: Clock | None) -> None:
        self._connection = connection
        self._clock = clock
        self._now: datetime | None = None
        self.dialect = dialect
        self.bulk = Bulk(connection, dialect.is_postgresql)
        self.published = Published()
        self.newly_due = False

    def execute(self, statement: Any, parameters: Any = None) -> sa.CursorResult[*tuple[Any, ...]]:
        """Run one statement."""
        return self._connection.execute(statement, parameters)

    def note_due(self, times: Iterable[datetime | None]) -> None:
        """Take notice of the due times that are being written."""
        self.newly_due = self.newly_due or any(at is not None and at <= self.now() for at in times)

    @property
    def driver_connection(self) -> Any:
        """The driver's own connection, for bulk copies and for work that must join this transaction."""
        return self._connection.connection.driver_connection

    def now(self) -> datetime:
        """Return the time by the database's clock (an injected clock wins), the same all through the transaction.

        Leases and due times compare only such times, so the clocks of two hosts are never compared.
        """
        if self._now is None:
            if self._clock is not None:
                self._now = self._clock.now()
            elif self.dialect.is_postgresql:
                moment: datetime = self.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
                self._now = moment.astimezone(UTC)
            else:
                self._now = SystemClock().now()
        return self._now


#: Errors of PostgreSQL by SQLSTATE, or its first two characters, that say more than the driver's class does.
_BY_STATE: dict[str, type[errors.OrchestratorError]] = {
    "42P01": errors.SchemaOutOfDate,  # undefined_table
    "42703": errors.SchemaOutOfDate,  # undefined_column
    "40": errors.DatabaseBusy,  # deadlock, serialization failure
    "55P03": errors.DatabaseBusy,  # lock_not_available
    "57014": errors.DatabaseBusy,  # query_canceled: statement_timeout
    "P0001": errors.UnstorableData,  # raised by somebody's trigger
}
#: What SQLite says, which has no codes for it.
_BY_WORDS: dict[str, type[errors.OrchestratorError]] = {
    "no such table": errors.SchemaOutOfDate,
    "no such column": errors.SchemaOutOfDate,
    "database is locked": errors.DatabaseBusy,
    "unable to open database file": errors.DatabaseUnreachable,
}
_SAYINGS: dict[type[errors.OrchestratorError], str] = {
    errors.SchemaOutOfDate: "The database at {where} has not the schema of this version: {reason}",
    errors.DatabaseBusy: "The database at {where} was too busy: {reason}",
    errors.DatabaseUnreachable: "The database at {where} did not answer: {reason}",
    errors.DatabaseUnusable: "The database at {where} cannot be used: {reason}",
    errors.UnstorableData: "The database refused the data: {reason}",
}


@contextmanager
def translated(url: sa.URL) -> Iterator[None]:
    """Turn what the driver raises into errors that say what happened and what to do."""
    try:
        yield
    except (exc.StatementError, exc.TimeoutError) as error:
        kind = _kind(error)
        where = url.render_as_string(hide_password=True)
        raise kind(_SAYINGS[kind].format(where=where, reason=_reason(error))) from error


def _kind(error: exc.StatementError | exc.TimeoutError) -> type[errors.OrchestratorError]:
    if isinstance(error, exc.TimeoutError):  # no connection of the pool became free in time
        return errors.DatabaseBusy
    state = getattr(error.orig, "sqlstate", None) or ""
    known = _BY_STATE.get(state) or _BY_STATE.get(state[:2])
    known = known or next((kind for words, kind in _BY_WORDS.items() if words in str(error.orig)), None)
    if known:
        return known
    if isinstance(error, (exc.DataError, exc.IntegrityError)) or not isinstance(error, exc.DBAPIError):
        return errors.UnstorableData
    lost = error.connection_invalidated or (isinstance(error, exc.OperationalError) and error.statement is None)
    return errors.DatabaseUnreachable if lost else errors.DatabaseUnusable


def _reason(error: Exception) -> str:
    return (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0]


class WriteGate:
    """Lets one writer at a time into a SQLite file, in order of arrival.

    SQLite's own waiting is polling with growing pauses: under many threads some starve. PostgreSQL needs no gate.
    """

    def __init__(self, needed: bool) -> None:
        self._lock = threading.Lock() if needed else None

    def __enter__(self) -> None:
        if self._lock is not None:
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()
