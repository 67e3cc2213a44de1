"""The password's hash, and a tenant's name and clock."""

from __future__ import annotations

from pathlib import Path

from orchestrator.dashboard import passwords
from tests.cli.conftest import Run


def test_a_password_becomes_its_hash(cli: Run):
    told = cli("dashboard", "password", stdin=b"correct horse battery\n")
    assert told.code == 0
    assert passwords.matches("correct horse battery", told.out.strip())
    assert "OUTREACH_DASHBOARD_PASSWORD_HASH" in told.words


def test_a_short_password_is_refused_with_a_reason(cli: Run):
    told = cli("dashboard", "password", stdin=b"hunter2\n")
    assert (told.code, told.out) == (2, "")
    assert "must have 12 to" in told.words


def test_a_tenant_gets_a_name_and_a_clock(cli: Run, sqlite_database: Path):
    told = cli("tenant", "describe", "--name", "Acme Realty", "--time-zone", "America/New_York", "--json")
    assert told.code == 0
    assert (told.json["name"], told.json["time_zone"]) == ("Acme Realty", "America/New_York")
    kept = cli("tenant", "describe", "--name", "Acme", "--json")
    assert (kept.json["name"], kept.json["time_zone"]) == ("Acme", "America/New_York")
    assert cli("tenant", "describe", "--time-zone", "Mars/Base").code == 2
