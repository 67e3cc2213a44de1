"""Mails in doubt: what is sent again, what waits, what a person decides, and what late evidence does."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from orchestrator import OutreachStatus, errors
from orchestrator.clock import new_id
from orchestrator.domain.message import (
    HELD_IN_DOUBT,
    NOBODY,
    Accepted,
    MessageState,
    NotSent,
    Outcome,
    OutgoingMail,
    Unknown,
)
from orchestrator.repository import campaigns, events
from orchestrator.services.doubt.probe import SUBJECT
from orchestrator.services.sending import ledger, settle
from orchestrator.services.upkeep.doctor import Level
from tests.samples import OTHER_TENANT, TENANT, item
from tests.services.doubts import GRACE, World, world

DAY = 24 * 3600


# ------------------------------------------------------------------------------------------------ what is sent again


def test_a_mail_is_sent_again_when_a_report_about_it_could_not_have_been_missed(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        w.later_report()
        w.wait(GRACE)
        assert w.reconcile() == {"resent": 1}
        assert w.states(campaign) == ["lost"]
        assert w.look(campaign).next_send_at == w.clock.now()
        assert w.reconcile() == {}
        w.answer = lambda _: Accepted("at-last")
        assert w.orchestrator.send_due() == {"sent": 1}
        assert w.states(campaign) == ["lost", "accepted"]
        assert w.look(campaign).status is OutreachStatus.SENT
        first, second = w.attempts(campaign)
        assert first.id != second.id
        (lost,) = [e for e in w.orchestrator.get_events(campaign.id, TENANT) if e.event_type == "lost"]
        assert lost.message_id == first.id
        assert "never about this one" in lost.event_data["reason"]


def test_the_gates_are_asked_again_before_a_mail_is_sent_again(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        other = w.send("lost@owners.test")
        w.later_report()
        w.report(other, "unsubscribe")
        w.wait(GRACE)
        w.reconcile()
        assert w.states(campaign) == ["lost"]
        w.orchestrator.send_due()
        assert (w.look(campaign).status, w.posts(campaign)) == (OutreachStatus.SUPPRESSED, 1)


# ----------------------------------------------------------------------------------------------- what means nothing yet


def too_early(w: World) -> None:
    w.later_report()
    w.wait(GRACE - 90)


def nothing_later(w: World) -> None:
    w.wait(GRACE)


def a_report_about_an_earlier_mail_only(w: World) -> None:
    w.wait(GRACE)
    w.report(w.send("early@owners.test"), "open")
    w.clock.advance(timedelta(seconds=1))


def a_silent_neighbour(w: World) -> None:
    w.wait(20)
    w.send("neighbour@owners.test")
    w.later_report()
    w.wait(GRACE)


def a_gap_in_the_endpoint(w: World) -> None:
    w.later_report()
    w.wait(GRACE / 2)
    w.wait(20, up=False)
    w.wait(GRACE)


def an_endpoint_that_is_down_now(w: World) -> None:
    w.later_report()
    w.wait(GRACE)
    w.wait(20, up=False)


def a_refused_batch(w: World) -> None:
    w.later_report()
    with pytest.raises(errors.SignatureInvalid):
        w.orchestrator.receive_webhook(b"[]", {
            "X-Twilio-Email-Event-Webhook-Signature": "bm90aGluZw==",
            "X-Twilio-Email-Event-Webhook-Timestamp": "1600112502",
        })  # fmt: skip
    w.wait(GRACE)


KEY = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="  # noqa: E501
SILENCES: dict[Callable[[World], None], str] = {
    nothing_later: "a mail handed over later",
    a_silent_neighbour: "all mails beside it",
    a_gap_in_the_endpoint: "not up all the time",
    an_endpoint_that_is_down_now: "not up all the time",
    a_refused_batch: "refused since (signature-invalid)",
}


@pytest.mark.parametrize("silence", SILENCES, ids=lambda silence: silence.__name__)
def test_silence_that_may_have_another_cause_is_waited_out_and_left_to_a_person(
    dsn: str, silence: Callable[[World], None]
) -> None:
    with world(dsn, webhook_public_key=KEY) as w:
        campaign = w.doubt()
        silence(w)
        assert w.reconcile() == {"waiting": 1}
        assert SILENCES[silence] in (w.look(campaign).last_error or "")
        assert w.history(campaign).count("waiting") == 1
        assert w.reconcile() == {}
        w.clock.advance(timedelta(seconds=DAY))
        assert w.reconcile() == {"waiting": 1}
        w.clock.advance(timedelta(hours=1))
        assert w.reconcile() == {"held": 1}
        held = w.look(campaign)
        assert (held.status, held.hold_reason, held.next_send_at) == (OutreachStatus.SCHEDULED, HELD_IN_DOUBT, None)
        assert w.states(campaign) == ["in_doubt"]
        w.clock.advance(timedelta(days=30))
        assert w.reconcile() == {}
        w.orchestrator.send_due()
        assert w.posts(campaign) == 1
        found = w.orchestrator.operations.doctor()
        assert (found.level, found.held, found.waiting) == (Level.PERSON, 1, 0)
        (listed,) = found.in_doubt
        assert (listed.campaign_id, listed.cause, listed.check_at) == (campaign.id, "the answer was lost", None)


def test_nothing_is_decided_before_the_grace_is_over(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        too_early(w)
        assert w.reconcile() == {"waiting": 1}
        assert "waiting" not in w.history(campaign)
        (attempt,) = w.attempts(campaign)
        assert attempt.doubted_at is not None
        assert attempt.check_at == attempt.doubted_at + timedelta(seconds=GRACE)
        assert w.reconcile() == {}
        w.wait(30)
        assert w.reconcile() == {"resent": 1}


def test_a_dead_workers_mail_waits_for_the_grace_from_when_it_was_found(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.create("ada@owners.test")
        with w.orchestrator.services.begin() as tx:
            claimed = ledger.claim(tx, (TENANT, campaign.id), due_only=True)
            assert isinstance(claimed, ledger.Claim)
        mail = w.orchestrator.services.composer.compose(claimed.campaign, claimed.message.id)
        with w.orchestrator.services.begin() as tx:
            assert ledger.hand(tx, claimed, mail, w.transport.account) is None
        w.later_report()
        w.wait(GRACE)
        assert w.orchestrator.operations.recover() == (0, 1)
        assert w.reconcile() == {"waiting": 1}
        w.wait(GRACE)
        assert w.reconcile() == {"resent": 1}
        w.orchestrator.send_due()
        assert w.states(campaign) == ["lost", "accepted"]


def test_without_any_heartbeat_nothing_is_sent_again_by_itself(dsn: str) -> None:
    with world(dsn) as w:
        w.wait(60, up=False)
        campaign = w.doubt()
        w.wait(70, up=False)
        w.report(w.send("later@owners.test"))
        w.wait(GRACE, up=False)
        assert w.reconcile() == {"waiting": 1}
        assert w.states(campaign) == ["in_doubt"]


def test_a_silent_neighbour_that_is_reported_at_last_ends_the_wait(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        w.wait(20)
        neighbour = w.send("neighbour@owners.test")
        w.later_report()
        w.wait(GRACE)
        assert w.reconcile() == {"waiting": 1}
        w.report(neighbour)
        w.wait(120)
        assert w.reconcile() == {"resent": 1}
        assert w.states(campaign) == ["lost"]


def test_a_neighbour_beyond_a_minute_or_of_another_tenant_stands_in_nobodys_way(dsn: str) -> None:
    with world(dsn) as w:
        w.doubt()
        list(w.orchestrator.create_campaigns(OTHER_TENANT, [item("stranger@owners.test")]))
        w.orchestrator.send_due()
        w.later_report()
        w.send("much-later@owners.test")
        w.wait(GRACE)
        assert w.reconcile() == {"resent": 1}


def test_pauses_between_two_looks_grow_to_an_hour(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        w.wait(GRACE)
        pauses = []
        for _ in range(12):
            before = w.clock.now()
            assert w.reconcile() == {"waiting": 1}
            (attempt,) = w.attempts(campaign)
            assert attempt.check_at is not None
            pauses.append((attempt.check_at - before).total_seconds())
            w.clock.advance(attempt.check_at - before)
        assert pauses == [60, 60, 120, 240, 480, 960, 1920, *[3600] * 5]
        assert w.history(campaign).count("waiting") == 2  # the endpoint went silent meanwhile, and that was said once


# ------------------------------------------------------------------------------------------------------------ evidence


@pytest.mark.parametrize("held", [False, True])
def test_a_report_decides_whenever_it_comes(dsn: str, held: bool) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        if held:
            w.clock.advance(timedelta(hours=26))
            assert w.reconcile() == {"held": 1}
        w.report(campaign, "delivered")
        (attempt,) = w.attempts(campaign)
        assert (attempt.state, attempt.check_at) == (MessageState.ACCEPTED, None)
        assert attempt.reported_at == w.clock.now()
        assert (w.look(campaign).status, w.look(campaign).hold_reason) == (OutreachStatus.DELIVERED, None)
        w.wait(GRACE)
        assert w.reconcile() == {}
        assert w.orchestrator.operations.doctor().in_doubt == ()


def test_a_persons_own_hold_outlives_the_doubt(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        with w.orchestrator.services.begin() as tx:
            campaigns.update(tx, [((TENANT, campaign.id), {"hold_reason": "wait for legal"})])
        w.later_report()
        w.wait(GRACE)
        assert w.reconcile() == {"resent": 1}
        assert (w.look(campaign).hold_reason, w.look(campaign).next_send_at) == ("wait for legal", None)


def lost(w: World) -> object:
    campaign = w.doubt()
    w.later_report()
    w.wait(GRACE)
    assert w.reconcile() == {"resent": 1}
    return campaign


@pytest.mark.parametrize("reserved", [False, True])
def test_late_evidence_withdraws_a_resend_that_has_not_left(dsn: str, reserved: bool) -> None:
    with world(dsn) as w:
        campaign = lost(w)
        if reserved:
            with w.orchestrator.services.begin() as tx:
                assert isinstance(ledger.claim(tx, (TENANT, campaign.id), due_only=True), ledger.Claim)
        w.report(campaign)
        assert w.states(campaign) == ["accepted"] + ["voided"] * reserved
        assert (w.look(campaign).status, w.look(campaign).next_send_at) == (OutreachStatus.SENT, None)
        assert "resend_withdrawn" in w.history(campaign)
        assert w.orchestrator.send_due() == {}
        assert w.posts(campaign) == 1
        assert w.orchestrator.operations.doctor().duplicates == 0


@pytest.mark.parametrize("outcome", [Accepted("two"), Unknown("again")], ids=["accepted", "in_doubt"])
def test_late_evidence_after_the_resend_has_left_is_counted_as_a_duplicate(dsn: str, outcome: Outcome) -> None:
    with world(dsn) as w:
        campaign = lost(w)
        w.answer = lambda _: outcome
        w.orchestrator.send_due()
        w.report(campaign)
        w.report(campaign, "delivered")
        first, second = w.attempts(campaign)
        assert (first.state, first.accepted_at is not None) == (MessageState.LOST, True)
        assert second.state in (MessageState.ACCEPTED, MessageState.IN_DOUBT)
        assert w.history(campaign).count("duplicate") == 1
        assert w.orchestrator.operations.doctor().duplicates == 1


def test_a_first_mail_that_arrived_counts_when_the_second_turns_out_not_to_have_left(dsn: str) -> None:
    with world(dsn) as w:
        campaign = lost(w)
        with w.orchestrator.services.begin() as tx:
            claimed = ledger.claim(tx, (TENANT, campaign.id), due_only=True)
            assert isinstance(claimed, ledger.Claim)
        mail = w.orchestrator.services.composer.compose(claimed.campaign, claimed.message.id)
        with w.orchestrator.services.begin() as tx:
            assert ledger.hand(tx, claimed, mail, w.transport.account) is None
        w.report(campaign, "delivered")
        assert w.states(campaign) == ["lost", "handed"]
        with w.orchestrator.services.begin() as tx:
            settle.give_back(tx, claimed, "no connection", timedelta(0))
        assert w.states(campaign) == ["accepted", "voided"]
        assert (w.look(campaign).status, w.look(campaign).next_send_at) == (OutreachStatus.DELIVERED, None)
        assert w.orchestrator.operations.doctor().duplicates == 0


def test_a_first_mail_that_arrived_outweighs_the_refusal_of_the_second(dsn: str) -> None:
    with world(dsn) as w:
        campaign = lost(w)
        first = w.attempts(campaign)[0].id

        def refuse(mail: OutgoingMail) -> Outcome:
            if mail.campaign_id == campaign.id:
                w.orchestrator.handle_webhook(
                    {
                        "event": "processed",
                        "tenant_id": TENANT,
                        "campaign_id": campaign.id,
                        "outreach_message_id": first,
                    }
                )
            return NotSent("503")

        w.answer = refuse
        with suppress(errors.NotSent):
            w.orchestrator.send_campaign(campaign.id, TENANT)
        assert w.look(campaign).status is OutreachStatus.SENT
        assert w.states(campaign)[0] == "accepted"


def test_a_mail_that_is_lost_again_and_again_is_left_to_a_person(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        for _ in range(5):
            w.later_report()
            w.wait(GRACE)
            assert w.reconcile() == {"resent": 1}
            assert w.orchestrator.send_due() == {"in_doubt": 1}
        w.later_report()
        w.wait(GRACE)
        assert w.reconcile() == {"held": 1}
        assert "lost 5 times" in (w.look(campaign).last_error or "")
        w.answer = lambda _: Accepted("at-last")
        assert w.orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"  # a person asks
        assert w.states(campaign) == [*["lost"] * 6, "accepted"]
        assert w.look(campaign).hold_reason is None


# ------------------------------------------------------------------------------------------- several at the same time


def test_two_reconcilers_at_once_decide_each_mail_once(dsn: str) -> None:
    with world(dsn) as w:
        doubtful = [w.create(f"lost-{n}@owners.test") for n in range(60)]
        w.orchestrator.send_due()
        w.later_report()
        w.wait(GRACE)
        start, found = threading.Barrier(3), Counter[str]()
        lock = threading.Lock()

        def work() -> None:
            start.wait()
            words = Counter(w.orchestrator.operations.reconcile())
            with lock:
                found.update(words)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found.update(w.orchestrator.operations.reconcile())
        assert +found == {"resent": 60}
        assert all(w.states(campaign) == ["lost"] for campaign in doubtful)
        assert all(w.history(campaign).count("lost") == 1 for campaign in doubtful)
        assert w.orchestrator.send_due(limit=1000)["in_doubt"] == 60
        assert all(w.states(campaign) == ["lost", "in_doubt"] for campaign in doubtful)


# ------------------------------------------------------------------------------------------------------------ the probe


def test_a_probe_stands_in_for_the_later_mail(dsn: str) -> None:
    with world(dsn, probe_address="operator@ours.test") as w:
        campaign = w.doubt()
        w.wait(GRACE)
        assert w.reconcile() == {"waiting": 1, "probes": 1}
        probe = w.transport.sent[-1]
        assert (probe.to_email, probe.subject, probe.campaign_id) == ("operator@ours.test", SUBJECT, NOBODY)
        w.wait(120)
        assert w.reconcile() == {"waiting": 1}  # one is out already
        event = {"event": "processed", "tenant_id": NOBODY, "campaign_id": NOBODY, "sg_event_id": new_id()}
        assert w.orchestrator.handle_webhook({**event, "outreach_message_id": probe.message_id}) is None
        w.wait(240)
        assert w.reconcile() == {"resent": 1}
        assert w.states(campaign) == ["lost"]
        with w.orchestrator.services.read() as tx:
            assert events.count_unmatched(tx) == 0


def test_a_probe_that_is_not_reported_is_repeated_after_the_grace_and_proves_nothing(dsn: str) -> None:
    with world(dsn, probe_address="operator@ours.test") as w:
        campaign = w.doubt()
        w.wait(GRACE)
        sent = 0
        for _ in range(8):
            sent += w.reconcile().get("probes", 0)
            w.wait(GRACE / 2)
        assert 3 <= sent <= 4
        assert w.states(campaign) == ["in_doubt"]
        event = {"event": "processed", "tenant_id": NOBODY, "campaign_id": NOBODY, "outreach_message_id": new_id()}
        w.orchestrator.handle_webhook(event)
        w.wait(4 * GRACE)
        assert "resent" not in w.reconcile()


def test_without_an_address_no_probe_is_sent(dsn: str) -> None:
    with world(dsn) as w:
        w.doubt()
        w.wait(GRACE)
        assert w.reconcile() == {"waiting": 1}
        assert len(w.transport.sent) == 1


# ----------------------------------------------------------------------------------------------------- a person decides


def test_a_person_says_that_it_was_sent(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        w.clock.advance(timedelta(hours=26))
        w.reconcile()
        (attempt,) = w.attempts(campaign)
        resolved = w.orchestrator.operations.resolve(attempt.id, "sent", by="ada", why="seen in the feed")
        assert (resolved.status, resolved.hold_reason, resolved.last_error) == (OutreachStatus.SENT, None, None)
        told = [event.event_type for event in w.orchestrator.get_events(campaign.id, TENANT)]
        assert told.index("in_doubt") < told.index("resolved")
        assert resolved.sent_at == attempt.handed_at
        assert w.states(campaign) == ["accepted"]
        told = [e for e in w.orchestrator.get_events(campaign.id, TENANT) if e.event_type == "resolved"]
        assert [(e.event_data["by"], e.event_data["reason"], e.event_data["decision"]) for e in told] == [
            ("ada", "seen in the feed", "sent")
        ]
        assert w.orchestrator.operations.doctor().in_doubt == ()


def test_a_person_lets_it_be_sent_again(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        w.clock.advance(timedelta(hours=26))
        w.reconcile()
        w.answer = lambda _: Accepted("two")
        resolved = w.orchestrator.operations.resolve(w.attempts(campaign)[0].id, "resend", TENANT)
        assert (resolved.hold_reason, resolved.next_send_at) == (None, w.clock.now())
        assert w.orchestrator.send_due() == {"sent": 1}
        assert w.states(campaign) == ["lost", "accepted"]
        assert w.history(campaign).count("resolved") == 1
        sent = w.orchestrator.get_campaign(campaign.id, TENANT)
        assert sent is not None
        assert sent.last_error is None


def test_only_what_is_in_doubt_can_be_resolved(dsn: str) -> None:
    with world(dsn) as w:
        sent = w.send("ada@owners.test")
        operations = w.orchestrator.operations
        with pytest.raises(errors.InvalidState, match="is accepted, not in doubt"):
            operations.resolve(w.attempts(sent)[0].id, "resend")
        with pytest.raises(errors.AttemptNotFound):
            operations.resolve(new_id(), "sent")
        with pytest.raises(errors.AttemptNotFound):
            operations.resolve(w.attempts(w.doubt())[0].id, "sent", OTHER_TENANT)
        with pytest.raises(errors.ValidationError, match="decision"):
            operations.resolve(new_id(), "perhaps")
        with pytest.raises(errors.ValidationError, match="message_id"):
            operations.resolve("that one", "sent")


def test_asking_for_a_send_looks_at_the_doubt_first_and_never_posts_blindly(dsn: str) -> None:
    with world(dsn) as w:
        campaign = w.doubt()
        w.later_report()
        with pytest.raises(errors.SendInDoubt):
            w.orchestrator.send_campaign(campaign.id, TENANT)
        assert (w.posts(campaign), w.states(campaign)) == (1, ["in_doubt"])
        w.wait(GRACE)
        w.answer = lambda _: Accepted("two")
        assert w.orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
        assert w.states(campaign) == ["lost", "accepted"]
        assert w.orchestrator.send_campaign(campaign.id, TENANT)["status"] == "already_sent"
