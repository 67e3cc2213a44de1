"""The only SQL in the package: one module per table, one function per question, and `OutreachRepository`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from orchestrator import errors, settings
from orchestrator.clock import Clock
from orchestrator.repository import connections, engine, jobs, schema
from orchestrator.repository.engine import Transaction
from orchestrator.repository.published import Published

__all__ = ["OutreachRepository", "Published", "Transaction"]

AfterCommit = Callable[[Published], None]


class OutreachRepository:
    """Where campaigns, the send ledger and events are kept.

    Args:
        db_dsn: ``postgresql://…`` or ``sqlite:///…``; None reads ``DB_DSN``, else the embedded SQLite file under
            ``$XDG_DATA_HOME/outreach/`` (``~/.local/share/outreach/outreach.db``).
        clock: Replaces the database's clock, for tests.

    The embedded SQLite file is created and brought to the current schema on first use. Any other database is brought
    there by `upgrade` (``outreach db upgrade``). Nothing is opened before the first use. Safe for many threads.

    Raises:
        ConfigurationError: The address is neither SQLite nor PostgreSQL.
    """

    def __init__(self, db_dsn: str | None = None, *, clock: Clock | None = None) -> None:
        if db_dsn is None:
            db_dsn = settings.load().dsn
        self.url = connections.resolve(db_dsn)
        self._clock = clock
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = connections.connect(self.url)
        self._dialect = engine.Dialect(self.url.get_backend_name())
        self._gate = engine.WriteGate(needed=self._is_sqlite)
        self._ready = False
        self._when_due: list[Callable[[], object]] = [] if self._is_sqlite else [jobs.Bell(self._engine).ring]

    def __repr__(self) -> str:
        return f"OutreachRepository({self.url.render_as_string(hide_password=True)!r})"

    @contextmanager
    def transaction(self, after_commit: AfterCommit | None = None) -> Iterator[Transaction]:
        """Open a write transaction; commits at the end of the block, rolls back when the block raises.

        Args:
            after_commit: Called with the outbox events written, in the calling thread, right after the commit.

        Raises:
            DatabaseUnreachable: The database did not answer.
            SchemaOutOfDate: The schema is missing or belongs to another version.
        """
        self._make_ready()
        with engine.translated(self.url), self._gate, self._engine.begin() as connection:
            tx = Transaction(connection, self._dialect, self._clock)
            yield tx
        if tx.newly_due:
            for function in tuple(self._when_due):
                function()
        if after_commit is not None and tx.published:
            after_commit(tx.published)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads; it never waits for writers. Raises like `transaction`."""
        self._make_ready()
        with engine.translated(self.url), self._engine.connect() as connection:
            connection = connection.execution_options(reading=True)
            with connection.begin():
                yield Transaction(connection, self._dialect, self._clock)

    def when_due(self, function: Callable[[], object]) -> Callable[[], None]:
        """Call `function` after each commit, of this repository, that made something due; return what ends that.

        It is called in the thread that committed, must be quick and must not raise.
        """
        self._when_due.insert(0, function)  # before the bell, which asks the database

        def end() -> None:
            if function in self._when_due:
                self._when_due.remove(function)

        return end

    @property
    def has_jobs(self) -> bool:
        """Whether workers can be woken by jobs: on PostgreSQL."""
        return not self._is_sqlite

    def jobs_address(self) -> str | None:
        """Return libpq's address of the tables that Procrastinate works on, or None where they are not usable.

        They are not on SQLite, before `upgrade`, and when `upgrade` was not allowed to make them.

        Raises:
            DatabaseUnreachable: The database did not answer.
        """
        if self._is_sqlite:
            return None
        with engine.translated(self.url):
            return jobs.conninfo(self._engine) if jobs.current(self._engine) == jobs.newest() else None

    def upgrade(self) -> str:
        """Bring the database to the current schema and return its revision.

        Safe to call at any time and from several processes at once: one works, the others wait (a file lock beside a
        SQLite file, an advisory lock on PostgreSQL).

        Raises:
            DatabaseUnreachable: The database did not answer.
            SchemaOutOfDate: The database was made by a newer version of this package.
        """
        with engine.translated(self.url):
            revision = schema.upgrade(self._engine, self.url)
        self._ready = True
        return revision

    def current_revision(self) -> str | None:
        """Return the schema revision the database is at, or None for an empty one. Raises `DatabaseUnreachable`."""
        with engine.translated(self.url):
            return schema.current(self._engine)

    def server_version(self) -> str:
        """Return the database's name and version, for example ``PostgreSQL 15.18``."""
        with self.reading() as tx:
            query = "SHOW server_version" if self._dialect.is_postgresql else "SELECT sqlite_version()"
            version = str(tx.execute(sa.text(query)).scalar_one())
        return f"{'PostgreSQL' if self._dialect.is_postgresql else 'SQLite'} {version.split()[0]}"

    def close(self) -> None:
        """Close all connections; the repository opens new ones when it is used again."""
        self._engine.dispose()

    def _make_ready(self) -> None:
        if self._ready:
            return
        revision = self.current_revision()
        if revision != schema.HEAD:
            if not self._is_sqlite:
                raise errors.SchemaOutOfDate(
                    f"The database is at revision {revision or 'none'}, this version needs {schema.HEAD}."
                )
            self.upgrade()
        self._ready = True
