"""`outreach worker` as a process: asked to stop, asked twice, killed, and stopped for longer than its lease."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestrator import OutreachOrchestrator
from orchestrator.clock import SystemClock
from orchestrator.repository import OutreachRepository
from orchestrator.sandbox import Sandbox, SandboxConfig, SandboxServer
from tests.engines.machines import EPOCH, SPEED, STOP_AT, FastClock, Machine, eventually, mails_to, started
from tests.samples import TENANT, item

KEY = "SG.sandbox.key"
LATENCY = 60  # milliseconds the sandbox takes for a mail


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(Sandbox(SandboxConfig(max_messages=2000))) as server:
        server.sandbox.faults.set(latency_ms=LATENCY)
        yield server


@pytest.fixture
def environment(dsn: str, sandbox: SandboxServer) -> dict[str, str]:
    return {
        "DB_DSN": dsn,
        "SENDGRID_API_KEY": KEY,
        "SENDGRID_FROM_EMAIL": "team@sender.test",
        "OUTREACH_SENDGRID_URL": sandbox.url,
    }


def create(repository: OutreachRepository, count: int) -> None:
    owners = (item(f"owner{number}@owners.test") for number in range(count))
    with OutreachOrchestrator(repository) as orchestrator:
        assert all(each.campaign for each in orchestrator.create_campaigns(TENANT, owners))


def statistics(repository: OutreachRepository) -> dict[str, int]:
    with OutreachOrchestrator(repository) as orchestrator:
        return orchestrator.get_statistics(TENANT)


def accepted(sandbox: SandboxServer) -> int:
    return sandbox.sandbox.truth(detail=False)["accepted"]


def test_sigterm_drains_and_another_worker_goes_on(
    repository: OutreachRepository, sandbox: SandboxServer, environment: dict[str, str]
):
    create(repository, 400)
    with started("worker", "--concurrency", "10", **environment) as worker:
        eventually(lambda: accepted(sandbox) >= 50)
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
    told = statistics(repository)
    assert 50 <= told["sent"] < 400, "it was to be stopped in the middle"
    assert told == {"sent": accepted(sandbox), "scheduled": 400 - accepted(sandbox)}
    with OutreachOrchestrator(repository) as orchestrator:
        status = orchestrator.operations.status()
        assert (status.in_doubt, status.workers, status.queues[0].due) == (0, [], told["scheduled"])
    with started("worker", "--concurrency", "50", **environment) as worker:
        eventually(lambda: statistics(repository) == {"sent": 400})
        worker.signal(signal.SIGINT)
        assert worker.ended() == 0
    assert mails_to(sandbox.sandbox.truth()) == {1: 400}


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_asked_twice_it_ends_at_once(
    repository: OutreachRepository, sandbox: SandboxServer, environment: dict[str, str], number: int, code: int
):
    sandbox.sandbox.faults.set(hang_after_accept=1.0)
    create(repository, 3)
    with started("worker", **environment) as worker:
        eventually(lambda: accepted(sandbox) == 3)
        worker.signal(number)
        worker.says("Draining")
        worker.signal(number)
        assert worker.ended() == code


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_drain_that_takes_too_long_is_ended_and_told(
    repository: OutreachRepository, sandbox: SandboxServer, environment: dict[str, str]
):
    sandbox.sandbox.faults.set(hang_after_accept=1.0)
    create(repository, 3)
    with started("worker", "--drain-timeout", "0.2", **environment) as worker:
        eventually(lambda: accepted(sandbox) == 3)
        worker.signal(signal.SIGTERM)
        worker.says("worker.undrained")
        assert worker.ended() == 143


def test_once_sends_everything_that_is_due_and_exits(
    repository: OutreachRepository, sandbox: SandboxServer, environment: dict[str, str]
):
    create(repository, 30)
    with started("worker", "--once", **environment) as worker:
        worker.says("30 sent")
        assert worker.ended() == 0
    assert statistics(repository) == {"sent": 30}
    assert mails_to(sandbox.sandbox.truth()) == {1: 30}
    with started("worker", "--once", **environment) as worker:
        worker.says("nothing was sent")
        assert worker.ended() == 0


def test_killed_in_the_middle_nobody_is_mailed_twice_and_nobody_is_lost(
    repository: OutreachRepository, sandbox: SandboxServer, environment: dict[str, str], dsn: str
):
    create(repository, 200)
    with started("worker", "--concurrency", "10", **environment) as worker:
        eventually(lambda: accepted(sandbox) >= 40)
        worker.signal(signal.SIGKILL)
        assert worker.ended() == -signal.SIGKILL
    eventually(lambda: settled(sandbox))
    later = OutreachRepository(dsn, clock=Later())  # when the lease of the dead has ended
    with OutreachOrchestrator(later, KEY, "team@sender.test", sendgrid_url=sandbox.url) as orchestrator:
        orchestrator.send_due(1000)
        in_doubt = orchestrator.operations.status().in_doubt
        told = orchestrator.get_statistics(TENANT)
        assert told["sent"] + in_doubt == 200
        assert 0 <= in_doubt <= 60, "only what was on its way may be in doubt"
        books = sandbox.sandbox.truth()
        assert set(mails_to(books)) == {1}, "nobody twice"
        events = [event for mail in sandbox.sandbox.messages(limit=1000) for event in mail.events]
        for event in events:
            orchestrator.handle_webhook(event)
        assert orchestrator.operations.status().in_doubt == 200 - len(books["campaigns"])
    later.close()


class Later:
    """Five minutes ahead."""

    def now(self):
        return SystemClock().now() + timedelta(minutes=5)


def settled(sandbox: SandboxServer) -> bool:
    """Whether requests that were under way have ended."""
    before = accepted(sandbox)
    time.sleep(3 * LATENCY / 1000)
    return accepted(sandbox) == before


@pytest.mark.parametrize(
    ("database_kind", "step"),
    [("sqlite", None), *(("postgresql", step) for step in ("claimed", "composed", "handing", "handed", None))],
)
def test_stopped_for_longer_than_its_lease_a_worker_sends_nothing_that_was_taken_over(
    repository: OutreachRepository, sandbox: SandboxServer, environment: dict[str, str], dsn: str, step: str | None
):
    """Stopped at a step of sending, in the third batch or so; or, with None, wherever it happens to be."""
    count, speed, epoch = 300, 30.0, time.time()  # a lease of 90 seconds ends after three
    if dsn.startswith("postgresql"):  # some thread is stopped in the middle of a transaction, with its locks
        environment["DB_DSN"] = f"{dsn}&options=-cidle_in_transaction_session_timeout=1s"
    fast = OutreachRepository(dsn, clock=FastClock(epoch, speed))
    create(fast, count)
    environment |= {SPEED: str(speed), EPOCH: str(epoch)}
    with started('{"concurrency": 5}', **environment, **({STOP_AT: step} if step else {})) as sleeper:
        if step is None:
            eventually(lambda: accepted(sandbox) >= 40)
            stop_without_write_lock(sleeper, dsn)
        eventually(sleeper.is_stopped)
        assert accepted(sandbox) < count - 20, "it was to be stopped in the middle"
        with started('{"concurrency": 20}', **environment) as worker:
            eventually(lambda: sent_or_in_doubt(fast) == count)
            sleeper.signal(signal.SIGCONT)
            eventually(lambda: statistics(fast) == {"sent": count})
            for machine in (sleeper, worker):
                machine.signal(signal.SIGTERM)
                assert machine.ended() == 0
    books = sandbox.sandbox.truth()
    assert mails_to(books) == {1: count}
    assert (books["accepted"], books["accepted_twice"]) == (count, [])
    fast.close()


def stop_without_write_lock(machine: Machine, dsn: str) -> None:
    """Stop it where it is; on SQLite not in the middle of a write, or everybody would wait until it goes on."""
    while True:
        machine.signal(signal.SIGSTOP)
        eventually(machine.is_stopped)
        if not dsn.startswith("sqlite"):
            return
        connecting = contextlib.closing(sqlite3.connect(dsn.removeprefix("sqlite:///"), timeout=0))
        with connecting as connection, contextlib.suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
            return
        machine.signal(signal.SIGCONT)


def sent_or_in_doubt(repository: OutreachRepository) -> int:
    """How many campaigns are dealt with, as far as that is possible without the worker that is stopped."""
    with OutreachOrchestrator(repository) as orchestrator:
        return orchestrator.get_statistics(TENANT).get("sent", 0) + orchestrator.operations.status().in_doubt


def test_workers_and_services_tell_that_they_are_there(repository: OutreachRepository, environment: dict[str, str]):
    with started("worker", **environment) as worker, started("serve", "--port", "0", **environment) as service:
        worker.says("engine.started")
        service.says("engine.started")
        with OutreachOrchestrator(repository) as orchestrator:
            look = orchestrator.operations.status
            eventually(lambda: len(look().workers) == 2)
            assert Counter((w.kind, w.state, w.alive) for w in look().workers) == {
                ("worker", "running", True): 1,
                ("service", "running", True): 1,
            }
            assert {w.pid for w in look().workers} == {worker.process.pid, service.process.pid}
            worker.signal(signal.SIGTERM)
            assert worker.ended() == 0
            assert [w.kind for w in look().workers] == ["service"]
