"""Whether the webhook endpoint was up, and whether it took everything; and how far SendGrid's reports reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from orchestrator import errors
from orchestrator.clock import ManualClock, new_id
from orchestrator.repository import OutreachRepository, Transaction, endpoint, in_doubt
from orchestrator.services.doubt.endpoint import Endpoint
from tests.samples import TENANT, item
from tests.services.doubts import world

SECOND = timedelta(seconds=1)


@contextmanager
def opened(dsn: str) -> Iterator[tuple[OutreachRepository, ManualClock]]:
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    yield repository, clock
    repository.close()


def watched(repository: OutreachRepository) -> endpoint.Watch:
    with repository.reading() as tx:
        return endpoint.watched(tx)


def serve(process: Endpoint, clock: ManualClock, seconds: int, every: int = 5) -> None:
    for _ in range(0, seconds, every):
        process.beat()
        clock.advance(SECOND * every)


def test_it_is_up_as_long_as_one_process_gives_signs_of_life(dsn: str) -> None:
    with opened(dsn) as (repository, clock):
        start = clock.now()
        assert watched(repository).up_through(start) is None
        serve(Endpoint(repository.transaction), clock, 60)
        last = clock.now() - SECOND * 5
        watch = watched(repository)
        assert watch.up_through(start) == watch.up_through(start + SECOND * 30) == last
        assert watch.up_through(start - SECOND) is None
        assert watch.up_through(last + SECOND) is None


@pytest.mark.parametrize(("pause", "gap"), [(10, False), (20, True)])
def test_a_pause_longer_than_a_few_beats_is_a_gap(dsn: str, pause: int, gap: bool) -> None:
    with opened(dsn) as (repository, clock):
        process, start = Endpoint(repository.transaction), clock.now()
        serve(process, clock, 30)
        clock.advance(SECOND * pause)
        resumed = clock.now()
        serve(process, clock, 30)
        assert (watched(repository).up_through(start) is None) is gap
        assert watched(repository).up_through(resumed) == clock.now() - SECOND * 5


def test_a_restart_is_a_gap_however_short_unless_another_process_served_meanwhile(dsn: str) -> None:
    with opened(dsn) as (repository, clock):
        begin, start = repository.transaction, clock.now()
        serve(Endpoint(begin), clock, 30)
        restarted = clock.now()
        second = Endpoint(begin)
        serve(second, clock, 30)
        end = clock.now() - SECOND * 5
        assert watched(repository).up_through(start) == restarted - SECOND * 5
        assert watched(repository).up_through(restarted) == end
        third = Endpoint(begin)
        third.beat()
        second.beat()
        serve(third, clock, 30)
        assert watched(repository).up_through(restarted) == clock.now() - SECOND * 5


def test_processes_that_died_days_ago_are_forgotten(dsn: str) -> None:
    with opened(dsn) as (repository, clock):
        Endpoint(repository.transaction).beat()
        clock.advance(timedelta(days=3))
        Endpoint(repository.transaction).beat()
        assert len(watched(repository).spans) == 1


def test_whatever_is_raised_while_a_batch_is_taken_refuses_it(dsn: str) -> None:
    with opened(dsn) as (repository, clock):
        seconds = iter(range(0, 1000, 10))
        process = Endpoint(repository.transaction, monotonic=lambda: float(next(seconds)))
        raised = {"malformed-payload": errors.MalformedPayload("no list"), "RuntimeError": RuntimeError()}
        for word, error in raised.items():
            clock.advance(SECOND)
            with pytest.raises(type(error)), process.taking():
                raise error
            assert (watched(repository).refused_at, watched(repository).refused_why) == (clock.now(), word)
        before = clock.now()
        clock.advance(SECOND)
        with process.taking():
            pass
        assert watched(repository).refused_at == before


def test_what_was_refused_while_the_database_was_away_is_told_before_the_next_sign_of_life(dsn: str) -> None:
    with opened(dsn) as (repository, clock):
        away = False

        @contextmanager
        def begin() -> Iterator[Transaction]:
            if away:
                raise errors.DatabaseUnreachable("gone")
            with repository.transaction() as tx:
                yield tx

        process = Endpoint(begin)
        process.beat()
        away = True
        with pytest.raises(errors.DatabaseUnreachable), process.taking():
            raise errors.DatabaseUnreachable("gone")
        with pytest.raises(errors.DatabaseUnreachable):
            process.beat()
        assert watched(repository).refused_at is None
        away = False
        clock.advance(SECOND * 3)
        process.beat()
        assert watched(repository).refused_at == clock.now()
        assert watched(repository).refused_why == "database-unreachable"


def test_a_flood_of_refusals_is_written_down_once_and_the_last_one_told_later(dsn: str) -> None:
    with opened(dsn) as (repository, clock):
        written = 0

        @contextmanager
        def begin() -> Iterator[Transaction]:
            nonlocal written
            written += 1
            with repository.transaction() as tx:
                yield tx

        process = Endpoint(begin, monotonic=lambda: 7.0)
        for _ in range(50):
            process.refused("signature-missing")
        assert written == 1
        clock.advance(SECOND)
        process.beat()
        assert watched(repository).refused_at == clock.now()


# ------------------------------------------------------------------------------------------- how far reports reach


def reach(repository: OutreachRepository) -> dict[str, datetime]:
    with repository.reading() as tx:
        return in_doubt.reported_through(tx, ["fake"])


def test_the_latest_reported_hand_over_is_kept_and_never_goes_back(dsn: str) -> None:
    with world(dsn) as w:
        repository = w.orchestrator.repository
        first = w.send("first@owners.test")
        w.wait(30)
        second, at = w.send("second@owners.test"), w.clock.now()
        assert reach(repository) == {}
        w.report(second)
        assert reach(repository) == {"fake": at}
        w.report(first)
        assert reach(repository) == {"fake": at}


@pytest.mark.parametrize("doubted", [None, "in_doubt", "handed"])
def test_less_than_a_second_is_written_only_when_an_open_fate_hangs_on_it(dsn: str, doubted: str | None) -> None:
    with world(dsn) as w:
        first, at = w.send("first@owners.test"), w.clock.now()
        w.report(first)
        w.clock.advance(SECOND * 0.3)
        if doubted == "in_doubt":
            w.doubt()
        elif doubted == "handed":
            claimed_and_handed(w)
        w.clock.advance(SECOND * 0.3)
        later, then = w.send("later@owners.test"), w.clock.now()
        w.report(later)
        assert reach(w.orchestrator.repository) == {"fake": then if doubted else at}


def claimed_and_handed(w: object) -> None:
    from orchestrator.services.sending import ledger
    from tests.services.doubts import World

    assert isinstance(w, World)
    services = w.orchestrator.services
    (made,) = w.orchestrator.create_campaigns(TENANT, [item("dead@owners.test")])
    assert made.campaign is not None
    with services.begin() as tx:
        claimed = ledger.claim(tx, (TENANT, made.campaign.id), due_only=True)
        assert isinstance(claimed, ledger.Claim)
    mail = services.composer.compose(claimed.campaign, claimed.message.id)
    with services.begin() as tx:
        assert ledger.hand(tx, claimed, mail, w.transport.account) is None


def test_a_batch_whose_reach_could_not_be_written_is_refused_and_told_of_when_it_comes_again(dsn: str) -> None:
    with world(dsn) as w:
        campaign, at = w.send("ada@owners.test"), w.clock.now()
        services, opened_so_far = w.orchestrator.services, 0
        begin = services.intake.store._begin

        @contextmanager
        def failing() -> Iterator[Transaction]:
            nonlocal opened_so_far
            opened_so_far += 1
            if opened_so_far == 2:
                raise errors.DatabaseUnreachable("gone")
            with begin() as tx:
                yield tx

        event = {
            "event": "processed", "tenant_id": TENANT, "campaign_id": campaign.id, "sg_event_id": new_id(),
            "outreach_message_id": w.attempts(campaign)[0].id,
        }  # fmt: skip
        services.intake.store._begin = failing  # type: ignore[assignment]
        with pytest.raises(errors.DatabaseUnreachable):
            w.orchestrator.handle_webhook(event)
        assert reach(w.orchestrator.repository) == {}
        w.orchestrator.handle_webhook(event)
        assert reach(w.orchestrator.repository) == {"fake": at}
