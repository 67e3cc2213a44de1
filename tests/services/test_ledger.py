"""Corners of the ledger that only a crash, a pause or a race leads to: nothing is lost there, nothing leaves twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import OutreachMessage, Rejected
from orchestrator.repository import OutreachRepository, campaigns, messages
from orchestrator.services.sending import dispatch, ledger
from orchestrator.transports.fake import FakeTransport
from tests.samples import MEMO_URL, SCORE, TENANT, facade, property_record

PAST_LEASE = ledger.LEASE + timedelta(seconds=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(dsn: str, clock: ManualClock) -> Iterator[OutreachRepository]:
    """A repository whose clock the test moves."""
    opened = OutreachRepository(dsn, clock=clock)
    yield opened
    opened.close()


def create(orchestrator: OutreachOrchestrator, email: str = "owner@owners.test") -> OutreachCampaign:
    return orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)


def claim(repository: OutreachRepository, campaign: OutreachCampaign, *, due_only: bool = True) -> ledger.Claim:
    with repository.transaction() as tx:
        claimed = ledger.claim(tx, (TENANT, campaign.id), due_only=due_only)
    assert isinstance(claimed, ledger.Claim)
    return claimed


def hand(orchestrator: OutreachOrchestrator, claimed: ledger.Claim) -> ledger.Answer | None:
    mail = orchestrator.services.composer.compose(claimed.campaign, claimed.message.id)
    with orchestrator.services.begin() as tx:
        return ledger.hand(tx, claimed, mail, "account")


def now(repository: OutreachRepository, campaign: OutreachCampaign) -> tuple[OutreachCampaign, list[OutreachMessage]]:
    key = (TENANT, campaign.id)
    with repository.reading() as tx:
        found = campaigns.get(tx, key)
        assert found is not None
        return found, messages.of_campaigns(tx, [key])[key]


def states(repository: OutreachRepository, campaign: OutreachCampaign) -> list[str]:
    return [str(message.state) for message in now(repository, campaign)[1]]


def event(campaign: OutreachCampaign, word: str, message_id: str, **more: str) -> dict[str, str]:
    ids = {"campaign_id": campaign.id, "tenant_id": TENANT, "outreach_message_id": message_id}
    return {"event": word} | ids | more


def test_sending_takes_over_from_a_worker_that_died_before_the_network(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    with facade(timed, clock=clock) as (orchestrator, transport):
        campaign = create(orchestrator)
        claim(timed, campaign)
        clock.advance(PAST_LEASE)
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
        assert states(timed, campaign) == ["voided", "accepted"]
        assert len(transport.sent) == 1


def test_a_mail_that_sendgrid_took_and_then_dropped_can_be_sent_again(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator)
        orchestrator.send_campaign(campaign.id, TENANT)
        orchestrator.handle_webhook(event(campaign, "dropped", transport.sent[0].message_id, reason="Spam Content"))
        assert now(repository, campaign)[0].status is OutreachStatus.FAILED
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
        assert states(repository, campaign) == ["superseded", "accepted"]


def test_evidence_for_a_withdrawn_attempt_stops_the_one_that_took_its_place(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    with facade(timed, clock=clock) as (orchestrator, _):
        campaign = create(orchestrator)
        first = claim(timed, campaign)
        clock.advance(PAST_LEASE)
        with timed.transaction() as tx:
            assert ledger.recover(tx) == (1, 0)
        second = claim(timed, campaign)
        result = orchestrator.handle_webhook(event(campaign, "delivered", first.message.id))
        assert result == {"campaign_id": campaign.id, "event_type": "delivered", "status": "delivered"}
        assert states(timed, campaign) == ["accepted", "voided"]
        refused = hand(orchestrator, second)
        assert refused is not None
        assert refused.status == "withdrawn"


def test_a_failed_campaign_that_cannot_be_composed_again_stays_failed(repository: OutreachRepository) -> None:
    with facade(repository, lambda _: Rejected("not a valid address")) as (orchestrator, _):
        campaign = create(orchestrator)
        with pytest.raises(errors.SendRejected):
            orchestrator.send_campaign(campaign.id, TENANT)
    with OutreachOrchestrator(repository, "SG.sandbox.key") as without_sender:
        with pytest.raises(errors.ConfigurationError, match="no sender address"):
            without_sender.send_campaign(campaign.id, TENANT)
        assert now(repository, campaign)[0].status is OutreachStatus.FAILED
        assert without_sender.get_statistics(TENANT) == {"failed": 1}
        assert without_sender.retry_failed(TENANT) == 1


def test_a_failed_campaign_whose_retry_died_is_failed_again_and_not_lost(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    with facade(timed, lambda _: Rejected("not a valid address"), clock=clock) as (orchestrator, _):
        campaign = create(orchestrator)
        with pytest.raises(errors.SendRejected):
            orchestrator.send_campaign(campaign.id, TENANT)
        claim(timed, campaign, due_only=False)
        clock.advance(PAST_LEASE)
        with timed.transaction() as tx:
            assert ledger.recover(tx) == (1, 0)
        assert now(timed, campaign)[0].status is OutreachStatus.FAILED
        orchestrator.handle_webhook(event(campaign, "group_resubscribe", ""))
        assert now(timed, campaign)[0].status is OutreachStatus.FAILED


def test_a_failed_campaign_to_a_suppressed_address_stays_failed_when_asked_to_send(
    repository: OutreachRepository,
) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator)
        orchestrator.send_campaign(campaign.id, TENANT)
        dropped = event(campaign, "dropped", transport.sent[0].message_id, reason="Unsubscribed Address")
        orchestrator.handle_webhook(dropped)
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "suppressed"
        orchestrator.handle_webhook(event(campaign, "group_resubscribe", ""))
        assert now(repository, campaign)[0].status is OutreachStatus.FAILED
        assert orchestrator.get_statistics(TENANT) == {"failed": 1}


def test_what_is_changed_while_it_waits_to_leave_leaves_as_changed(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator, "old@owners.test")
        claimed = claim(repository, campaign)
        record = property_record("new@owners.test", id_=campaign.property_id)
        orchestrator.update_campaign(campaign.id, TENANT, property_record=record)
        refused = hand(orchestrator, claimed)
        assert refused is not None
        assert refused.status == "withdrawn"
        assert orchestrator.send_due() == {"sent": 1}
        assert [mail.to_email for mail in transport.sent] == ["new@owners.test"]


def test_a_worker_that_woke_too_late_withdraws_nobody_elses_attempt(
    timed: OutreachRepository, clock: ManualClock
) -> None:
    with facade(timed, clock=clock) as (orchestrator, _):
        campaign, other = create(orchestrator), create(orchestrator)
        late = claim(timed, campaign)
        assert hand(orchestrator, late) is None
        clock.advance(PAST_LEASE)
        with timed.transaction() as tx:
            assert ledger.recover(tx) == (0, 1)
        orchestrator.handle_webhook(event(other, "unsubscribe", ""))
        refused = hand(orchestrator, late)
        assert refused is not None
        assert refused.status == "withdrawn"
        assert states(timed, campaign) == ["in_doubt"]


def test_a_process_that_stood_still_after_handing_posts_nothing(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator)
        services = orchestrator.services
        clock = ManualClock()

        def stand_still(step: str) -> None:
            if step == "posting":  # after every look but the transport's own
                clock.advance(timedelta(seconds=dispatch.LATEST_START + 1))

        def monotonic() -> float:
            return clock.now().timestamp()

        transport = FakeTransport(monotonic=monotonic)
        dispatcher = dispatch.Dispatcher(
            services.begin,
            lambda: transport,
            services.loop,
            services.composer,
            monotonic=monotonic,
            reached=stand_still,
        )
        assert dispatcher.send_due() == {"requeued": 1}
        assert transport.sent == []
        assert states(repository, campaign) == ["voided"]


def test_data_that_cannot_be_composed_fails_its_own_campaign_and_no_other(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        broken, sound = create(orchestrator), create(orchestrator)
        with repository.transaction() as tx:
            campaigns.update(tx, [((TENANT, broken.id), {"property_record": {"address": 5}})])
        assert orchestrator.send_due() == {"failed": 1, "sent": 1}
        assert [mail.campaign_id for mail in transport.sent] == [sound.id]
        failed = now(repository, broken)[0]
        assert failed.status is OutreachStatus.FAILED
        assert failed.last_error
        assert orchestrator.send_due() == {}


def test_what_somebody_holds_is_not_due_whatever_is_asked_of_its_schedule(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator)
        with repository.transaction() as tx:
            campaigns.update(tx, [((TENANT, campaign.id), {"hold_reason": "read it first", "next_send_at": None})])
        orchestrator.reschedule_campaign(campaign.id, TENANT, None)
        assert orchestrator.send_due() == {}
        assert transport.sent == []
        assert now(repository, campaign)[0].next_send_at is None


def test_a_subscription_may_be_ended_twice(repository: OutreachRepository) -> None:
    heard: list[str] = []
    with facade(repository) as (orchestrator, _):
        end = orchestrator.subscribe("event.outreach.scheduled", lambda event: heard.append(event["type"]))
        create(orchestrator)
        end()
        end()
        create(orchestrator)
    assert heard == ["event.outreach.scheduled"]


def test_an_opt_out_by_an_old_mail_is_the_opt_out_of_who_got_that_mail(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator, "old@owners.test")
        orchestrator.send_campaign(campaign.id, TENANT)
        first = transport.sent[0].message_id
        orchestrator.handle_webhook(event(campaign, "bounce", first, type="blocked"))
        record = property_record("new@owners.test", id_=campaign.property_id)
        orchestrator.update_campaign(campaign.id, TENANT, property_record=record)
        orchestrator.handle_webhook(event(campaign, "unsubscribe", first))
        assert create(orchestrator, "old@owners.test").status is OutreachStatus.SUPPRESSED
        assert create(orchestrator, "new@owners.test").status is OutreachStatus.SCHEDULED
        assert now(repository, campaign)[0].status is OutreachStatus.UNSUBSCRIBED
