"""Jobs say when to look, never whether to send: lost, late, doubled or left behind, each owner gets one mail.

All on PostgreSQL, with Procrastinate's real worker; two engines with pools of their own stand for two machines.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import procrastinate
import psycopg
import pytest
from procrastinate.schema import SchemaManager
from structlog.testing import capture_logs

from orchestrator import OutreachOrchestrator
from orchestrator.bootstrap import Parts
from orchestrator.domain.message import Accepted, Outcome, OutgoingMail
from orchestrator.engines.procrastinate import ProcrastinateEngine, define, rescue_stalled
from orchestrator.publishers.memory import MemoryPublisher
from orchestrator.repository import OutreachRepository, instance, jobs
from orchestrator.transports.fake import FakeTransport
from tests.samples import TENANT, item

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])

NEVER = 3600.0
SOON = 0.05
PATIENCE = 30.0


class Post:
    """What all machines together have sent."""

    def __init__(self, expected: int) -> None:
        self.mails: list[str] = []
        self.all = threading.Event()
        self._expected = expected
        self._lock = threading.Lock()

    def take(self, mail: OutgoingMail) -> Outcome:
        with self._lock:
            self.mails.append(mail.to_email)
            if len(self.mails) >= self._expected:
                self.all.set()
        return Accepted(f"fake-{len(self.mails)}")


@contextmanager
def machine(dsn: str, post: Post, poll_interval: float = NEVER) -> Iterator[ProcrastinateEngine]:
    """A worker with everything of its own but the database."""
    repository = OutreachRepository(dsn)
    parts = Parts(transport=FakeTransport(post.take))
    with OutreachOrchestrator(
        repository, "SG.sandbox.key", "team@sender.test", parts=parts, address_gap=0
    ) as orchestrator:
        engine = ProcrastinateEngine(orchestrator, publisher=MemoryPublisher(), poll_interval=poll_interval)
        with engine:
            yield engine
    repository.close()


@contextmanager
def jobs_table(dsn: str) -> Iterator[psycopg.Connection]:
    repository = OutreachRepository(dsn)
    address = repository.jobs_address()
    assert address is not None
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection
    repository.close()


def create(repository: OutreachRepository, count: int, first: int = 0) -> list[str]:
    """Create campaigns from a process that has no engine; their owners' addresses."""
    owners = [f"owner{number}@owners.test" for number in range(first, first + count)]
    with OutreachOrchestrator(repository) as orchestrator:
        assert all(each.campaign for each in orchestrator.create_campaigns(TENANT, map(item, owners)))
    return owners


def waiting(connection: psycopg.Connection) -> list[tuple[str, str, dict]]:
    return connection.execute("SELECT task_name, status, args FROM procrastinate_jobs").fetchall()


def once_each(post: Post, owners: list[str]) -> None:
    assert Counter(post.mails) == Counter(owners)


def listening(dsn: str) -> Callable[[], bool]:
    """Tell whether a worker has registered, so that what comes now reaches it by a job."""

    def look() -> bool:
        with jobs_table(dsn) as table:
            return table.execute("SELECT count(*) FROM procrastinate_workers").fetchone() != (0,)

    return look


def was_maintained(repository: OutreachRepository) -> bool:
    with repository.reading() as tx:
        return instance.get(tx, "maintained_at") is not None


def eventually(condition: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(int(PATIENCE / 0.05)):
        if condition():
            return
        waited.wait(0.05)
    raise AssertionError("it did not come to pass")


def test_a_commit_of_another_process_leaves_one_job_without_ids(repository: OutreachRepository, dsn: str):
    create(repository, 20)
    with jobs_table(dsn) as table:
        assert waiting(table) == [(jobs.DISPATCH, "todo", {})]


def test_what_is_not_due_yet_leaves_no_job_and_moving_it_to_now_does(repository: OutreachRepository, dsn: str):
    with OutreachOrchestrator(repository) as orchestrator, jobs_table(dsn) as table:
        campaign = orchestrator.create_campaign(TENANT, **item(), scheduled_at="2099-01-01T09:00:00+00:00")
        assert waiting(table) == []
        orchestrator.reschedule_campaign(campaign.id, TENANT, None)
        assert waiting(table) == [(jobs.DISPATCH, "todo", {})]


def test_a_job_wakes_a_worker_that_would_not_look_by_itself(repository: OutreachRepository, dsn: str):
    post = Post(20)
    with machine(dsn, post):
        eventually(listening(dsn))
        owners = create(repository, 20)
        assert post.all.wait(PATIENCE)
    once_each(post, owners)


def test_what_was_announced_while_nobody_listened_is_sent_at_the_start(repository: OutreachRepository, dsn: str):
    post = Post(5)
    owners = create(repository, 5)
    with machine(dsn, post):
        assert post.all.wait(PATIENCE)
    once_each(post, owners)


def test_lost_jobs_lose_no_mail(repository: OutreachRepository, dsn: str):
    post = Post(60)
    with jobs_table(dsn) as table:
        table.execute("CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
        table.execute("CREATE TRIGGER lose BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION lose()")
        with machine(dsn, post, SOON), machine(dsn, post, SOON):
            owners = create(repository, 60)
            assert post.all.wait(PATIENCE)
        assert waiting(table) == []
    once_each(post, owners)


@pytest.mark.parametrize("times", [2, 5])
def test_doubled_jobs_double_no_mail(repository: OutreachRepository, dsn: str, times: int):
    post = Post(60)
    with ExitStack() as stack, jobs_table(dsn) as table:
        for _ in range(2):
            stack.enter_context(machine(dsn, post))
        owners: list[str] = []
        for part in range(3):
            owners += create(repository, 20, first=20 * part)
            table.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT %s, %s FROM generate_series(1, %s)",
                (jobs.QUEUE, jobs.DISPATCH, times),
            )
        assert post.all.wait(PATIENCE)
        eventually(lambda: waiting(table) == [])
    once_each(post, owners)


def test_late_jobs_find_nothing_left_to_do(repository: OutreachRepository, dsn: str):
    post = Post(20)
    with jobs_table(dsn) as table:
        table.execute(
            "CREATE FUNCTION delay() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN NEW.scheduled_at := now() + interval ''1 hour''; RETURN NEW; END'"
        )
        table.execute("CREATE TRIGGER delay BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION delay()")
        with machine(dsn, post, SOON), machine(dsn, post, SOON):
            owners = create(repository, 20)
            assert post.all.wait(PATIENCE)
            assert (jobs.DISPATCH, "todo", {}) in waiting(table)
            table.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
            table.execute("SELECT ring()")
            eventually(lambda: (jobs.DISPATCH, "todo", {}) not in waiting(table))
    once_each(post, owners)


def test_the_job_of_a_worker_that_died_is_given_to_another(repository: OutreachRepository, dsn: str):
    post = Post(10)
    owners = create(repository, 10)
    with jobs_table(dsn) as table:
        table.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '10 minutes')")
        table.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT max(id) FROM procrastinate_workers)"
        )
        looks: list[str] = []
        assert asyncio.run(rescue_and_work(dsn, lambda: looks.append("looked"))) == 1
        assert looks == ["looked"]
        assert waiting(table) == []
    with machine(dsn, post):
        assert post.all.wait(PATIENCE)
    once_each(post, owners)


def test_a_dead_workers_job_goes_when_another_like_it_waits(repository: OutreachRepository, dsn: str):
    create(repository, 1)
    with jobs_table(dsn) as table:
        table.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
        create(repository, 1, first=1)
        assert Counter(status for _, status, _ in waiting(table)) == {"doing": 1, "todo": 1}
        looks: list[str] = []
        assert asyncio.run(rescue_and_work(dsn, lambda: looks.append("looked"))) == 1
        assert waiting(table) == []
        assert looks == ["looked"]


async def rescue_and_work(dsn: str, look: Callable[[], None]) -> int:
    """What a worker does with the jobs that are there; returns how many of them were rescued."""
    repository = OutreachRepository(dsn)
    address = repository.jobs_address()
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=address, min_size=1, max_size=2))
    define(app, look, lambda: None)
    app.periodic_registry.periodic_tasks.clear()
    async with app.open_async():
        rescued = await rescue_stalled(app)
        await app.run_worker_async(queues=[jobs.QUEUE], wait=False, delete_jobs="always", install_signal_handlers=False)
    repository.close()
    return rescued


def test_without_tables_for_jobs_workers_look_by_themselves_and_say_so(repository: OutreachRepository, dsn: str):
    post = Post(12)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {jobs.SCHEMA} CASCADE")
    with capture_logs() as lines, machine(dsn, post, SOON):
        owners = create(repository, 5) + create(repository, 7, first=5)
        assert post.all.wait(PATIENCE)
        eventually(lambda: "jobs.missing" in {line["action"] for line in lines})
        eventually(lambda: was_maintained(repository))
    unheard = [line["log_level"] for line in lines if line["action"] == "jobs.unheard"]
    assert Counter(unheard[:2]) == {"warning": 1, "debug": 1}, "said once, not at every commit"
    once_each(post, owners)
    repository.upgrade()
    assert repository.jobs_address() is not None


class HesitantRepository(OutreachRepository):
    """Lets a loop that asks for jobs wait at the door."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self.asked, self.go = threading.Event(), threading.Event()

    def jobs_address(self) -> str | None:
        if threading.current_thread().name == "outreach-jobs":
            self.asked.set()
            assert self.go.wait(PATIENCE)
        return super().jobs_address()


def test_told_to_stop_before_it_listens_an_engine_stops_and_can_be_told_again(dsn: str):
    with closing(HesitantRepository(dsn)) as repository, OutreachOrchestrator(repository) as orchestrator:
        engine = ProcrastinateEngine(orchestrator, publisher=MemoryPublisher(), poll_interval=NEVER)
        engine.start()
        assert repository.asked.wait(PATIENCE)
        assert not engine.stop(timeout=0), "one loop is at the door"
        repository.go.set()
        assert engine.stop(timeout=PATIENCE)
        assert engine.stop(timeout=PATIENCE)


def test_tables_of_an_older_procrastinate_are_brought_up_to_date(repository: OutreachRepository, dsn: str):
    scripts = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"), key=lambda path: path.stem)
    old = [path for path in scripts if path.stem < "03.02"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {jobs.SCHEMA} CASCADE")
        connection.execute(f"CREATE SCHEMA {jobs.SCHEMA}")
        connection.execute(f"SET search_path TO {jobs.SCHEMA}")
        for script in old:
            connection.execute(script.read_text("utf-8"))
        connection.execute(f"COMMENT ON SCHEMA {jobs.SCHEMA} IS '{old[-1].stem}'")
    assert repository.jobs_address() is None
    repository.upgrade()
    post = Post(3)
    with machine(dsn, post):
        eventually(listening(dsn))
        owners = create(repository, 3)
        assert post.all.wait(PATIENCE)
    once_each(post, owners)


def test_who_may_make_no_schema_can_still_upgrade(postgres_server, empty_dsn: str):
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS modest")
        connection.execute("CREATE ROLE modest LOGIN")
        connection.execute("GRANT ALL ON SCHEMA public TO modest")
    repository = OutreachRepository(empty_dsn.replace("postgres@", "modest@"))
    with capture_logs() as lines:
        repository.upgrade()
    assert [line["action"] for line in lines] == ["jobs.no_schema"]
    assert repository.jobs_address() is None
    repository.close()
