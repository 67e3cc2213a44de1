"""The tests' own ground: each test gets a fresh database of each kind, and nothing survives the run."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from orchestrator.clock import ManualClock
from tests import postgres
from tests.postgres_copies import Copies

ROOT = Path(__file__).parent.parent

# Starts a server, says where, and waits to be killed.
HOST_OF_A_SERVER = """
import sys
from tests import postgres
server = postgres.PostgresServer(postgres.find_binaries())
print(server.directory, flush=True)
sys.stdin.read()
"""


def run_sql(dsn: str, statement: str) -> list[tuple]:
    """Run one statement straight through the database's driver."""
    if dsn.startswith("sqlite:///"):
        connection = sqlite3.connect(dsn.removeprefix("sqlite:///"), isolation_level=None)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()
    with psycopg.connect(dsn, autocommit=True) as opened:
        cursor = opened.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("test_run", [1, 2])
def test_an_empty_database_is_fresh_for_each_test(empty_dsn: str, test_run: int):
    run_sql(empty_dsn, "CREATE TABLE marks (run int)")
    run_sql(empty_dsn, f"INSERT INTO marks VALUES ({test_run})")
    assert run_sql(empty_dsn, "SELECT run FROM marks") == [(test_run,)]


@pytest.mark.parametrize("test_run", [1, 2])
def test_a_migrated_database_is_fresh_for_each_test(dsn: str, test_run: int):
    assert run_sql(dsn, "SELECT count(*) FROM outreach_campaigns") == [(0,)]
    run_sql(dsn, "CREATE TABLE marks (run int)")
    assert run_sql(dsn, "SELECT * FROM marks") == []


def test_a_copy_that_was_filled_is_emptied_and_used_again(
    postgres_server: postgres.PostgresServer, postgres_copies: Copies
):
    first = postgres_copies.take()
    dsn = postgres_server.dsn(first)
    run_sql(
        dsn,
        "INSERT INTO addresses (tenant_id, address_key) SELECT gen_random_uuid(), n FROM generate_series(1, 3000) AS n",
    )
    run_sql(dsn, "INSERT INTO tenants (tenant_id) VALUES (gen_random_uuid())")
    run_sql(dsn, "SELECT nextval('outreach_jobs.procrastinate_jobs_id_seq')")
    with psycopg.connect(dsn) as left_open:
        left_open.execute("SELECT 1 FROM tenants FOR UPDATE")
        postgres_copies.give_back(first)
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")
    again = postgres_copies.take()
    assert again == first
    assert run_sql(dsn, "SELECT (SELECT count(*) FROM addresses) + (SELECT count(*) FROM tenants)") == [(0,)]
    assert run_sql(dsn, "SELECT nextval('outreach_jobs.procrastinate_jobs_id_seq')") == [(1,)]
    assert len(run_sql(dsn, "SELECT version_num FROM alembic_version")) == 1
    postgres_copies.give_back(again)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE marks (run int)",
        "ALTER TABLE tenants ADD COLUMN mark text",
        "DROP INDEX ix_replies_tenant",
        "CREATE FUNCTION mark() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 1', current_database()); END $$",
        "UPDATE alembic_version SET version_num = 'none'",
        "INSERT INTO tenants (tenant_id) VALUES (gen_random_uuid()), (gen_random_uuid()); ANALYZE tenants",
    ],
    ids=lambda change: change.split(" (")[0][:40],
)
def test_a_copy_in_which_anything_but_rows_has_changed_is_thrown_away(
    postgres_server: postgres.PostgresServer, postgres_copies: Copies, change: str
):
    changed = postgres_copies.take()
    run_sql(postgres_server.dsn(changed), change)
    postgres_copies.give_back(changed)
    fresh = postgres_copies.take()
    assert fresh != changed
    assert run_sql(postgres_server.dsn("postgres"), f"SELECT 1 FROM pg_database WHERE datname = '{changed}'") == []
    postgres_copies.give_back(fresh)


def test_the_repository_works_on_its_fresh_database(repository):
    with repository.reading() as tx:
        assert tx is not None


def test_the_server_keeps_its_promises_except_the_flush(postgres_server: postgres.PostgresServer):
    shown = {
        name: run_sql(postgres_server.dsn("postgres"), f"SHOW {name}")[0][0]
        for name in ("fsync", "synchronous_commit", "max_connections", "listen_addresses", "server_version")
    }
    assert shown.pop("server_version").startswith(postgres_server.version)
    assert shown == {"fsync": "off", "synchronous_commit": "on", "max_connections": "200", "listen_addresses": ""}


def test_the_socket_path_fits_in_the_107_bytes_of_a_unix_socket(postgres_server: postgres.PostgresServer):
    assert len(bytes(postgres_server.directory / ".s.PGSQL.5432.lock")) <= 107


def test_a_server_ends_with_its_parent_even_when_that_is_killed(postgres_server: postgres.PostgresServer):
    host = subprocess.Popen(
        [sys.executable, "-c", HOST_OF_A_SERVER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with host:
        assert host.stdout is not None
        directory = Path(host.stdout.readline().decode().strip())
        server = int((directory / "data" / "postmaster.pid").read_text().split()[0])
        host.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while _lives(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _lives(server)
    postgres.remove_leftovers()
    assert not directory.exists()


def test_a_server_that_cannot_start_tells_why():
    with tempfile.TemporaryDirectory(prefix="broken-") as name:
        Path(name).chmod(0o755)
        for program in ("initdb", "postgres"):
            Path(name, program).write_text("#!/bin/sh\necho no such luck\nexit 1\n")
            Path(name, program).chmod(0o755)
        with pytest.raises(postgres.PostgresUnavailable, match="initdb failed: no such luck"):
            postgres.PostgresServer(Path(name))


def test_programs_that_cannot_be_run_count_as_no_postgresql(tmp_path: Path):
    with pytest.raises(postgres.PostgresUnavailable, match="cannot be run"):
        postgres.PostgresServer(tmp_path)


def test_no_setting_of_the_caller_reaches_a_test():
    seen = [n for n in os.environ if n.startswith(("SENDGRID_", "OUTREACH_")) and "_REQUIRE_" not in n]
    assert seen == []
    assert "DB_DSN" not in os.environ
    assert str(Path.home()).endswith("/home")


def test_the_manual_clock_stands_still(manual_clock: ManualClock):
    assert manual_clock.now() == manual_clock.now()


def _lives(process: int) -> bool:
    try:
        return Path("/proc", str(process), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
