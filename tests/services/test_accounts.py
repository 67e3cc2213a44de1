"""The account's pace, shared by all workers: slots, holding off, pauses. Time is the test's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from orchestrator import OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail
from orchestrator.domain.pacing import slot_distance
from orchestrator.repository import OutreachRepository, accounts, campaigns, messages
from orchestrator.repository.accounts import EVERY, PauseKind
from orchestrator.services.sending import pacing
from orchestrator.services.sending.pacing import HORIZON, Pacer, Slot
from orchestrator.services.sending.turns import Turns
from tests.samples import OTHER_TENANT, TENANT, facade, item

ACCOUNT = "fake"
LIMIT = NotSent("SendGrid answered 429: too many", retry_after=120.0, status=429)
REFUSAL = NotSent("SendGrid answered 403: the account is suspended", account=True, status=403)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(dsn: str, clock: ManualClock) -> Iterator[OutreachRepository]:
    """A repository whose clock the test moves."""
    opened = OutreachRepository(dsn, clock=clock)
    yield opened
    opened.close()


def seconds(clock: ManualClock) -> Callable[[], float]:
    return lambda: clock.now().timestamp()


def pacer(repository: OutreachRepository, clock: ManualClock, rate: float | None) -> Pacer:
    return Pacer(repository.transaction, ACCOUNT, rate, seconds(clock), lambda: 0.5)


def known(repository: OutreachRepository, account: str = ACCOUNT) -> accounts.Account:
    with repository.reading() as tx:
        return accounts.get(tx, account)


def attempts(repository: OutreachRepository) -> list[messages.OutreachMessage]:
    with repository.reading() as tx:
        keys = [(TENANT, campaign.id) for campaign in campaigns.page(tx, TENANT, 1000)]
        return [message for each in messages.of_campaigns(tx, keys).values() for message in each]


def in_turn(*outcomes: Outcome) -> Callable[[OutgoingMail], Outcome]:
    waiting = iter(outcomes)
    return lambda _: next(waiting, Accepted("id"))


# -------------------------------------------------------------------------------------------------------------- slots


def test_slots_of_three_workers_are_one_row_without_gaps_or_bursts(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    workers = [pacer(timed, clock, 200.0) for _ in range(3)]
    taken: list[Slot] = []
    for turn in range(30):
        slots = workers[turn % 3].take(workers[turn % 3].window or 1)
        if slots is None:
            break
        taken += slots
    starts = sorted(slot.earliest for slot in taken)
    distances = [after - before for before, after in pairwise(starts)]
    assert min(distances) == pytest.approx(0.005, abs=1e-5)
    assert max(distances) == pytest.approx(0.005, abs=1e-5)


def test_an_hour_without_mail_saves_up_nothing(timed: OutreachRepository, clock: ManualClock) -> None:
    worker = pacer(timed, clock, 10.0)
    assert worker.take(1) is not None
    clock.advance(timedelta(hours=1))
    slots = worker.take(20)
    assert slots is not None
    assert slots[-1].earliest - slots[0].earliest >= 1.9


def test_slots_too_far_away_are_not_taken_from_others(timed: OutreachRepository, clock: ManualClock) -> None:
    slow = pacer(timed, clock, 0.1)
    assert slow.take(1) is not None
    before = known(timed).next_free_at
    assert slow.take(1) is None
    assert known(timed).next_free_at == before
    clock.advance(timedelta(seconds=10))
    assert slow.take(1) is not None


def test_a_clock_that_was_set_back_does_not_silence_an_account(timed: OutreachRepository, clock: ManualClock) -> None:
    worker = pacer(timed, clock, 1.0)
    with timed.transaction() as tx:
        accounts.take(tx, ACCOUNT, 1, 1.0, notice=timedelta(days=1))
    assert worker.take(1) is not None


def test_many_threads_never_take_the_same_slot(repository: OutreachRepository) -> None:
    taken: list[float] = []

    def work() -> None:
        for _ in range(20):
            with repository.transaction() as tx:
                start = accounts.take(tx, ACCOUNT, 3, 50.0)
            assert start is not None
            taken.append(start.timestamp())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()
    distances = [after - before for before, after in pairwise(taken)]
    assert len(taken) == 60
    assert min(distances) >= 3 * slot_distance(50.0).total_seconds() - 1e-4


def test_who_comes_too_late_for_a_slot_gets_in_line_again(timed: OutreachRepository, clock: ManualClock) -> None:
    now, waits = seconds(clock), []

    async def sleep(wait: float) -> None:
        waits.append(wait)
        clock.advance(timedelta(seconds=wait))

    async def scenario() -> None:
        worker = pacer(timed, clock, 1.0)
        turns = Turns(worker, now, sleep)
        mine, following = await turns.take(2) or ()
        assert mine is not None
        assert following is not None
        assert await turns.wait(mine, latest=now() + 60)
        clock.advance(timedelta(seconds=3))  # this process stood still
        assert await turns.wait(following, latest=now() + 60)
        others = await turns.take(1)
        assert others is not None
        assert others[0] is not None
        assert others[0].earliest >= now() + 1.0  # it did not leave in a slot that another one has
        clock.advance(timedelta(seconds=60))
        assert not await turns.wait(mine, latest=now() - 1)  # its lease is too old for another slot

    asyncio.run(scenario())
    assert max(waits) <= 1.1


# ------------------------------------------------------------------------------------------------- 429 and holding off


def test_one_429_holds_every_worker_off_and_burns_no_attempts(timed: OutreachRepository, clock: ManualClock) -> None:
    with facade(timed, in_turn(LIMIT), clock=clock) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(12)]))
        words = orchestrator.send_due(concurrency=1)
        assert words == {"requeued": 1}
        assert len(transport.sent) == 1
        asked = known(timed).not_before
        assert asked is not None
        assert 119 <= (asked - clock.now()).total_seconds() <= 121
    with facade(timed, clock=clock, monotonic=seconds(clock)) as (other_worker, transport):
        burnt = len(attempts(timed))
        assert other_worker.send_due() == {}
        assert transport.sent == []
        assert len(attempts(timed)) == burnt  # it did not even claim
        clock.advance(timedelta(seconds=300))
        assert other_worker.send_due() == {"sent": 12}


def test_those_that_met_a_429_return_spread_and_not_before_they_may(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    worker = pacer(timed, clock, None)
    draws = iter([0.0, 0.25, 0.5, 0.75])
    worker._random = lambda: next(draws)
    assert worker.learn(LIMIT, seconds(clock)()) == 120.0
    waits = [worker.return_after(LIMIT) for _ in range(4)]
    assert waits[0] == timedelta(seconds=120)
    assert len(set(waits)) == 4


def test_without_a_wish_the_wait_doubles_per_storm_and_a_success_ends_the_doubling(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    worker, now = pacer(timed, clock, None), seconds(clock)
    silent = NotSent("SendGrid answered 503", status=503)
    waits: list[float | None] = []
    for _ in range(9):
        waits.append(worker.learn(silent, now()))
        assert worker.learn(silent, now() - 1) is None  # left before the storm was known: it is the same one
        clock.advance(timedelta(seconds=61))
    assert waits == [0.75 * min(60.0, 2.0**storm) for storm in range(9)]
    worker.learn(Accepted("id"), now())
    assert worker.learn(silent, now() + 1) == 0.75


def test_a_network_that_is_away_stops_this_process_and_no_other(timed: OutreachRepository, clock: ManualClock) -> None:
    unreachable = NotSent("no connection")
    with facade(timed, lambda _: unreachable, clock=clock) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(60)]))
        dispatcher = orchestrator.services.dispatcher

        def is_holding() -> bool:
            return dispatcher._pacer is not None and dispatcher._pacer.holding() > 0

        assert orchestrator.send_due(concurrency=1, stop=is_holding) == {"requeued": pacing.UNREACHED}
        assert len(transport.sent) == pacing.UNREACHED
        assert known(timed).not_before is None


# -------------------------------------------------------------------------------------------------------------- pauses


def test_a_refused_account_is_left_alone_until_one_mail_finds_it_open(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    with facade(timed, in_turn(REFUSAL, REFUSAL), clock=clock) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(5)]))
        assert orchestrator.send_due(concurrency=1) == {"requeued": 1}
        paused = known(timed)
        assert (paused.pause_kind, paused.pause_reason) == (PauseKind.REFUSED, REFUSAL.reason)
        burnt = len(attempts(timed))
        assert orchestrator.send_due() == {}
        assert (len(transport.sent), len(attempts(timed))) == (1, burnt)
        clock.advance(pacing.PROBE_AFTER)
        assert orchestrator.send_due() == {"requeued": 1}  # the one that tried
        assert len(transport.sent) == 2
        assert orchestrator.send_due() == {}
        clock.advance(pacing.PROBE_AFTER)
        assert orchestrator.send_due() == {"sent": 5}  # the one that tries again, and then the others
        assert known(timed).pause_kind is None


def test_of_many_workers_one_may_try(timed: OutreachRepository, clock: ManualClock) -> None:
    workers = [pacer(timed, clock, None) for _ in range(3)]
    workers[0].refused(REFUSAL)
    assert [worker.begin_probe() for worker in workers] == [False, False, False]
    clock.advance(pacing.PROBE_AFTER)
    assert [worker.begin_probe() for worker in workers] == [True, False, False]


def test_a_turn_to_try_with_nothing_due_is_given_back(timed: OutreachRepository, clock: ManualClock) -> None:
    with facade(timed, clock=clock) as (orchestrator, transport):
        pacer(timed, clock, None).refused(REFUSAL)
        clock.advance(pacing.PROBE_AFTER)
        assert orchestrator.send_due() == {}
        list(orchestrator.create_campaigns(TENANT, [item()]))
        assert orchestrator.send_due() == {"sent": 1}
        assert len(transport.sent) == 1


def test_a_mail_sent_by_hand_may_try_a_refused_account_and_lifts_the_pause(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    with facade(timed, clock=clock) as (orchestrator, _):
        pacer(timed, clock, None).refused(REFUSAL)
        created = next(iter(orchestrator.create_campaigns(TENANT, [item()]))).campaign
        assert created is not None
        assert orchestrator.send_campaign(created.id, TENANT)["status"] == "sent"
        assert known(timed).pause_kind is None


def test_a_refusal_met_by_hand_pauses_the_workers_too(timed: OutreachRepository, clock: ManualClock) -> None:
    with facade(timed, in_turn(REFUSAL), clock=clock) as (orchestrator, transport):
        first, _ = [c.campaign for c in orchestrator.create_campaigns(TENANT, [item("a@b.test"), item("c@d.test")])]
        assert first is not None
        with pytest.raises(errors.NotSent, match="suspended"):
            orchestrator.send_campaign(first.id, TENANT)
        assert orchestrator.send_due() == {}
        assert len(transport.sent) == 1


def test_a_persons_pause_stops_everything_and_says_so(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        created = next(iter(orchestrator.create_campaigns(TENANT, [item()]))).campaign
        assert created is not None
        assert orchestrator.operations.pause("the letterhead is wrong")
        assert not orchestrator.operations.pause("it still is")
        assert orchestrator.send_due() == {}
        with pytest.raises(errors.AccountPaused, match="it still is") as caught:
            orchestrator.send_campaign(created.id, TENANT)
        assert "outreach resume" in str(caught.value.fix)
        assert attempts(repository) == []
        assert orchestrator.operations.resume()
        assert not orchestrator.operations.resume()
        assert orchestrator.send_due() == {"sent": 1}
        assert orchestrator.send_campaign(created.id, TENANT)["status"] == "already_sent"
        assert len(transport.sent) == 1


def test_a_paused_tenant_waits_and_others_do_not(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        mine = next(iter(orchestrator.create_campaigns(TENANT, [item()]))).campaign
        list(orchestrator.create_campaigns(OTHER_TENANT, [item()]))
        assert mine is not None
        orchestrator.operations.pause("they have not paid", TENANT)
        assert orchestrator.send_due() == {"sent": 1}
        assert [mail.tenant_id for mail in transport.sent] == [OTHER_TENANT]
        with pytest.raises(errors.AccountPaused, match="they have not paid") as caught:
            orchestrator.send_campaign(mine.id, TENANT)
        assert TENANT in str(caught.value.fix)
        orchestrator.operations.resume(TENANT)
        assert orchestrator.send_due() == {"sent": 1}


@pytest.mark.parametrize("tenant", [None, TENANT])
def test_a_pause_reaches_mails_that_are_claimed_already(repository: OutreachRepository, tenant: str | None) -> None:
    with facade(repository) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(8)]))
        dispatcher = orchestrator.services.dispatcher

        def pause_now(step: str) -> None:
            if step == "composed":
                orchestrator.operations.pause("stop", tenant)

        dispatcher._reached = pause_now
        assert orchestrator.send_due() == {}
        assert transport.sent == []
        dispatcher._reached = lambda _: None
        orchestrator.operations.resume(tenant)
        assert orchestrator.send_due() == {"sent": 8}


def test_a_stronger_pause_stays_and_resuming_needs_the_right_reason(repository: OutreachRepository) -> None:
    with repository.transaction() as tx:
        assert accounts.pause(tx, ACCOUNT, PauseKind.OPERATOR, "by hand")
        assert not accounts.pause(tx, ACCOUNT, PauseKind.REFUSED, "403")
        assert not accounts.resume(tx, ACCOUNT, PauseKind.REFUSED)
        assert accounts.get(tx, ACCOUNT).pause_reason == "by hand"
        accounts.pause(tx, EVERY, PauseKind.COMPLIANCE, "suspended")
        assert accounts.get(tx, ACCOUNT).pause_reason == "by hand"
        assert accounts.resume(tx, ACCOUNT)
        assert accounts.get(tx, ACCOUNT).pause_reason == "suspended"
        assert accounts.get(tx, "another").pause_reason == "suspended"


# ------------------------------------------------------------------------------------------- SendGrid's compliance team


def change(kind: str, at: int) -> dict[str, object]:
    return {"event": "account_status_change", "sg_event_id": f"{kind}-{at}", "timestamp": at, "type": kind}


SUSPENDED, BACK, AGAIN = change("compliance_suspend", 100), change("reactivate", 200), change("compliance_ban", 300)


@pytest.mark.parametrize(
    ("told", "paused"),
    [
        ([SUSPENDED], True),
        ([SUSPENDED, BACK], False),
        ([BACK, SUSPENDED], False),  # whatever the order of arrival
        ([BACK, AGAIN, SUSPENDED], True),
        ([change("something_new", 400)], False),
        ([change("compliance_suspend", 100) | {"timestamp": "soon"}], True),
    ],
)
def test_the_latest_word_about_the_account_counts(
    repository: OutreachRepository, told: list[dict[str, object]], paused: bool
) -> None:
    with facade(repository) as (orchestrator, _):
        for event in told:
            assert orchestrator.handle_webhook(event) is None
        kind = known(repository).pause_kind
        assert kind is (PauseKind.COMPLIANCE if paused else None)
        created = next(iter(orchestrator.create_campaigns(TENANT, [item()]))).campaign
        assert created is not None
        if paused:
            with pytest.raises(errors.AccountPaused, match="compliance"):
                orchestrator.send_campaign(created.id, TENANT)
        assert orchestrator.send_due() == ({} if paused else {"sent": 1})


def test_a_redelivered_suspension_does_not_undo_a_persons_decision(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        orchestrator.handle_webhook(SUSPENDED)
        orchestrator.operations.resume()
        orchestrator.handle_webhook(SUSPENDED)
        assert known(repository).pause_kind is None


def test_a_reactivation_lifts_no_pause_of_a_person(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        orchestrator.operations.pause("on purpose")
        orchestrator.handle_webhook(SUSPENDED)
        orchestrator.handle_webhook(BACK)
        assert known(repository).pause_reason == "on purpose"


# --------------------------------------------------------------------------------------------------------- a whole rate


def test_a_slow_rate_claims_few_and_leaves_the_rest_in_the_queue(timed: OutreachRepository, clock: ManualClock) -> None:
    with facade(timed, clock=clock, send_rate=0.1) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(5)]))
        assert orchestrator.send_due() == {"sent": 1}
        assert len(attempts(timed)) <= 2
        assert orchestrator.send_due() == {}
        clock.advance(timedelta(seconds=11 + HORIZON))
        assert orchestrator.send_due() == {"sent": 1}
        assert len(transport.sent) == 2
        assert orchestrator.get_statistics(TENANT) == {OutreachStatus.SENT: 2, OutreachStatus.SCHEDULED: 3}
