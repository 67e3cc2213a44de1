"""Transactions, and the few places where SQLite and PostgreSQL differ; nothing else knows which it is."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy import exc

from orchestrator import errors
from orchestrator.clock import Clock, SystemClock
from orchestrator.repository.bulk import Bulk
from orchestrator.repository.keyed import Keyed
from orchestrator.repository.published import Published
from orchestrator.repository.wire import ArrayType

_BY_KEYS = sa.select(*(sa.func.set_config(way, "off", True) for way in ("enable_hashjoin", "enable_mergejoin")))

Query = TypeVar("Query", bound=sa.Select[*tuple[Any, ...]])


def by_tenant(keys: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Group (tenant, key) pairs into (tenant, distinct keys), sorted by both.

    Whoever locks rows in this order never waits in a circle with somebody else who does.
    """
    grouped: dict[str, set[str]] = {}
    for tenant_id, key in keys:
        grouped.setdefault(tenant_id, set()).add(key)
    return [(tenant_id, sorted(grouped[tenant_id])) for tenant_id in sorted(grouped)]


class Dialect:
    """SQL whose spelling depends on the database."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_postgresql = name == "postgresql"

    def among(self, column: sa.Column[Any], values: Iterable[str]) -> sa.ColumnElement[bool]:
        """Match any of `values`, however many: they travel as one parameter, so the statement is always the same one.

        A list of parameters makes a new statement for every number of values, and drivers parse each one anew.
        """
        if self.is_postgresql:
            # Not `= ANY`: of a table nobody has analyzed yet, the planner would rather read all rows of a tenant.
            listed = sa.func.unnest(sa.literal(list(values), ArrayType(column.type)), type_=column.type)
            return column.in_(sa.select(listed))
        text = sa.literal(orjson.dumps(list(values)).decode(), sa.Text)
        each = sa.func.json_each(text).table_valued("value")
        return column.in_(sa.select(sa.cast(each.c.value, column.type)))

    def quarter_hours(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
        """Return how many quarters of an hour lie between 1970 and a time: every zone's day begins with one."""
        if self.is_postgresql:
            return sa.cast(sa.func.floor(sa.extract("epoch", column) / 900), sa.BigInteger)
        return sa.cast(sa.func.strftime("%s", column), sa.BigInteger).op("/")(900)

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

    def update_by_keys(self) -> None:
        """Say that what is left to do are changes of rows by their keys, hundreds at a time.

        Of a table of some ten thousand rows PostgreSQL's planner would rather read all, and sort out by a hash which of
        them are meant; in memory that takes twice as long as to find them by their index. Queries must come before: of
        a table that nobody has analyzed, the planner knows too little to do without its other ways.
        """
        if self.dialect.is_postgresql:
            self.execute(_BY_KEYS)

    def look_up(self, question: Keyed, tenant_id: str, keys: Sequence[str]) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a tenant that have any of `keys`, as plain tuples: SQLAlchemy's own take as long again.

        Args:
            question: Which table, which columns, and by which key.
            tenant_id: The tenant.
            keys: No key twice.
        """
        if not self.dialect.is_postgresql:
            given = {"tenant_id": tenant_id, "keys": orjson.dumps(keys).decode()}
            return [tuple(row) for row in self.execute(question.sqlite, given).all()]
        cursor = self.execute(question.postgresql, {"tenant_id": tenant_id, "keys": keys}).cursor
        return [] if cursor is None else cursor.fetchall()

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
