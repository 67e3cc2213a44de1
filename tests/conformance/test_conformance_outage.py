"""The database goes away while the service runs: 503 with Retry-After, and nothing is lost when it comes back."""

from __future__ import annotations

import random
import resource
import threading
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.conformance import processes
from tests.conformance.conftest import SENT_AT, Running, running
from tests.conformance.reports import KINDS, event, reading
from tests.conformance.rows import Rows, times
from tests.conformance.wire import Answer, Signer, body_of, connected
from tests.postgres import PostgresServer
from tests.samples import TENANT

SENT = int(SENT_AT.timestamp())
CUTS = 15


def assert_try_again(answer: Answer) -> None:
    assert answer.status == 503, answer.body
    assert int(answer.headers["retry-after"]) > 0
    assert "database" in answer.json["detail"]


def cut_connections(server: PostgresServer, service: Running, *, allow: bool = True) -> None:
    """End every connection to the service's database, and let nobody come back unless allowed."""
    name = str(service.orchestrator.repository.url.database)
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
        allowed = sql.SQL("true" if allow else "false")
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(name), allowed))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_server_that_lets_nobody_in_is_a_503_until_it_does(service: Running, postgres_server: PostgresServer) -> None:
    (campaign,) = service.create(["owner@owners.test"])
    batch = [event("delivered", campaign, SENT + 5)]
    with connected(service.port) as wire:
        cut_connections(postgres_server, service, allow=False)
        away = [service.post(batch, wire), service.post(batch, wire)]
        ready, alive = wire.get("/readyz").status, wire.get("/livez").status
        cut_connections(postgres_server, service, allow=True)
        back = service.post(batch, wire)
        refused = wire.metric('orchestrator_webhook_requests_total{outcome="database-unreachable"}')

    for answer in away:
        assert_try_again(answer)
    assert (ready, alive, refused) == (503, 200, 2)
    assert (back.status, back.json["new"]) == (200, 1)
    assert service.rows.campaigns(TENANT)[campaign]["status"] == "delivered"


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_connections_cut_in_the_middle_of_batches_lose_nothing(
    service: Running, postgres_server: PostgresServer
) -> None:
    draw = random.Random(5)
    emails = [f"owner{number % 5}@owners.test" for number in range(12)]
    campaigns = service.create(emails)
    about = [(draw.choice(sorted(KINDS)), draw.choice(campaigns), SENT + draw.randint(1, 9000)) for _ in range(600)]
    events = [event(*fact, mark=number) for number, fact in enumerate(about)]
    statuses: Counter[int] = Counter()
    progress = threading.Condition()

    def send(start: int) -> None:
        with connected(service.port) as wire:
            waiting = [events[first : first + 10] for first in range(start, start + 150, 10)]
            while waiting:
                status = service.post(waiting[0], wire).status
                if status == 200:
                    waiting.pop(0)
                with progress:
                    statuses[status] += 1
                    progress.notify_all()

    senders = [threading.Thread(target=send, args=(start,)) for start in range(0, 600, 150)]
    for sender in senders:
        sender.start()
    for cut in range(CUTS):
        with progress:  # let something through before the next one
            assert progress.wait_for(lambda wanted=3 * cut: statuses[200] >= wanted, timeout=60)
        cut_connections(postgres_server, service)
    for sender in senders:
        sender.join()

    found = {id_: (row["status"], times(row)) for id_, row in service.rows.campaigns(TENANT).items()}
    assert statuses.keys() <= {200, 503}
    assert statuses[200] == 60
    assert found == reading(about, dict(zip(campaigns, emails, strict=True)))
    assert len(service.rows.reported(TENANT)) == 600
    assert service.rows.counted(TENANT) == service.rows.recounted(TENANT)


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_full_disk_is_a_503_until_there_is_room(dsn: str, signer: Signer) -> None:
    with running(dsn, signer) as service:
        (campaign,) = service.create(["owner@owners.test"])
    bodies = [body_of([event("delivered", campaign, SENT + 5)]), body_of([event("open", campaign, SENT + 60)])]
    with (
        processes.prepared(DB_DSN=dsn, OUTREACH_WEBHOOK_PUBLIC_KEY=signer.public_key) as serving,
        connected(serving.start()) as wire,
    ):
        before = wire.post(bodies[0], signer.headers(bodies[0]))
        # No file may grow: what a full disk does, without filling one.
        resource.prlimit(serving.process_id, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        away = [wire.post(bodies[1], signer.headers(bodies[1])) for _ in range(2)]
        resource.prlimit(serving.process_id, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        back = wire.post(bodies[1], signer.headers(bodies[1]))

    assert (before.status, before.json["new"]) == (200, 1)
    for answer in away:
        assert_try_again(answer)
    assert (back.status, back.json["new"]) == (200, 1)
    assert Rows(dsn).campaigns(TENANT)[campaign]["status"] == "opened"


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_file_that_is_not_there_is_a_503_until_it_is(dsn: str, signer: Signer, tmp_path: Path) -> None:
    file, elsewhere = Path(dsn.removeprefix("sqlite:///")), tmp_path / "elsewhere.db"
    with running(dsn, signer) as service:
        (campaign,) = service.create(["owner@owners.test"])
        service.orchestrator.repository.close()  # what is open stays usable on this system, whatever its name
        file.rename(elsewhere)
        file.mkdir()
        away = service.post([event("delivered", campaign, SENT + 5)])
        file.rmdir()
        elsewhere.rename(file)
        back = service.post([event("delivered", campaign, SENT + 5)])

    assert_try_again(away)
    assert (back.status, back.json["new"]) == (200, 1)
    assert Rows(dsn).campaigns(TENANT)[campaign]["status"] == "delivered"


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_after_a_backup_was_restored_under_the_running_service_events_go_into_the_new_file(
    dsn: str, signer: Signer, tmp_path: Path
) -> None:
    file, backup = Path(dsn.removeprefix("sqlite:///")), tmp_path / "backup.db"
    with running(dsn, signer) as service:
        (campaign,) = service.create(["owner@owners.test"])
        service.rows.execute(f"VACUUM INTO '{backup}'")
        lost = service.post([event("processed", campaign, SENT + 1)])
        for name in (f"{file}-wal", f"{file}-shm"):
            Path(name).unlink(missing_ok=True)
        backup.replace(file)
        answers = [service.post([event("open", campaign, SENT + 60 + number)]) for number in range(3)]

    kept = [row["event_data"]["timestamp"] for row in Rows(dsn).reported(TENANT)]
    assert [answer.status for answer in (lost, *answers)] == [200] * 4
    assert sorted(kept) == [SENT + 60, SENT + 61, SENT + 62]


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_after_the_file_was_deleted_under_the_running_service_nothing_is_acknowledged(dsn: str, signer: Signer) -> None:
    file = Path(dsn.removeprefix("sqlite:///"))
    with running(dsn, signer) as service:
        (campaign,) = service.create(["owner@owners.test"])
        for name in (file, f"{file}-wal", f"{file}-shm"):
            Path(name).unlink(missing_ok=True)
        answers = [service.post([event("open", campaign, SENT + 60)]) for _ in range(2)]

    assert [answer.status for answer in answers] == [503, 503]
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
