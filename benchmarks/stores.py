"""The databases that are measured: fresh ones of each kind, made fast by copying one that is ready."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.measuring import say
from orchestrator.repository import OutreachRepository
from tests import postgres

KINDS = ("sqlite", "postgresql")

# What a careful installation has; the rest is PostgreSQL's default.
POSTGRES_OPTIONS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}


@dataclass(frozen=True, slots=True)
class Database:
    """One database. `place` is its name on the server, or its file."""

    kind: str
    dsn: str
    place: str


class Store(Protocol):
    """Makes databases of one kind."""

    kind: str
    version: str

    def fresh(self, origin: Database | None = None) -> AbstractContextManager[Database]:
        """A database with the current schema, or a copy of `origin`, to which nobody may be connected."""
        ...


class SqliteStore:
    """SQLite files in a temporary directory."""

    kind = "sqlite"
    version = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)
        self._ready = self._database("ready")
        _upgrade(self._ready.dsn)

    def _database(self, name: str) -> Database:
        path = self._directory / f"{name}.db"
        return Database(self.kind, f"sqlite:///{path}", str(path))

    @contextmanager
    def fresh(self, origin: Database | None = None) -> Iterator[Database]:
        copy = self._database(str(next(self._numbers)))
        shutil.copyfile((origin or self._ready).place, copy.place)
        _sync(copy.place)
        try:
            yield copy
        finally:
            for path in self._directory.glob(f"{Path(copy.place).name}*"):
                path.unlink()


def _sync(path: str) -> None:
    """Have a file on disk. Else the first checkpoint of whoever is measured writes the whole copy there."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


class PostgresStore:
    """Databases on a temporary server of our own."""

    kind = "postgresql"

    def __init__(self, server: postgres.PostgresServer) -> None:
        self._server = server
        self.version = f"PostgreSQL {server.version}"
        self._ready = self._database(server.create_database())
        _upgrade(self._ready.dsn)

    def _database(self, name: str) -> Database:
        return Database(self.kind, self._server.dsn(name), name)

    @contextmanager
    def fresh(self, origin: Database | None = None) -> Iterator[Database]:
        name = self._server.create_database((origin or self._ready).place)
        try:
            yield self._database(name)
        finally:
            self._server.drop_database(name)


@contextmanager
def opened(kinds: tuple[str, ...], *, required: bool) -> Iterator[list[Store]]:
    """Open a store of each kind until the block ends.

    Args:
        kinds: Some of `KINDS`.
        required: Whether a missing PostgreSQL is an error; else it is told and left out.

    Raises:
        tests.postgres.PostgresUnavailable: It is required, and cannot be had.
    """
    with ExitStack() as stack:
        stores: list[Store] = []
        if "sqlite" in kinds:
            stores.append(SqliteStore(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outreach-bench-")))))
        if "postgresql" in kinds:
            postgres.remove_leftovers()
            try:
                server = postgres.PostgresServer(postgres.find_binaries(), **POSTGRES_OPTIONS)
            except postgres.PostgresUnavailable as unavailable:
                if required:
                    raise
                say(f"SQLite only: {unavailable}")
            else:
                stack.callback(server.stop)
                stores.append(PostgresStore(server))
        yield stores


def _upgrade(dsn: str) -> None:
    repository = OutreachRepository(dsn)
    repository.upgrade()
    repository.close()
