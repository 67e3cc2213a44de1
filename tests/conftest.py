"""What every test gets: a clean environment, both databases, a clock that stands still, and a check for leftovers."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest

from orchestrator.clock import ManualClock
from tests import postgres
from tests.postgres_copies import Copies

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from orchestrator.repository import OutreachRepository

GRACE_SECONDS = 20.0  # for what a test has told to stop and that is still stopping
DATABASES = ("sqlite", "postgresql")
MIGRATED_TEMPLATE = "migrated_template"
REQUIRE_POSTGRES = "OUTREACH_REQUIRE_POSTGRES"
REQUIRE_BROWSER = "OUTREACH_REQUIRE_BROWSER"
TEST_ROUNDS = "OUTREACH_TEST_ROUNDS"  # how often races are run; a test that runs them reads it itself
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_PATIENCE = 30_000  # milliseconds: on a machine that has other things to do, five seconds are over in no time

#: What takes longest, much of it waiting. It goes first, so that no worker is left alone with it in the end.
LONGEST = (
    "tests/chaos/",
    "tests/test_benchmarks.py",
    "tests/dashboard/test_crawl.py",
    "tests/engines/test_worker_processes.py",
    "tests/conformance/test_conformance_kills.py",
    "tests/dashboard/test_story_in_browser.py",
    "tests/dashboard/test_owners_words_in_browser.py",
    "tests/cli/test_cli_running.py",
)

# What this run has proven on which database, told in the summary; xdist workers hand theirs to the controller.
databases = pytest.StashKey[dict[str, str]]()
# Processes that belong to the whole run and not to the test that first asked for them.
long_lived = pytest.StashKey[set[int]]()
#: For names of folders.
numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[databases] = {}
    config.stash[long_lived] = set()
    for name in _product_variables():
        del os.environ[name]
    # Workers share two cores with everybody, so time limits per example would only measure the neighbours.
    hypothesis.settings.register_profile(
        "workshop",
        deadline=None,
        max_examples=60,
        derandomize=REQUIRE_POSTGRES in os.environ,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("workshop")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One worker more than there are cores, for a third of the time goes by waiting for processes and browsers."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


# ---------------------------------------------------------------------------------------------------- the environment


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the settings or the home directory of whoever runs it."""
    for name in _product_variables():
        monkeypatch.delenv(name)
    base = tmp_path_factory.getbasetemp()
    home, data = base / "home", base / "data" / str(next(numbers))
    home.mkdir(exist_ok=True)
    data.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(data))


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the test's own; pytest's looks at the folders of all tests before it to find a name."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    path = tmp_path_factory.getbasetemp() / f"{name}-{next(numbers)}"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(autouse=True)
def no_leftovers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a thread which would keep the process alive, or a child process."""
    threads_before, children_before = set(threading.enumerate()), _children()
    yield
    deadline = time.monotonic() + GRACE_SECONDS
    for thread in set(threading.enumerate()) - threads_before:
        if not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), f"the test left the thread {thread.name!r} running"
    known = children_before | request.config.stash[long_lived]
    while (left := _children() - known) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"the test left child processes running: {sorted(left)}"


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock at 2026-01-05 15:00 UTC that moves only when told to."""
    return ManualClock()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium, for playwright's `executable_path`."""
    for name in BROWSERS:
        if path := shutil.which(name):
            from playwright.sync_api import expect

            expect.set_options(timeout=BROWSER_PATIENCE)
            return path
    return _cannot_prove("how pages and mails look in a browser", "no Chromium on this host", REQUIRE_BROWSER)


# Not for the whole run: while it is open, playwright keeps an event loop running that no other test could share.
@pytest.fixture(scope="module")
def opened_browser(chromium: str) -> Iterator[Browser]:
    """A Chromium that the tests of one file share."""
    from playwright.sync_api import sync_playwright

    from tests.rendering.looks import CHROMIUM_ARGS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGS))
        yield browser
        browser.close()


# ------------------------------------------------------------------------------------------------------- the databases


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[postgres.PostgresServer]:
    """A PostgreSQL server of this process's own."""
    proven = request.config.stash[databases]
    try:
        server = postgres.PostgresServer(postgres.find_binaries())
    except postgres.PostgresUnavailable as unavailable:
        proven["PostgreSQL"] = f"not proven ({unavailable})"
        _cannot_prove("behaviour on PostgreSQL", str(unavailable), REQUIRE_POSTGRES)
    proven["PostgreSQL"] = server.version
    request.config.stash[long_lived].add(server.process_id)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: postgres.PostgresServer) -> str:
    """Name of a PostgreSQL database that has the current schema and that nobody is connected to."""
    database = postgres_server.create_database()
    _upgrade(postgres_server.dsn(database))
    postgres_server.rename_database(database, MIGRATED_TEMPLATE)
    return MIGRATED_TEMPLATE


@pytest.fixture(scope="session")
def postgres_copies(postgres_server: postgres.PostgresServer, migrated_template: str) -> Copies:
    """Databases with the current schema and no rows."""
    return Copies(postgres_server, migrated_template)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that has the current schema and that nobody has open."""
    path = tmp_path_factory.mktemp("sqlite") / f"{MIGRATED_TEMPLATE}.db"
    _upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    """``sqlite`` and then ``postgresql``; override it with ``parametrize`` to have only one."""
    return request.param


@pytest.fixture
def empty_dsn(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """Address of a fresh database without any table, of each kind."""
    if database_kind == "sqlite":
        yield _sqlite(request, tmp_path / "empty.db")
    else:
        server: postgres.PostgresServer = request.getfixturevalue("postgres_server")
        database = server.create_database()
        yield server.dsn(database)
        server.drop_database(database)


@pytest.fixture
def dsn(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """Address of a fresh database with the current schema, of each kind."""
    if database_kind == "sqlite":
        path = tmp_path / "outreach.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        yield _sqlite(request, path)
    else:
        copies: Copies = request.getfixturevalue("postgres_copies")
        database = copies.take()
        yield request.getfixturevalue("postgres_server").dsn(database)
        copies.give_back(database)


@pytest.fixture
def repository(dsn: str) -> Iterator[OutreachRepository]:
    """A repository on a fresh database with the current schema, of each kind."""
    from orchestrator.repository import OutreachRepository

    opened = OutreachRepository(dsn)
    yield opened
    opened.close()


# ---------------------------------------------------------------------------------------------------------- the summary


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        postgres.remove_leftovers()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["databases"] = session.config.stash[databases]  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take over what a worker of xdist has proven; a worker that crashed has nothing to tell."""
    told = getattr(node, "workeroutput", {}).get("databases", {})
    node.config.stash[databases].update(told)  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash[databases]
    told = ", ".join(f"{name} {found.get(name, 'not used')}" for name in ("SQLite", "PostgreSQL"))
    terminalreporter.write_line(f"databases: {told}")


# ------------------------------------------------------------------------------------------------------------ behind it


def _product_variables() -> list[str]:
    kept = (REQUIRE_POSTGRES, REQUIRE_BROWSER, TEST_ROUNDS)
    return [n for n in os.environ if n.startswith(("SENDGRID_", "OUTREACH_")) or n == "DB_DSN" if n not in kept]


def _cannot_prove(what: str, why: str, required_by: str) -> NoReturn:
    if os.environ.get(required_by) == "1":
        pytest.fail(f"{what} cannot be proven, and {required_by}=1 asks for it: {why}", pytrace=False)
    pytest.skip(f"not proven: {what}: {why}")


def _upgrade(address: str) -> None:
    from orchestrator.repository import OutreachRepository

    repository = OutreachRepository(address)
    repository.upgrade()
    repository.close()


def _sqlite(request: pytest.FixtureRequest, path: Path) -> str:
    request.config.stash[databases]["SQLite"] = sqlite3.sqlite_version
    return f"sqlite:///{path}"


def _children() -> set[int]:
    """Process ids of our living children; Python's own resource tracker stays for good and does not count."""
    found: set[int] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        try:
            found.update(map(int, task.read_text("ascii").split()))
        except OSError:  # the thread ended meanwhile
            continue
    return {child for child in found if b"resource_tracker" not in _command_line(child)}


def _command_line(process: int) -> bytes:
    try:
        return Path("/proc", str(process), "cmdline").read_bytes()
    except OSError:
        return b""
