"""Sending one campaign: the ledger before the network, the outcome after it, and nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import (
    Accepted,
    MessageState,
    NotSent,
    Outcome,
    OutgoingMail,
    OutreachMessage,
    Rejected,
    Unknown,
)
from orchestrator.repository import OutreachRepository, messages
from orchestrator.services.looking import statistics
from orchestrator.services.sending import ledger, settle
from tests.samples import MEMO_URL, SCORE, TENANT, facade, property_record


def create(orchestrator: OutreachOrchestrator, email: str = "owner@owners.test", **more: object) -> OutreachCampaign:
    return orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL, **more)  # type: ignore[arg-type]


def attempts(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> list[OutreachMessage]:
    key = (campaign.tenant_id, campaign.id)
    with orchestrator.services.read() as tx:
        return messages.of_campaigns(tx, [key])[key]


def now(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> OutreachCampaign:
    found = orchestrator.get_campaign(campaign.id, campaign.tenant_id)
    assert found is not None
    return found


def in_turn(*outcomes: Outcome) -> Callable[[OutgoingMail], Outcome]:
    waiting = list(outcomes)
    return lambda _: waiting.pop(0)


def event(campaign: OutreachCampaign, word: str, **more: object) -> dict[str, object]:
    return {
        "event": word, "campaign_id": campaign.id, "tenant_id": TENANT, "timestamp": campaign.created_at.timestamp(),
    } | more  # fmt: skip


def test_a_mail_is_sent_once_and_said_to_be_sent_afterwards(repository: OutreachRepository) -> None:
    with facade(repository, in_turn(Accepted("x-message-id"))) as (orchestrator, transport):
        campaign = create(orchestrator)
        first = orchestrator.send_campaign(campaign.id, TENANT)
        second = orchestrator.send_campaign(campaign.id, TENANT)
        assert first == {"status": "sent", "message_id": "x-message-id", "campaign_id": campaign.id}
        assert second == first | {"status": "already_sent"}
        sent = now(orchestrator, campaign)
        assert (sent.status, sent.sendgrid_message_id, sent.next_send_at) == ("sent", "x-message-id", None)
        assert sent.sent_at is not None
        (attempt,) = attempts(orchestrator, campaign)
        assert attempt.state is MessageState.ACCEPTED
        assert attempt.lease_token is None
        assert attempt.subject == transport.sent[0].subject
        assert [e.event_type for e in orchestrator.get_events(campaign.id, TENANT)] == ["scheduled", "sent"]


def test_the_ledger_row_is_committed_before_the_mail_leaves(repository: OutreachRepository) -> None:
    seen: list[tuple[str, str]] = []

    def look(mail: OutgoingMail) -> Outcome:
        with repository.reading() as tx:
            message = messages.get(tx, mail.tenant_id, mail.message_id)
        assert message is not None
        seen.append((message.state, message.campaign_id))
        return Accepted("id")

    with facade(repository, look) as (orchestrator, _):
        campaign = create(orchestrator)
        orchestrator.send_campaign(campaign.id, TENANT)
        assert seen == [("handed", campaign.id)]


def test_the_mail_carries_the_owner_the_ids_and_a_way_out(repository: OutreachRepository) -> None:
    with facade(repository, base_url="https://go.sender.test") as (orchestrator, transport):
        campaign = create(orchestrator)
        orchestrator.send_campaign(campaign.id, TENANT)
        (mail,) = transport.sent
        assert (mail.to_email, mail.from_email) == ("owner@owners.test", "team@sender.test")
        assert (mail.campaign_id, mail.tenant_id, mail.property_id) == (campaign.id, TENANT, campaign.property_id)
        assert "114 Maple Street" in mail.subject
        assert mail.subject == campaign.subject
        link = mail.headers["List-Unsubscribe"].split(">")[0].removeprefix("<")
        assert link.startswith("https://go.sender.test/u/")
        assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert link in mail.text
        assert link in mail.html
        assert orchestrator.unsubscribe(link.rsplit("/", 1)[1])
        assert now(orchestrator, campaign).status is OutreachStatus.UNSUBSCRIBED


def test_without_a_public_address_the_way_out_is_a_mail_and_no_one_click_is_promised(
    repository: OutreachRepository,
) -> None:
    with facade(repository) as (orchestrator, transport):
        orchestrator.send_campaign(create(orchestrator).id, TENANT)
        headers = transport.sent[0].headers
        assert headers["List-Unsubscribe"].startswith("<mailto:team@sender.test?subject=unsubscribe")
        assert "List-Unsubscribe-Post" not in headers


def test_records_passed_change_the_mail_but_not_who_gets_it(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator)
        other = property_record("else@owners.test", number=999, id_=campaign.property_id)
        orchestrator.send_campaign(campaign.id, TENANT, other, SCORE | {"score": 11})
        assert transport.sent[0].to_email == "owner@owners.test"
        assert "999 Maple Street" in transport.sent[0].text
        assert "11" in transport.sent[0].text


def test_a_record_of_another_property_is_refused_before_anything_happens(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator)
        with pytest.raises(ValueError, match="but the campaign is about"):
            orchestrator.send_campaign(campaign.id, TENANT, property_record())
        assert transport.sent == []
        assert attempts(orchestrator, campaign) == []


def test_what_was_certainly_not_sent_is_tried_again_as_the_same_attempt(repository: OutreachRepository) -> None:
    pauses: list[float] = []
    outcomes = in_turn(NotSent("429", retry_after=2.0), NotSent("503"), Accepted("id"))
    with facade(repository, outcomes, pause=pauses.append) as (orchestrator, transport):
        campaign = create(orchestrator)
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
        assert len(transport.sent) == 3
        assert len({mail.message_id for mail in transport.sent}) == 1
        assert len(attempts(orchestrator, campaign)) == 1
        assert len(pauses) == 2
        assert pauses[0] >= 2.0


def test_during_a_pause_between_tries_the_attempt_is_only_reserved(repository: OutreachRepository) -> None:
    seen: list[str] = []
    outcomes = in_turn(NotSent("503"), Accepted("id"))
    with facade(
        repository, outcomes, pause=lambda _: seen.extend(m.state for m in attempts(orchestrator, campaign))
    ) as (
        orchestrator,
        _,
    ):
        campaign = create(orchestrator)
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
        assert seen == ["reserved"]


def test_when_trying_does_not_help_the_campaign_fails_and_a_later_call_tries_again(
    repository: OutreachRepository,
) -> None:
    outcomes = in_turn(NotSent("SendGrid asks to wait", retry_after=3600), Accepted("id"))
    with facade(repository, outcomes) as (orchestrator, _):
        campaign = create(orchestrator)
        with pytest.raises(errors.NotSent, match="SendGrid asks to wait"):
            orchestrator.send_campaign(campaign.id, TENANT)
        failed = now(orchestrator, campaign)
        assert (failed.status, failed.last_error, failed.next_send_at) == ("failed", "SendGrid asks to wait", None)
        assert orchestrator.send_due() == {}
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
        again = now(orchestrator, campaign)
        assert (again.status, again.failed_at) == (OutreachStatus.SENT, None)
        assert [m.state for m in attempts(orchestrator, campaign)] == ["not_sent", "accepted"]


def test_a_refusal_of_the_account_is_not_tried_again_at_once(repository: OutreachRepository) -> None:
    outcomes = in_turn(NotSent("Maximum credits exceeded", account=True, status=401))
    with facade(repository, outcomes) as (orchestrator, transport):
        with pytest.raises(errors.NotSent, match="Maximum credits exceeded"):
            orchestrator.send_campaign(create(orchestrator).id, TENANT)
        assert len(transport.sent) == 1


def test_a_refused_mail_fails_with_sendgrids_words(repository: OutreachRepository) -> None:
    outcomes = in_turn(Rejected("from.email: not a valid address", status=400))
    with facade(repository, outcomes) as (orchestrator, _):
        campaign = create(orchestrator)
        with pytest.raises(errors.SendRejected, match="not a valid address") as caught:
            orchestrator.send_campaign(campaign.id, TENANT)
        assert caught.value.status == 400
        assert now(orchestrator, campaign).status is OutreachStatus.FAILED
        assert orchestrator.get_statistics(TENANT) == {"failed": 1}


def test_an_unknown_outcome_is_never_sent_again_blindly(repository: OutreachRepository) -> None:
    with facade(repository, in_turn(Unknown("read time-out"))) as (orchestrator, transport):
        campaign = create(orchestrator)
        for _ in range(3):
            with pytest.raises(errors.SendInDoubt, match="read time-out"):
                orchestrator.send_campaign(campaign.id, TENANT)
        assert len(transport.sent) == 1
        assert [m.state for m in attempts(orchestrator, campaign)] == ["in_doubt"]
        assert now(orchestrator, campaign).status is OutreachStatus.SCHEDULED
        assert orchestrator.send_due() == {}
        with pytest.raises(errors.InvalidState, match="may have been sent"):
            orchestrator.cancel_campaign(campaign.id, TENANT)
        orchestrator.handle_webhook(event(campaign, "processed", outreach_message_id=transport.sent[0].message_id))
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "already_sent"
        assert [m.state for m in attempts(orchestrator, campaign)] == ["accepted"]


def test_a_webhook_faster_than_the_answer_wins_over_a_lost_answer(repository: OutreachRepository) -> None:
    def deliver_first(mail: OutgoingMail) -> Outcome:
        orchestrator.handle_webhook(event(campaign, "delivered", outreach_message_id=mail.message_id))
        return Unknown("reset after the body")

    with facade(repository, deliver_first) as (orchestrator, _):
        campaign = create(orchestrator)
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "already_sent"
        assert now(orchestrator, campaign).status is OutreachStatus.DELIVERED
        assert orchestrator.get_statistics(TENANT) == {"delivered": 1}


def test_a_webhook_faster_than_the_202_keeps_both(repository: OutreachRepository) -> None:
    def deliver_first(mail: OutgoingMail) -> Outcome:
        orchestrator.handle_webhook(event(campaign, "delivered", outreach_message_id=mail.message_id))
        return Accepted("the-id")

    with facade(repository, deliver_first) as (orchestrator, _):
        campaign = create(orchestrator)
        assert orchestrator.send_campaign(campaign.id, TENANT)["message_id"] == "the-id"
        after = now(orchestrator, campaign)
        assert (after.status, after.sendgrid_message_id) == (OutreachStatus.DELIVERED, "the-id")


def test_many_threads_sending_one_campaign_send_one_mail(repository: OutreachRepository) -> None:
    inside, release = threading.Event(), threading.Event()

    def slow(_: OutgoingMail) -> Outcome:
        inside.set()
        assert release.wait(60)
        return Accepted("id")

    answers: list[str] = []
    with facade(repository, slow) as (orchestrator, transport):
        campaign = create(orchestrator)

        def send() -> None:
            answers.append(orchestrator.send_campaign(campaign.id, TENANT)["status"])

        first = threading.Thread(target=send)
        first.start()
        assert inside.wait(60)
        others = [threading.Thread(target=send) for _ in range(6)]
        for thread in others:
            thread.start()
        for thread in others:
            thread.join()
        release.set()
        first.join()
        assert answers == ["sending"] * 6 + ["sent"]
        assert len(transport.sent) == 1


def test_an_opt_out_between_two_tries_stops_the_mail(repository: OutreachRepository) -> None:
    def opt_out(_: float) -> None:
        orchestrator.handle_webhook(event(earlier, "unsubscribe"))

    outcomes = in_turn(Accepted("id"), NotSent("503"))
    with facade(repository, outcomes, pause=opt_out) as (orchestrator, transport):
        earlier, campaign = create(orchestrator), create(orchestrator)
        orchestrator.send_campaign(earlier.id, TENANT)
        answer = orchestrator.send_campaign(campaign.id, TENANT)
        assert (answer["status"], answer["reason"]) == ("suppressed", "unsubscribe")
        assert len(transport.sent) == 2
        assert now(orchestrator, campaign).status is OutreachStatus.SUPPRESSED
        assert [m.state for m in attempts(orchestrator, campaign)] == ["voided"]


def test_a_cancelled_campaign_is_not_sent_until_it_is_rescheduled(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        campaign = create(orchestrator)
        assert orchestrator.cancel_campaign(campaign.id, TENANT).status is OutreachStatus.CANCELLED
        assert orchestrator.cancel_campaign(campaign.id, TENANT).status is OutreachStatus.CANCELLED
        with pytest.raises(errors.InvalidState, match="Cannot send a campaign that is cancelled"):
            orchestrator.send_campaign(campaign.id, TENANT)
        assert orchestrator.send_due() == {}
        back = orchestrator.reschedule_campaign(campaign.id, TENANT, None)
        assert back.status is OutreachStatus.SCHEDULED
        assert orchestrator.send_due() == {"sent": 1}
        assert len(transport.sent) == 1
        with pytest.raises(errors.InvalidState, match="Cannot cancel a campaign that is sent"):
            orchestrator.cancel_campaign(campaign.id, TENANT)


def test_only_what_is_due_is_sent_and_each_tenant_gets_its_turn(dsn: str) -> None:
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    with facade(repository, clock=clock) as (orchestrator, transport):
        create(orchestrator, "now@owners.test")
        create(orchestrator, "later@owners.test", scheduled_at=clock.now() + timedelta(hours=1))
        assert orchestrator.send_due() == {"sent": 1}
        assert orchestrator.send_due() == {}
        clock.advance(timedelta(hours=1))
        assert orchestrator.send_due() == {"sent": 1}
        assert [mail.to_email for mail in transport.sent] == ["now@owners.test", "later@owners.test"]
    repository.close()


def test_due_mail_that_was_not_sent_goes_back_into_the_queue(dsn: str) -> None:
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    with facade(repository, in_turn(NotSent("503"), Accepted("id")), clock=clock) as (orchestrator, _):
        campaign = create(orchestrator)
        assert orchestrator.send_due() == {"requeued": 1}
        waiting = now(orchestrator, campaign)
        assert waiting.status is OutreachStatus.SCHEDULED
        assert waiting.next_send_at is not None
        assert waiting.next_send_at > clock.now()
        clock.advance(timedelta(minutes=10))
        assert orchestrator.send_due() == {"sent": 1}
    repository.close()


def test_what_a_dead_worker_reserved_is_sent_and_what_it_handed_is_doubted(dsn: str) -> None:
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    with facade(repository, clock=clock) as (orchestrator, transport):
        reserved, handed = create(orchestrator, "reserved@owners.test"), create(orchestrator, "handed@owners.test")
        for campaign in (reserved, handed):
            with repository.transaction() as tx:
                claimed = ledger.claim(tx, (TENANT, campaign.id), due_only=True)
            assert isinstance(claimed, ledger.Claim)
        mail = orchestrator.services.composer.compose(handed, claimed.message.id)
        with repository.transaction() as tx:
            assert ledger.hand(tx, claimed, mail, "account") is None
        assert orchestrator.send_due() == {}
        clock.advance(ledger.LEASE + timedelta(seconds=1))
        assert orchestrator.send_due() == {"sent": 1}
        assert [mail.to_email for mail in transport.sent] == ["reserved@owners.test"]
        assert [m.state for m in attempts(orchestrator, handed)] == ["in_doubt"]
        with pytest.raises(errors.SendInDoubt):
            orchestrator.send_campaign(handed.id, TENANT)
        with repository.transaction() as tx:  # it was not dead, only slow, and knows what happened: that ends the doubt
            assert settle.failed(tx, claimed, Rejected("refused after all"))
        assert now(orchestrator, handed).status is OutreachStatus.FAILED
        with repository.transaction() as tx:  # but it has one say only
            assert not settle.failed(tx, claimed, Rejected("again"))
            assert not settle.unknown(tx, claimed, Unknown("again"))
    repository.close()


def test_evidence_for_a_failed_attempt_is_kept_but_a_retry_stands_on_its_own(repository: OutreachRepository) -> None:
    with facade(repository, in_turn(Accepted("one"), Accepted("two"))) as (orchestrator, transport):
        campaign = create(orchestrator)
        orchestrator.send_campaign(campaign.id, TENANT)
        first = transport.sent[0].message_id
        orchestrator.handle_webhook(event(campaign, "bounce", type="blocked", outreach_message_id=first))
        assert now(orchestrator, campaign).status is OutreachStatus.FAILED
        assert orchestrator.retry_failed(TENANT) == 1
        assert now(orchestrator, campaign).status is OutreachStatus.SCHEDULED
        assert orchestrator.send_due() == {"sent": 1}
        orchestrator.handle_webhook(event(campaign, "dropped", reason="Spam Content", outreach_message_id=first))
        after = now(orchestrator, campaign)
        assert (after.status, after.sendgrid_message_id) == (OutreachStatus.SENT, "two")
        assert orchestrator.get_statistics(TENANT) == statistics.recounted(orchestrator.services.read, TENANT)


def test_proof_that_the_owner_has_the_mail_stops_a_retry_that_has_not_left(repository: OutreachRepository) -> None:
    with facade(repository, in_turn(Accepted("one"))) as (orchestrator, transport):
        campaign = create(orchestrator)
        orchestrator.send_campaign(campaign.id, TENANT)
        first = transport.sent[0].message_id
        orchestrator.handle_webhook(event(campaign, "bounce", type="blocked", outreach_message_id=first))
        orchestrator.retry_failed(TENANT)
        orchestrator.handle_webhook(event(campaign, "click", url="https://x.test", outreach_message_id=first))
        assert now(orchestrator, campaign).status is OutreachStatus.CLICKED
        assert orchestrator.send_due() == {}
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "already_sent"
        assert len(transport.sent) == 1


def test_a_template_that_lacks_a_variable_stops_that_campaign_before_anything_is_sent(
    repository: OutreachRepository, tmp_path: Path
) -> None:
    (tmp_path / "memo_delivery_email.txt").write_text("Hello\n{{ surprise }}\n")
    with facade(repository, template_dir=tmp_path) as (orchestrator, transport):
        campaign = create(orchestrator)
        with pytest.raises(errors.TemplateError, match="surprise") as caught:
            orchestrator.send_campaign(campaign.id, TENANT)
        assert caught.value.line == 2
        assert transport.sent == []
        failed = now(orchestrator, campaign)
        assert failed.status is OutreachStatus.FAILED
        assert "surprise" in str(failed.last_error)


def test_without_a_key_reading_works_and_sending_says_what_is_missing(repository: OutreachRepository) -> None:
    with OutreachOrchestrator(repository, from_email="team@sender.test") as orchestrator:
        campaign = create(orchestrator)
        assert orchestrator.get_statistics(TENANT) == {"scheduled": 1}
        with pytest.raises(ValueError, match="SendGrid API key"):
            orchestrator.send_campaign(campaign.id, TENANT)
        assert attempts(orchestrator, campaign) == []


def test_without_a_sender_nothing_changes_and_the_error_names_the_variable(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        campaign = create(orchestrator)
    with OutreachOrchestrator(repository, "SG.sandbox.key") as orchestrator:
        with pytest.raises(errors.ConfigurationError, match="no sender address") as caught:
            orchestrator.send_campaign(campaign.id, TENANT)
        assert "SENDGRID_FROM_EMAIL" in str(caught.value.fix)
        after = now(orchestrator, campaign)
        assert (after.status, after.next_send_at) == (OutreachStatus.SCHEDULED, campaign.next_send_at)
        with pytest.raises(errors.ConfigurationError, match="no sender address"):
            orchestrator.send_due()
        assert attempts(orchestrator, campaign) == []


def test_an_unreachable_sendgrid_is_said_and_nothing_is_in_doubt(repository: OutreachRepository) -> None:
    settings = {"sendgrid_url": "http://127.0.0.1:1", "from_email": "team@sender.test"}
    with OutreachOrchestrator(repository, "SG.sandbox.key", **settings) as orchestrator:
        orchestrator.services.dispatcher._pause = lambda seconds: None
        campaign = create(orchestrator)
        assert orchestrator.send_due() == {"requeued": 1}
        assert "127.0.0.1:1" in str(now(orchestrator, campaign).last_error)
        assert [m.state for m in attempts(orchestrator, campaign)] == ["voided"]
