"""At most one mail to an address in 72 hours, whoever sends and however many campaigns it has."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.repository import OutreachRepository, addresses
from orchestrator.services.gates.situation import Effect
from orchestrator.services.sending import batch, ledger
from orchestrator.transports.fake import FakeTransport
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, item, property_record

Sending = tuple[OutreachOrchestrator, FakeTransport]
ROUNDS = int(os.environ.get("OUTREACH_TEST_ROUNDS", "40"))
HOUR = timedelta(hours=1)
GAP = 72 * HOUR
OWNER = "owner@owners.test"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(dsn: str, clock: ManualClock) -> Iterator[OutreachRepository]:
    """A repository whose clock the test moves."""
    opened = OutreachRepository(dsn, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def answers() -> list[Outcome]:
    """What SendGrid answers to the next mails, first to last; then it takes all."""
    return []


@pytest.fixture
def sending(timed: OutreachRepository, clock: ManualClock, answers: list[Outcome]) -> Iterator[Sending]:
    def answer(mail: OutgoingMail) -> Outcome:
        return answers.pop(0) if answers else Accepted(f"id-{mail.message_id}")

    with facade(timed, answer, clock=clock, address_gap=72) as both:
        yield both


def create(orchestrator: OutreachOrchestrator, email: str = OWNER, tenant: str = TENANT) -> OutreachCampaign:
    return orchestrator.create_campaign(tenant, property_record(email), SCORE, MEMO_URL)


def due_at(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> datetime | None:
    found = orchestrator.get_campaign(campaign.id, campaign.tenant_id)
    assert found is not None
    return found.next_send_at


def wrote(transport: FakeTransport) -> list[str]:
    """Ids of the campaigns whose mail was posted, in order."""
    return [mail.campaign_id for mail in transport.sent]


def claim(orchestrator: OutreachOrchestrator) -> list[ledger.Claim]:
    with orchestrator.services.begin() as tx:
        return batch.claim_due(tx, 10, None, orchestrator.services.policy).claims


def hand(orchestrator: OutreachOrchestrator, *claims: ledger.Claim, gap: timedelta = GAP) -> dict[str, str]:
    """Hand over a window; returns {campaign: why not}."""
    compose = orchestrator.services.composer.compose
    window = [(claimed, compose(claimed.campaign, claimed.message.id)) for claimed in claims]
    with orchestrator.services.begin() as tx:
        refused = batch.hand(tx, window, "fake", gap)
    by_message = {claimed.message.id: claimed.campaign.id for claimed in claims}
    return {by_message[message_id]: answer.status for message_id, answer in refused.items()}


def test_of_two_campaigns_to_one_address_the_second_waits_for_the_gap(sending: Sending, clock: ManualClock) -> None:
    orchestrator, transport = sending
    first, second = create(orchestrator), create(orchestrator, "OWNER@owners.test")
    began = clock.now()
    assert orchestrator.send_due() == {"sent": 1, "postponed": 1}
    clock.advance(timedelta(minutes=1))
    assert orchestrator.send_due() == {"postponed": 1}
    assert due_at(orchestrator, second) == began + GAP
    clock.advance(GAP - timedelta(minutes=1, seconds=1))
    assert orchestrator.send_due() == {}
    clock.advance(timedelta(seconds=1))
    assert orchestrator.send_due() == {"sent": 1}
    assert wrote(transport) == [first.id, second.id]


def test_many_campaigns_to_one_address_go_one_by_one(sending: Sending, clock: ManualClock) -> None:
    orchestrator, transport = sending
    for _ in range(4):
        create(orchestrator)
    for sent in range(1, 5):
        orchestrator.send_due()
        assert len(transport.sent) == sent
        clock.advance(timedelta(minutes=2))
        orchestrator.send_due()
        assert len(transport.sent) == sent
        clock.advance(GAP)


def test_tenants_and_other_addresses_do_not_wait_for_each_other(sending: Sending) -> None:
    orchestrator, transport = sending
    create(orchestrator)
    create(orchestrator, tenant=OTHER_TENANT)
    create(orchestrator, "other@owners.test")
    assert orchestrator.send_due() == {"sent": 3}
    assert len(transport.sent) == 3


def test_without_a_gap_any_number_of_mails_may_go(timed: OutreachRepository) -> None:
    with facade(timed, address_gap=0) as (orchestrator, transport):
        for _ in range(3):
            create(orchestrator)
        assert orchestrator.send_due() == {"sent": 3}
        assert len(transport.sent) == 3


def test_a_mail_that_did_not_leave_is_tried_again_within_the_gap(
    sending: Sending, clock: ManualClock, answers: list[Outcome]
) -> None:
    orchestrator, transport = sending
    answers.append(NotSent("no connection"))
    first, second = create(orchestrator), create(orchestrator)
    assert orchestrator.send_due() == {"requeued": 1, "postponed": 1}
    clock.advance(timedelta(minutes=2))
    assert orchestrator.send_due() == {"sent": 1, "postponed": 1}
    assert wrote(transport) == [first.id, first.id]
    assert due_at(orchestrator, second) in (clock.now() + GAP, clock.now() + GAP - timedelta(minutes=2))


def test_a_mail_that_sendgrid_refuses_costs_the_others_nothing(
    sending: Sending, clock: ManualClock, answers: list[Outcome]
) -> None:
    orchestrator, transport = sending
    answers.append(Rejected("not a valid address"))
    first, second = create(orchestrator), create(orchestrator)
    assert orchestrator.send_due() == {"failed": 1, "postponed": 1}
    clock.advance(timedelta(minutes=1))
    assert orchestrator.send_due() == {"sent": 1}
    assert wrote(transport) == [first.id, second.id]


@pytest.mark.parametrize("act", ["cancel", "hold", "cancel batch"])
def test_whoever_is_called_off_before_it_left_keeps_nobody_waiting(
    sending: Sending, clock: ManualClock, answers: list[Outcome], act: str
) -> None:
    orchestrator, transport = sending
    answers.append(NotSent("429", retry_after=600))
    first = orchestrator.create_campaign(TENANT, **item(OWNER, batch="spring"))
    second = create(orchestrator)
    later = orchestrator.create_campaign(TENANT, **item(OWNER, scheduled_at=clock.now() + 100 * HOUR))
    assert orchestrator.send_due() == {"requeued": 1, "postponed": 1}
    clock.advance(timedelta(minutes=2))
    assert orchestrator.send_due() == {"postponed": 1}
    deeds = {
        "cancel": lambda: orchestrator.cancel_campaign(first.id, TENANT),
        "hold": lambda: orchestrator.hold_campaign(first.id, TENANT, "not now"),
        "cancel batch": lambda: orchestrator.operations.cancel_batch(TENANT, "spring"),
    }
    deeds[act]()
    assert orchestrator.send_due() == {"sent": 1}
    assert wrote(transport) == [first.id, second.id]
    assert due_at(orchestrator, later) == later.scheduled_at


def test_whoever_is_called_off_after_it_left_or_may_have_keeps_the_others_waiting(
    sending: Sending, clock: ManualClock, answers: list[Outcome]
) -> None:
    orchestrator, _ = sending
    answers.append(Unknown("lost"))
    first, second = create(orchestrator), create(orchestrator)
    assert orchestrator.send_due() == {"in_doubt": 1, "postponed": 1}
    orchestrator.hold_campaign(first.id, TENANT, "not now")
    clock.advance(2 * HOUR)
    assert orchestrator.send_due() == {"postponed": 1}
    assert due_at(orchestrator, second) == clock.now() - 2 * HOUR + GAP


def test_a_person_may_send_at_any_time_and_the_others_wait_for_that_mail_too(
    sending: Sending, clock: ManualClock
) -> None:
    orchestrator, transport = sending
    first, second, third = (create(orchestrator) for _ in range(3))
    orchestrator.send_campaign(first.id, TENANT)
    clock.advance(HOUR)
    orchestrator.send_campaign(second.id, TENANT)
    assert orchestrator.send_due() == {"postponed": 1}
    assert due_at(orchestrator, third) == clock.now() + GAP
    assert wrote(transport) == [first.id, second.id]


def test_a_mail_by_hand_that_sendgrid_refused_hides_no_earlier_one(
    sending: Sending, clock: ManualClock, answers: list[Outcome]
) -> None:
    orchestrator, transport = sending
    first, second = create(orchestrator), create(orchestrator)
    orchestrator.send_campaign(first.id, TENANT)
    sent_at = clock.now()
    clock.advance(HOUR)
    answers.append(Rejected("not today"))
    with pytest.raises(errors.SendRejected):
        orchestrator.send_campaign(second.id, TENANT)
    assert orchestrator.retry_failed(TENANT) == 1
    assert orchestrator.send_due() == {"postponed": 1}
    assert due_at(orchestrator, second) == sent_at + GAP
    assert wrote(transport) == [first.id, second.id]


def test_the_last_word_is_at_the_hand_over(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    first = create(orchestrator)
    (one,) = claim(orchestrator)
    second = create(orchestrator)
    (other,) = claim(orchestrator)  # nothing has gone to the address yet
    assert hand(orchestrator, one) == {}
    clock.advance(HOUR)
    assert hand(orchestrator, other) == {second.id: Effect.LATER}
    assert due_at(orchestrator, second) == clock.now() - HOUR + GAP
    assert due_at(orchestrator, first) is None


def test_of_two_in_one_window_one_leaves(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    create(orchestrator)
    (one,) = claim(orchestrator)
    create(orchestrator)
    (other,) = claim(orchestrator)
    assert hand(orchestrator, one, other) == {other.campaign.id: Effect.LATER}
    assert due_at(orchestrator, other.campaign) == clock.now() + timedelta(minutes=1)


def test_of_two_in_one_window_the_one_that_tries_again_leaves(
    sending: Sending, clock: ManualClock, answers: list[Outcome]
) -> None:
    orchestrator, _ = sending
    first = create(orchestrator)
    answers.append(NotSent("no connection"))
    orchestrator.send_due()
    clock.advance(timedelta(minutes=2))
    (again,) = claim(orchestrator)
    second = create(orchestrator)
    with orchestrator.services.begin() as tx:
        other = ledger.claim(tx, (TENANT, second.id), due_only=True)
    assert isinstance(other, ledger.Claim)
    assert hand(orchestrator, other, again) == {second.id: Effect.LATER}
    with orchestrator.services.read() as tx:
        (address,) = addresses.get_many(tx, [(TENANT, OWNER)]).values()
    assert (address.last_campaign_id, address.last_handed_at) == (first.id, clock.now())


def test_a_mail_that_was_withdrawn_costs_the_others_nothing(sending: Sending, clock: ManualClock) -> None:
    orchestrator, transport = sending
    first = create(orchestrator)
    (claimed,) = claim(orchestrator)
    orchestrator.cancel_campaign(first.id, TENANT)
    second = create(orchestrator)
    assert hand(orchestrator, claimed) == {first.id: "withdrawn"}
    assert orchestrator.send_due() == {"sent": 1}
    assert wrote(transport) == [second.id]


def test_what_was_rescheduled_between_claim_and_hand_over_keeps_its_new_time(
    sending: Sending, clock: ManualClock
) -> None:
    orchestrator, _ = sending
    create(orchestrator)
    (one,) = claim(orchestrator)
    second = create(orchestrator)
    (other,) = claim(orchestrator)
    assert hand(orchestrator, one) == {}
    orchestrator.reschedule_campaign(second.id, TENANT, clock.now() + 500 * HOUR)
    assert hand(orchestrator, other) == {second.id: "withdrawn"}
    assert due_at(orchestrator, second) == clock.now() + 500 * HOUR


def test_why_names_the_mail_that_is_in_the_way_and_when_it_ends(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    first, second = create(orchestrator), create(orchestrator)
    orchestrator.send_campaign(first.id, TENANT)
    trace = orchestrator.operations.why(second.id, TENANT)
    (closed,) = (verdict for verdict in trace.gates if not verdict.open)
    assert closed.gate == "address gap"
    assert closed.effect is Effect.LATER
    assert first.id in closed.words
    assert "72 h later" in closed.words
    assert trace.leaves_at == closed.at == clock.now() + GAP
    third = orchestrator.create_campaign(
        TENANT, property_record(OWNER), SCORE, MEMO_URL, scheduled_at=clock.now() + GAP + HOUR
    )
    trace = orchestrator.operations.why(third.id, TENANT)
    assert [verdict.gate for verdict in trace.gates if not verdict.open] == ["due"]
    assert trace.leaves_at == clock.now() + GAP + HOUR


@pytest.mark.timeout(120 + 2 * ROUNDS)
def test_workers_side_by_side_never_write_twice_to_one_address(repository: OutreachRepository) -> None:
    """Each round two installations are after several mails to few addresses; at times somebody sends one by hand.

    ``OUTREACH_TEST_ROUNDS=1000`` runs more rounds.
    """
    ends: Counter[str] = Counter()
    with facade(repository, address_gap=72) as (one, first), facade(repository, address_gap=72) as (other, second):
        for number in range(ROUNDS):
            owners = [f"owner{number}-{n}@owners.test" for n in range(3)]
            made = [result.campaign for result in one.create_campaigns(TENANT, (item(e) for e in owners * 4))]
            by_hand = made[number % len(made)] if number % 4 == 0 else None
            work = [lambda: one.send_due(), lambda: other.send_due(), lambda: other.send_due(5)]
            if by_hand is not None:
                work.append(lambda campaign=by_hand: one.send_campaign(campaign.id, TENANT))
            failures = together(work)
            assert failures == []
            posted = [mail for transport in (first, second) for mail in transport.sent]
            written = Counter(mail.to_email for mail in posted)
            for owner in owners:
                # One by itself at most; what a person sends by name comes on top, or is that one.
                assert 1 <= written[owner] <= 1 + (by_hand is not None and by_hand.owner_email == owner)
            assert len({mail.campaign_id for mail in posted}) == len(posted)
            ends["by hand beside one by itself" if max(written.values()) > 1 else "one each"] += 1
            first.sent.clear()
            second.sent.clear()
        left = one.get_statistics(TENANT)
    print(f"\n{ROUNDS} rounds: {dict(ends)}, {left}")  # noqa: T201
    assert left[OutreachStatus.SENT] + left[OutreachStatus.SCHEDULED] == 12 * ROUNDS


def together(work: list) -> list[BaseException]:
    """Do all of `work` at the same moment; returns what went wrong."""
    failures: list[BaseException] = []
    begin = threading.Barrier(len(work))

    def guarded(one) -> None:
        begin.wait()
        try:
            one()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures
