"""Moments that hardly ever come, and must do no harm when they do: outages, corrections, pauses between two steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.message import Accepted, MessageState, NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.repository import OutreachRepository, Transaction, accounts, campaigns, messages
from orchestrator.services.sending.settling import PAUSES
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, item, property_record
from tests.services.doubts import GRACE, world

NO_CONNECTION = NotSent("no connection")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(dsn: str, clock: ManualClock) -> Iterator[OutreachRepository]:
    """A repository whose clock the test moves."""
    opened = OutreachRepository(dsn, clock=clock)
    yield opened
    opened.close()


def attempts(repository: OutreachRepository) -> list[messages.OutreachMessage]:
    with repository.reading() as tx:
        keys = [(TENANT, campaign.id) for campaign in campaigns.page(tx, TENANT, 1000)]
        return [message for each in messages.of_campaigns(tx, keys).values() for message in each]


def test_an_outage_of_the_network_does_not_fill_the_ledger(timed: OutreachRepository, clock: ManualClock) -> None:
    with facade(timed, lambda _: NO_CONNECTION, clock=clock, monotonic=lambda: clock.now().timestamp()) as (
        orchestrator,
        transport,
    ):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(20)]))
        orchestrator.services.dispatcher._pacer_of(transport)._hold(60.0)
        for _ in range(40):  # an engine looks once a second
            assert orchestrator.send_due() == {}
            clock.advance(timedelta(seconds=1))
        assert transport.sent == []
        assert attempts(timed) == []


def test_a_pause_reaches_a_mail_that_is_tried_again_by_hand(repository: OutreachRepository) -> None:
    with facade(repository, lambda _: NO_CONNECTION) as (orchestrator, transport):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
        before = campaign.next_send_at

        def pause_now(_seconds: float) -> None:
            orchestrator.operations.pause("stop everything")

        orchestrator.services.dispatcher._pause = pause_now
        with pytest.raises(errors.AccountPaused, match="stop everything"):
            orchestrator.send_campaign(campaign.id, TENANT)
        assert len(transport.sent) == 1
        after = orchestrator.get_campaign(campaign.id, TENANT)
        assert after is not None
        assert (after.status, after.next_send_at) == (OutreachStatus.SCHEDULED, before)
        assert [attempt.state for attempt in attempts(repository)] == [MessageState.VOIDED]


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_befalls_the_old_address_spares_a_corrected_campaign(
    repository: OutreachRepository, by_hand: bool
) -> None:
    with facade(repository) as (orchestrator, transport):
        record = property_record("wrong@owners.test")
        campaign = orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL)
        other = orchestrator.create_campaign(TENANT, property_record("wrong@owners.test"), SCORE, MEMO_URL)
        orchestrator.hold_campaign(other.id, TENANT, "not now")
        dispatcher = orchestrator.services.dispatcher

        def correct(step: str) -> None:
            if step == "composed":
                dispatcher._reached = lambda _: None
                record["owner"]["email"] = "right@owners.test"
                orchestrator.update_campaign(campaign.id, TENANT, property_record=record)
                orchestrator.handle_webhook({"event": "unsubscribe", "campaign_id": other.id, "tenant_id": TENANT})

        dispatcher._reached = correct
        if by_hand:
            assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "withdrawn"
            assert orchestrator.send_due() == {"sent": 1}
        else:
            assert [orchestrator.send_due(), orchestrator.send_due()] in ([{"sent": 1}, {}], [{}, {"sent": 1}])
        assert [mail.to_email for mail in transport.sent] == ["right@owners.test"]


def test_a_resumed_account_forgets_that_it_was_to_hold_off(timed: OutreachRepository, clock: ManualClock) -> None:
    answers: list[Outcome] = [NotSent("SendGrid answered 429", retry_after=86400.0, status=429)]

    def answer(_mail: OutgoingMail) -> Outcome:
        return answers.pop() if answers else Accepted("id")

    with facade(timed, answer, clock=clock, monotonic=lambda: clock.now().timestamp()) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(3)]))
        orchestrator.send_due(limit=1)
        assert orchestrator.send_due() == {}
        assert orchestrator.operations.resume()
        assert orchestrator.send_due() == {"sent": 2}
        with timed.reading() as tx:
            assert accounts.get(tx, transport.account).not_before is None


def test_what_a_long_round_puts_back_is_back_before_it_ends(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(10)]))
        list(orchestrator.create_campaigns(OTHER_TENANT, [item(f"owner{n}@owners.test") for n in range(60)]))
        reserved: list[int] = []

        def look(step: str) -> None:
            if step == "composed" and not reserved:
                orchestrator.operations.pause("they have not paid", TENANT)
            if step == "settled" and len(transport.sent) < 50:
                reserved.append(sum(attempt.state is MessageState.RESERVED for attempt in attempts(repository)))

        orchestrator.services.dispatcher._reached = look
        assert orchestrator.send_due(concurrency=1) == {"sent": 60}
        assert {mail.tenant_id for mail in transport.sent} == {OTHER_TENANT}
        assert max(reserved) > 0
        assert reserved[-1] == 0


@contextmanager
def away_after_the_post(
    repository: OutreachRepository, outcome: Outcome, seconds: float
) -> Iterator[tuple[OutreachOrchestrator, list[float]]]:
    """An orchestrator whose database is away for so long once a mail has left, and the pauses it makes."""
    posted: list[OutgoingMail] = []
    pauses: list[float] = []

    def answer(mail: OutgoingMail) -> Outcome:
        posted.append(mail)
        return outcome

    with facade(repository, answer, pause=pauses.append) as (orchestrator, _):
        begin = orchestrator.services.begin

        @contextmanager
        def hindered() -> Iterator[Transaction]:
            if posted and sum(pauses) < seconds:
                raise errors.DatabaseUnreachable("gone")
            with begin() as tx:
                yield tx

        orchestrator.services.dispatcher._begin = hindered  # type: ignore[assignment]
        yield orchestrator, pauses


@pytest.mark.parametrize(
    ("outcome", "word"), [(Accepted("id"), "sent"), (NO_CONNECTION, "requeued"), (Rejected("400"), "failed")]
)
def test_what_is_known_outlives_a_failover_of_the_database(
    repository: OutreachRepository, outcome: Outcome, word: str
) -> None:
    with away_after_the_post(repository, outcome, 240.0) as (orchestrator, pauses):
        list(orchestrator.create_campaigns(TENANT, [item()]))
        assert orchestrator.send_due() == {word: 1}
        assert sum(pauses) >= 240.0


def test_a_database_that_stays_away_is_waited_for_once_and_not_for_each_mail(repository: OutreachRepository) -> None:
    with away_after_the_post(repository, Rejected("400"), 1e9) as (orchestrator, pauses):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(30)]))
        with suppress(errors.DatabaseUnreachable):  # raised when there was still something to hand over
            assert orchestrator.send_due() == {"in_doubt": 30}
        assert len(PAUSES) <= len(pauses) <= 2 * len(PAUSES)


@pytest.mark.parametrize(
    ("outcome", "status"), [(Accepted("id"), OutreachStatus.SENT), (Rejected("400"), OutreachStatus.FAILED)]
)
def test_what_is_known_of_a_mail_sent_by_hand_outlives_a_moments_trouble(
    repository: OutreachRepository, outcome: Outcome, status: OutreachStatus
) -> None:
    with away_after_the_post(repository, outcome, 5.0) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
        if status is OutreachStatus.SENT:
            assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
        else:
            with pytest.raises(errors.SendRejected):
                orchestrator.send_campaign(campaign.id, TENANT)
        assert orchestrator.get_statistics(TENANT) == {status: 1}


def test_what_others_doubt_already_is_not_called_sent(repository: OutreachRepository) -> None:
    lost = Unknown("the answer was lost")
    with facade(repository, lambda _: lost) as (orchestrator, _):
        list(orchestrator.create_campaigns(TENANT, [item()]))

        def doubt(step: str) -> None:
            if step == "posted":
                orchestrator.services.dispatcher._reached = lambda _: None
                with repository.transaction() as tx:
                    (mine,) = messages.of_campaigns(tx, [(TENANT, campaigns.page(tx, TENANT, 1)[0].id)]).values()
                    state = {"state": MessageState.IN_DOUBT, "lease_until": None, "check_at": tx.now()}
                    messages.write(tx, [((TENANT, mine[0].id), state)], [])

        orchestrator.services.dispatcher._reached = doubt
        assert orchestrator.send_due() == {"in_doubt": 1}


def test_a_clock_that_was_set_back_makes_no_evidence_of_earlier_mail(dsn: str) -> None:
    with world(dsn) as w:
        w.wait(2 * GRACE)
        w.report(w.send("early@owners.test"))
        w.clock.advance(timedelta(seconds=-1.5 * GRACE))
        w.beat()
        lost = w.doubt()
        w.wait(GRACE + 60)
        assert w.reconcile() == {"waiting": 1}
        assert "handed over later" in (w.look(lost).last_error or "")


@pytest.mark.parametrize("database_kind", ["postgresql"])  # on the other nobody reads what somebody has locked
def test_a_queue_whose_head_others_have_locked_is_not_empty(repository: OutreachRepository, dsn: str) -> None:
    other = OutreachRepository(dsn)
    with ExitStack() as held, facade(repository, pause=lambda _: held.close()) as (orchestrator, _):
        list(orchestrator.create_campaigns(TENANT, [item()]))
        tx = held.enter_context(other.transaction())
        campaigns.lock_many(tx, [(TENANT, campaign.id) for campaign in campaigns.page(tx, TENANT, 10)])
        assert orchestrator.send_due() == {"sent": 1}
    other.close()


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_who_is_kept_from_the_queue_for_long_gives_up_for_now(repository: OutreachRepository, dsn: str) -> None:
    other, pauses = OutreachRepository(dsn), list[float]()
    with facade(repository, pause=pauses.append) as (orchestrator, _), other.transaction() as tx:
        list(orchestrator.create_campaigns(TENANT, [item()]))
        campaigns.lock_many(tx, [(TENANT, campaign.id) for campaign in campaigns.page(tx, TENANT, 10)])
        assert orchestrator.send_due() == {}
    other.close()
    assert 0 < sum(pauses) < 2


def test_failed_mail_to_the_suppressed_hides_no_other_from_a_retry(repository: OutreachRepository) -> None:
    refused = Rejected("SendGrid answered 400")
    with facade(repository, lambda _: refused) as (orchestrator, _):
        owners = ["other@owners.test", *(f"gone{n}@owners.test" for n in range(3))]
        made = [each.campaign for each in orchestrator.create_campaigns(TENANT, map(item, owners))]
        assert orchestrator.send_due() == {"failed": 4}
        for campaign in made[1:]:
            assert campaign is not None
            spam = {"event": "dropped", "reason": "Bounced Address", "campaign_id": campaign.id, "tenant_id": TENANT}
            assert (orchestrator.handle_webhook(spam) or {})["status"] == "failed"
        assert orchestrator.retry_failed(TENANT, 2) == 1
        assert orchestrator.get_statistics(TENANT) == {OutreachStatus.FAILED: 3, OutreachStatus.SCHEDULED: 1}


def test_releasing_an_import_does_not_claim_to_have_released_what_is_in_doubt(dsn: str) -> None:
    with world(dsn) as w:
        (made,) = w.orchestrator.create_campaigns(TENANT, [item("lost@owners.test", batch="spring")])
        w.orchestrator.send_due()
        w.clock.advance(timedelta(hours=26))
        assert w.reconcile() == {"held": 1}
        assert w.orchestrator.operations.release_batch(TENANT, "spring") == {"unchanged": 1}
        assert made.campaign is not None
        assert w.look(made.campaign).hold_reason is not None


def test_whoever_asks_why_hears_of_a_pause_that_sendgrid_asked_for(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    with facade(timed, clock=clock) as (orchestrator, transport):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
        with timed.transaction() as tx:
            accounts.hold_off(tx, transport.account, tx.now() + timedelta(hours=1))
        said = {verdict.gate: verdict for verdict in orchestrator.operations.why(campaign.id, TENANT).gates}
        assert not said["account"].open
        assert "2026-01-05 16:00:00 UTC" in said["account"].words
        clock.advance(timedelta(hours=1))
        assert orchestrator.operations.why(campaign.id, TENANT).leaves


@pytest.mark.parametrize("database_kind", ["postgresql"])  # the other lets nobody write meanwhile
def test_a_pause_that_comes_during_the_hand_over_is_obeyed(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)

        def pause_now(step: str) -> None:
            if step == "handing":  # which may have waited long for the owner's lock
                orchestrator.operations.pause("stop everything")

        orchestrator.services.dispatcher._reached = pause_now
        with pytest.raises(errors.AccountPaused):
            orchestrator.send_campaign(campaign.id, TENANT)
        assert transport.sent == []
        orchestrator.services.dispatcher._reached = lambda _: None
        orchestrator.operations.resume()
        assert orchestrator.send_due() == {"sent": 1}


@pytest.mark.parametrize("database_kind", ["postgresql"])
@pytest.mark.parametrize("tenant", [None, TENANT])
def test_a_pause_that_comes_during_the_hand_over_of_many_is_obeyed(
    repository: OutreachRepository, tenant: str | None
) -> None:
    with facade(repository) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(8)]))
        list(orchestrator.create_campaigns(OTHER_TENANT, [item()]))

        def pause_now(step: str) -> None:
            if step == "handing":
                orchestrator.operations.pause("stop", tenant)

        orchestrator.services.dispatcher._reached = pause_now
        assert orchestrator.send_due() == ({"sent": 1} if tenant else {})
        assert all(mail.tenant_id == OTHER_TENANT for mail in transport.sent)
        orchestrator.services.dispatcher._reached = lambda _: None
        orchestrator.operations.resume(tenant)
        assert orchestrator.send_due() == {"sent": 8 if tenant else 9}
