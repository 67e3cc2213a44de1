"""The loops of one process: woken by commits, not stopped by errors, drained at the end."""

from __future__ import annotations

import io
import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator import OutreachOrchestrator
from orchestrator.bootstrap import Parts
from orchestrator.domain.message import Accepted, Outcome, OutgoingMail
from orchestrator.engines import LocalEngine
from orchestrator.publishers.log import LogPublisher
from orchestrator.publishers.memory import MemoryPublisher
from orchestrator.repository import OutreachRepository
from orchestrator.transports.fake import FakeTransport

TENANT = str(uuid.uuid4())
NEVER = 3600.0  # seconds: with such an interval nothing is found by looking, only by being woken
PATIENCE = 20.0


class Core:
    """A façade that does what it is told, to see the loops alone."""

    def __init__(self, send: Callable[[], dict[str, int]], relay: Callable[[], int] = lambda: 0) -> None:
        self._send, self._relay = send, relay
        self.subscribers: dict[str, list[Callable[[dict[str, Any]], None]]] = {}
        self.states: list[str] = []
        self.recovered, self.stops = threading.Event(), list[bool]()

    @property
    def operations(self) -> Core:
        return self

    def when_due(self, function: Callable[[], object]) -> Callable[[], None]:
        return self.subscribe("due", lambda _event: function())

    def pulse(self, kind: str) -> Core:
        return self

    def beat(self, state: str, sent: int) -> None:
        self.states.append(state)

    def recover(self) -> tuple[int, int]:
        self.recovered.set()
        return 0, 0

    def reconcile(self) -> Counter[str]:
        return Counter()

    def maintain(self) -> Counter[str]:
        return Counter()

    def send_due(
        self, limit: int = 100, concurrency: int = 8, stop: Callable[[], bool] | None = None
    ) -> dict[str, int]:
        words = self._send()
        self.stops.append(stop is not None and stop())
        return words

    def relay_events(self, publisher: object = None, limit: int = 500) -> int:
        return self._relay()

    def subscribe(self, type_: str, function: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        self.subscribers.setdefault(type_, []).append(function)
        return lambda: self.subscribers[type_].remove(function)


def create(orchestrator: OutreachOrchestrator, number: int = 1) -> str:
    record = {
        "id": str(uuid.uuid4()),
        "owner": {"email": f"owner{number}@sample.test"},
        "address": {"line1": f"{number} Maple St"},
    }
    return orchestrator.create_campaign(TENANT, record, {"score": 80}, "https://memos.sample.test/1.pdf").id


def orchestrated(repository: OutreachRepository, transport: FakeTransport) -> OutreachOrchestrator:
    return OutreachOrchestrator(
        repository, "SG.sandbox.key", "team@sample.test", parts=Parts(transport=transport), address_gap=0
    )


def test_a_commit_wakes_both_loops(repository: OutreachRepository):
    sent, published = threading.Event(), threading.Event()

    def note_sent(_mail: OutgoingMail) -> Outcome:
        sent.set()
        return Accepted("fake")

    def note_published(event: dict[str, Any]) -> None:
        if event["type"] == "event.outreach.sent":
            published.set()

    with orchestrated(repository, FakeTransport(note_sent)) as orchestrator:
        with LocalEngine(orchestrator, publisher=MemoryPublisher(note_published), poll_interval=NEVER):
            create(orchestrator)
            assert sent.wait(PATIENCE)
            assert published.wait(PATIENCE)
        assert orchestrator.get_statistics(TENANT) == {"sent": 1}


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_what_other_processes_commit_is_found_by_looking(repository: OutreachRepository, dsn: str):
    sent = threading.Event()

    def note(_mail: OutgoingMail) -> Outcome:
        sent.set()
        return Accepted("fake")

    elsewhere = OutreachRepository(dsn)
    with (
        orchestrated(repository, FakeTransport(note)) as here,
        OutreachOrchestrator(elsewhere) as there,
        LocalEngine(here, publisher=MemoryPublisher(), poll_interval=0.05),
    ):
        create(there)
        assert sent.wait(PATIENCE)
    elsewhere.close()


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_two_engines_send_each_mail_once(repository: OutreachRepository):
    transport, events = FakeTransport(), MemoryPublisher()
    with orchestrated(repository, transport) as orchestrator:
        ids = [create(orchestrator, number) for number in range(40)]
        all_sent = threading.Event()
        orchestrator.subscribe(
            "event.outreach.sent", lambda _: all_sent.set() if len(transport.sent) >= len(ids) else None
        )
        with LocalEngine(orchestrator, publisher=events), LocalEngine(orchestrator, publisher=events):
            assert all_sent.wait(PATIENCE)
        assert Counter(mail.campaign_id for mail in transport.sent) == Counter(ids)
        assert orchestrator.get_statistics(TENANT) == {"sent": 40}


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_without_dispatch_events_are_published_and_nothing_is_sent(repository: OutreachRepository):
    published, transport = threading.Event(), FakeTransport()
    with orchestrated(repository, transport) as orchestrator:
        publisher = MemoryPublisher(lambda _event: published.set())
        with LocalEngine(orchestrator, publisher=publisher, dispatch=False, poll_interval=0.01):
            create(orchestrator)
            assert published.wait(PATIENCE)
        assert transport.sent == []
        assert orchestrator.get_statistics(TENANT) == {"scheduled": 1}


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_events_go_out_as_lines_of_json(repository: OutreachRepository):
    stream = io.StringIO()
    with orchestrated(repository, FakeTransport()) as orchestrator:
        campaign_id = create(orchestrator)
        assert orchestrator.relay_events(LogPublisher(stream)) == 1
    assert json.loads(stream.getvalue())["data"]["campaign_id"] == campaign_id


def test_an_error_in_one_round_does_not_end_the_loop():
    outcomes: list[Any] = [RuntimeError("boom"), RuntimeError("boom"), {"sent": 1}]
    recovered = threading.Event()

    def send() -> dict[str, int]:
        outcome = outcomes.pop(0) if outcomes else {}
        if isinstance(outcome, Exception):
            raise outcome
        if outcome:
            recovered.set()
        return outcome

    with capture_logs() as lines, LocalEngine(Core(send), poll_interval=0.01):
        assert recovered.wait(PATIENCE)
    failures = [line for line in lines if line["event"] == "round failed, trying again"]
    assert [bool(line.get("exc_info")) for line in failures] == [True, False]


def test_a_failing_loop_waits_longer_each_time_and_stops_at_once_when_told():
    rounds = threading.Semaphore(0)

    def send() -> dict[str, int]:
        rounds.release()
        raise RuntimeError("boom")

    engine = LocalEngine(Core(send), poll_interval=NEVER)
    engine.start()
    assert rounds.acquire(timeout=PATIENCE)
    engine.wake()
    assert engine.stop(timeout=PATIENCE)
    assert not rounds.acquire(timeout=0), "being woken must not shorten the pause after an error"


def test_stop_waits_for_the_round_that_is_running():
    running, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def send() -> dict[str, int]:
        running.set()
        assert may_end.wait(PATIENCE)
        done.set()
        return {"sent": 1}

    engine = LocalEngine(Core(send), poll_interval=NEVER)
    engine.start()
    assert running.wait(PATIENCE)
    assert engine.stop(timeout=0.01) is False
    assert not done.is_set()
    may_end.set()
    assert engine.stop(timeout=PATIENCE) is True
    assert done.is_set()


def test_a_loop_works_on_while_there_is_something_to_do():
    left = [{"sent": 1}] * 5
    empty = threading.Event()

    def send() -> dict[str, int]:
        if left:
            return left.pop()
        empty.set()
        return {}

    with LocalEngine(Core(send), poll_interval=NEVER):
        assert empty.wait(PATIENCE)
    assert left == []


def test_an_engine_can_be_started_again_and_forgets_its_subscriptions():
    rounds = threading.Semaphore(0)

    def send() -> dict[str, int]:
        rounds.release()
        return {}

    core = Core(send)
    engine = LocalEngine(core, poll_interval=NEVER)
    for _ in range(2):
        engine.start()
        engine.start()
        assert rounds.acquire(timeout=PATIENCE)
        assert {type_: len(found) for type_, found in core.subscribers.items()} == {
            "*": 1,
            "event.outreach.sent": 1,
            "due": 1,
        }
        assert engine.stop(timeout=PATIENCE)
    assert not any(core.subscribers.values())


def test_dead_workers_are_looked_for_while_a_long_round_is_sending():
    may_end = threading.Event()

    def send() -> dict[str, int]:
        assert may_end.wait(PATIENCE)
        return {}

    core = Core(send)
    with LocalEngine(core, poll_interval=NEVER):
        assert core.recovered.wait(PATIENCE)
        assert core.stops == [], "the round is still running"
        may_end.set()
    assert core.stops


def test_a_long_round_is_told_to_stop_and_others_see_the_process_draining():
    running, may_end = threading.Event(), threading.Event()

    def send() -> dict[str, int]:
        running.set()
        assert may_end.wait(PATIENCE)
        return {}

    core = Core(send)
    engine = LocalEngine(core, poll_interval=NEVER)
    engine.start()
    assert running.wait(PATIENCE)
    assert engine.stop(timeout=0.01) is False
    may_end.set()
    assert engine.stop(timeout=PATIENCE) is True
    assert core.stops == [True]
    assert core.states[-1] == "stopped"
    assert set(core.states) >= {"running", "draining"}


def test_a_service_neither_sends_nor_recovers():
    core = Core(dict)
    with LocalEngine(core, dispatch=False, poll_interval=0.01):
        pass
    assert (core.stops, core.recovered.is_set()) == ([], False)
