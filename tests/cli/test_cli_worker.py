"""`outreach worker` refuses what cannot work, and `outreach status` tells who works."""

from __future__ import annotations

import json
import signal

import pytest

from orchestrator.cli.options import DEFAULT_TENANT
from tests.cli.conftest import TIMEOUT, Run, create, finished, line_with, started


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.sandbox.key")
    monkeypatch.setenv("SENDGRID_FROM_EMAIL", "team@sample.test")
    monkeypatch.setenv("OUTREACH_SENDGRID_URL", "http://127.0.0.1:9")  # nobody listens there


@pytest.mark.parametrize("arguments", [(), ("--once",)])
def test_without_a_key_it_does_not_start(sqlite_database, arguments: tuple[str, ...]):
    told = finished("worker", *arguments)
    assert (told.code, told.out) == (3, "")
    assert "SendGrid API key is missing" in told.words
    assert "→ Set SENDGRID_API_KEY" in told.words


def test_without_a_sender_it_does_not_start(sqlite_database, sender: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SENDGRID_FROM_EMAIL")
    told = finished("worker")
    assert told.code == 3
    assert "SENDGRID_FROM_EMAIL" in told.words


def test_with_an_unreachable_database_it_does_not_start(sender: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_DSN", "postgresql://127.0.0.1:1/x")
    told = finished("worker")
    assert told.code == 3
    assert "did not answer" in told.words


def test_the_loops_of_a_worker_fit_its_database(database: str, sender: None):
    with started("worker") as process:
        entry = json.loads(line_with(process.stderr, "engine.started"))
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=TIMEOUT)
    last = "jobs" if database.startswith("postgresql") else "maintenance"
    assert entry["loops"] == ["relay", "heartbeat", "dispatch", "reconcile", last]
    assert process.returncode == 0
    assert '"drained": true' in rest.decode()


def test_once_publishes_too(sqlite_database, sender: None):
    ids = create(2)
    told = finished("worker", "--once")
    assert told.code == 0
    events = [json.loads(line) for line in told.out.splitlines()]
    assert sorted(event["data"]["campaign_id"] for event in events) == sorted(ids)
    assert "2 requeued; 2 events published." in told.words


def test_status_tells_queues_and_that_nobody_works(cli: Run, database: str):
    create(3)
    told = cli("status")
    assert told.code == 0
    assert f"{DEFAULT_TENANT}\t3\t3\t" in told.out
    assert "events to be published\t3" in told.out
    assert "No worker is alive" in told.words
    found = cli("status", "--json").json
    assert [(q["tenant_id"], q["due"], q["scheduled"]) for q in found["queues"]] == [(DEFAULT_TENANT, 3, 3)]
    assert (found["workers"], found["paused"], found["unpublished"], found["counted_up_to"]) == ([], [], 3, 1000)


def test_status_shows_a_worker_that_is_alive_and_what_is_paused(cli: Run, sqlite_database, sender: None):
    create(1)
    assert cli("pause", "--tenant", DEFAULT_TENANT, "--reason", "a look first").code == 0
    with started("worker") as process:
        line_with(process.stderr, "engine.started")
        for _ in range(200):
            told = cli("status")
            if "worker\t" in told.out:
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
    assert f":{process.pid}\trunning\t0\t" in told.out
    assert f"tenant {DEFAULT_TENANT}\toperator\ta look first\t" in told.out
    assert "No worker is alive" not in told.words
    assert f":{process.pid}" not in cli("status").out
