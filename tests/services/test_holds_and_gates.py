"""What keeps a campaign from leaving, what becomes of it, and what is said to whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import MessageState, NotSent
from orchestrator.repository import OutreachRepository, addresses, messages, tenants
from orchestrator.repository import due as due_ones
from orchestrator.services.sending import batch, ledger
from orchestrator.transports.fake import FakeTransport
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, item, property_record

Sending = tuple[OutreachOrchestrator, FakeTransport]
DAY = timedelta(days=1)


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
def sending(timed: OutreachRepository, clock: ManualClock) -> Iterator[Sending]:
    with facade(timed, clock=clock) as both:
        yield both


def create(orchestrator: OutreachOrchestrator, email: str = "owner@owners.test", **more: Any) -> OutreachCampaign:
    memo_url = more.pop("memo_url", MEMO_URL)
    tenant = more.pop("tenant", TENANT)
    return orchestrator.create_campaign(tenant, property_record(email), SCORE, memo_url, **more)


def now(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> OutreachCampaign:
    found = orchestrator.get_campaign(campaign.id, campaign.tenant_id)
    assert found is not None
    return found


def told(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign, word: str) -> list[str | None]:
    """Reasons in the campaign's history under `word`."""
    found = orchestrator.get_events(campaign.id, campaign.tenant_id)
    return [event.event_data.get("reason") for event in found if event.event_type == word]


def states(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> list[str]:
    key = (campaign.tenant_id, campaign.id)
    with orchestrator.services.read() as tx:
        return [str(message.state) for message in messages.of_campaigns(tx, [key])[key]]


def signed(end: datetime) -> str:
    return f"https://b.s3.amazonaws.com/m.pdf?AWSAccessKeyId=AKIA&Expires={int(end.timestamp())}&Signature=x"


# ----------------------------------------------------------------------------------------------------- hold and release


def test_what_is_held_stays_and_what_is_released_goes(sending: Sending, clock: ManualClock) -> None:
    orchestrator, transport = sending
    campaign = create(orchestrator)
    held = orchestrator.hold_campaign(campaign.id, TENANT, "  read it\nfirst ")
    assert (held.status, held.next_send_at, held.hold_reason) == (OutreachStatus.SCHEDULED, None, "read it first")
    assert orchestrator.send_due() == {}
    clock.advance(DAY)
    released = orchestrator.release_campaign(campaign.id, TENANT)
    assert (released.next_send_at, released.hold_reason) == (clock.now(), None)
    assert orchestrator.send_due() == {"sent": 1}
    assert len(transport.sent) == 1
    assert told(orchestrator, campaign, "held") == ["read it first"]
    assert told(orchestrator, campaign, "released") == ["read it first"]


def test_holding_and_releasing_twice_is_doing_it_once(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator, scheduled_at=clock.now() + 5 * DAY)
    first = orchestrator.hold_campaign(campaign.id, TENANT, "wait")
    clock.advance(DAY)
    assert orchestrator.hold_campaign(campaign.id, TENANT, "wait") == first
    assert orchestrator.release_campaign(campaign.id, TENANT).next_send_at == campaign.scheduled_at
    released = now(orchestrator, campaign)
    assert orchestrator.release_campaign(campaign.id, TENANT) == released
    assert told(orchestrator, campaign, "held") == told(orchestrator, campaign, "released") == ["wait"]


def test_another_reason_takes_the_place_of_the_first(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator)
    orchestrator.hold_campaign(campaign.id, TENANT, "wait")
    clock.advance(DAY)
    assert orchestrator.hold_campaign(campaign.id, TENANT, "legal looks at it").hold_reason == "legal looks at it"
    assert told(orchestrator, campaign, "held") == ["wait", "legal looks at it"]


@pytest.mark.parametrize("reason", ["", " \n", None, 3, "x" * 201])
def test_a_hold_needs_a_reason(sending: Sending, reason: Any) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator)
    with pytest.raises(errors.ValidationError, match="reason"):
        orchestrator.hold_campaign(campaign.id, TENANT, reason)
    assert now(orchestrator, campaign).hold_reason is None


def test_only_what_has_not_been_sent_can_be_held_or_released(sending: Sending) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator)
    orchestrator.send_campaign(campaign.id, TENANT)
    with pytest.raises(errors.InvalidState, match="Cannot hold a campaign that is sent"):
        orchestrator.hold_campaign(campaign.id, TENANT, "too late")
    with pytest.raises(errors.InvalidState, match="Cannot release a campaign that is sent"):
        orchestrator.release_campaign(campaign.id, TENANT)
    for command in (
        lambda t: orchestrator.hold_campaign(campaign.id, t, "x"),
        lambda t: orchestrator.release_campaign(campaign.id, t),
    ):
        with pytest.raises(errors.CampaignNotFound):
            command(OTHER_TENANT)


def claim(orchestrator: OutreachOrchestrator) -> list[ledger.Claim]:
    with orchestrator.services.begin() as tx:
        return batch.claim_due(tx, 10, None).claims


def hand(orchestrator: OutreachOrchestrator, claimed: ledger.Claim) -> dict[str, ledger.Answer]:
    mail = orchestrator.services.composer.compose(claimed.campaign, claimed.message.id)
    with orchestrator.services.begin() as tx:
        return batch.hand(tx, [(claimed, mail)], "fake")


def test_a_hold_voids_what_is_claimed_and_not_handed(sending: Sending) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator)
    (claimed,) = claim(orchestrator)
    orchestrator.hold_campaign(campaign.id, TENANT, "wait")
    assert hand(orchestrator, claimed) == {claimed.message.id: ledger.WITHDRAWN}
    assert states(orchestrator, campaign) == ["voided"]
    orchestrator.release_campaign(campaign.id, TENANT)
    assert orchestrator.send_due() == {"sent": 1}


def test_what_is_held_on_its_way_stays_here_if_it_comes_back(timed: OutreachRepository, clock: ManualClock) -> None:
    def refuse(_: object) -> NotSent:
        orchestrator.hold_campaign(campaign.id, TENANT, "stop")
        return NotSent("no connection")

    with facade(timed, refuse, clock=clock) as (orchestrator, _):
        campaign = create(orchestrator)
        orchestrator.send_due()
        stored = now(orchestrator, campaign)
        assert (stored.status, stored.next_send_at, stored.hold_reason) == (OutreachStatus.SCHEDULED, None, "stop")
        clock.advance(DAY)
        assert orchestrator.send_due() == {}
        assert orchestrator.release_campaign(campaign.id, TENANT).next_send_at == clock.now()


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_hold_of_what_left_anyway_ends_when_that_is_known(
    timed: OutreachRepository, clock: ManualClock, by_hand: bool
) -> None:
    def slow(mail: Any) -> Any:
        orchestrator.hold_campaign(campaign.id, TENANT, "stop")
        return FakeTransport()._handler(mail)

    with facade(timed, slow, clock=clock) as (orchestrator, _):
        campaign = create(orchestrator)
        _ = orchestrator.send_campaign(campaign.id, TENANT) if by_hand else orchestrator.send_due()
        stored = now(orchestrator, campaign)
        assert (stored.status, stored.hold_reason) == (OutreachStatus.SENT, None)
        assert told(orchestrator, campaign, "held") == ["stop"]


def test_send_campaign_is_a_persons_decision_and_not_bound_by_a_hold(sending: Sending) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator)
    orchestrator.hold_campaign(campaign.id, TENANT, "wait")
    assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
    assert now(orchestrator, campaign).hold_reason is None


def test_a_hold_outlasts_a_failure_and_its_retry(timed: OutreachRepository, clock: ManualClock) -> None:
    def refuse(_: object) -> NotSent:
        orchestrator.hold_campaign(campaign.id, TENANT, "stop")
        return NotSent("bad key", account=True)

    with facade(timed, refuse, clock=clock) as (orchestrator, transport):
        campaign = create(orchestrator)
        with pytest.raises(errors.NotSent):
            orchestrator.send_campaign(campaign.id, TENANT)
        assert orchestrator.retry_failed(TENANT) == 1
        assert (now(orchestrator, campaign).next_send_at, len(transport.sent)) == (None, 1)
        assert orchestrator.release_campaign(campaign.id, TENANT).next_send_at == clock.now()


def test_an_import_is_held_released_and_called_off_as_a_whole(sending: Sending) -> None:
    orchestrator, _ = sending
    operations = orchestrator.operations
    items = [item(f"owner{n}@owners.test", batch="spring" if n % 2 else "autumn") for n in range(1100)]
    made = [created.campaign for created in orchestrator.create_campaigns(TENANT, items)]
    first = made[1]
    assert first is not None
    orchestrator.hold_campaign(first.id, TENANT, "wait")
    assert operations.hold_batch(TENANT, "spring", "wait") == {"held": 549, "unchanged": 1}
    assert operations.hold_batch(OTHER_TENANT, "spring", "wait") == {}
    assert len(claim(orchestrator)) == 10
    assert operations.release_batch(TENANT, "spring") == {"released": 550}
    assert operations.release_batch(TENANT, "spring") == {"unchanged": 550}
    orchestrator.send_campaign(first.id, TENANT)
    assert sum(operations.cancel_batch(TENANT, "spring").values()) == 549
    assert orchestrator.get_statistics(TENANT) == {"scheduled": 550, "cancelled": 549, "sent": 1}
    with pytest.raises(errors.ValidationError, match="reason"):
        operations.hold_batch(TENANT, "autumn", "")


# ----------------------------------------------------------------------------------------------------- missed schedules


@pytest.mark.parametrize("policy", ["send", "skip", "hold"])
def test_what_missed_its_time_is_treated_by_policy(timed: OutreachRepository, clock: ManualClock, policy: str) -> None:
    with facade(timed, clock=clock, missed_schedule=policy, missed_after=3600) as (orchestrator, transport):
        late = create(orchestrator)
        clock.advance(timedelta(hours=1, seconds=1))
        punctual = create(orchestrator, "other@owners.test")
        words = orchestrator.send_due()
        why = "it missed its time: it was due at 2026-01-05 15:00:00 UTC, more than 1 h ago"
        stored = now(orchestrator, late)
        assert now(orchestrator, punctual).status is OutreachStatus.SENT
        if policy == "send":
            assert (words, stored.status) == ({"sent": 2}, OutreachStatus.SENT)
        elif policy == "skip":
            assert words == {"sent": 1, "skipped": 1}
            assert (stored.status, stored.last_error) == (OutreachStatus.CANCELLED, why)
            assert told(orchestrator, late, "cancelled") == [why]
            assert orchestrator.get_statistics(TENANT) == {"sent": 1, "cancelled": 1}
        else:
            assert words == {"sent": 1, "held": 1}
            assert (stored.status, stored.hold_reason) == (OutreachStatus.SCHEDULED, why)
            assert orchestrator.release_campaign(late.id, TENANT).next_send_at == clock.now()
            assert orchestrator.send_due() == {"sent": 1}
        assert len(transport.sent) == {"send": 2, "skip": 1, "hold": 2}[policy]


def test_a_new_time_is_the_one_that_counts(timed: OutreachRepository, clock: ManualClock) -> None:
    outcomes: list[NotSent] = []
    with facade(timed, lambda mail: outcomes.pop() if outcomes else FakeTransport()._handler(mail), clock=clock,
                missed_schedule="hold", missed_after=3600) as (orchestrator, _):  # fmt: skip
        passed = create(orchestrator, "a@owners.test", scheduled_at="1999-01-01T00:00:00Z")
        assert passed.next_send_at == clock.now()
        moved = create(orchestrator, "b@owners.test")
        held = create(orchestrator, "c@owners.test")
        orchestrator.hold_campaign(held.id, TENANT, "wait")
        clock.advance(timedelta(hours=2))
        orchestrator.reschedule_campaign(moved.id, TENANT, "1999-01-01T00:00:00Z")
        orchestrator.release_campaign(held.id, TENANT)
        assert orchestrator.send_due() == {"sent": 2, "held": 1}
        again = orchestrator.reschedule_campaign(passed.id, TENANT, None)  # a new time is the cure for a missed one
        assert (again.next_send_at, again.hold_reason) == (clock.now(), None)
        outcomes.append(NotSent("no connection"))
        clock.advance(timedelta(minutes=50))
        assert orchestrator.send_due() == {"requeued": 1}
        clock.advance(timedelta(minutes=30))
        assert orchestrator.send_due() == {"sent": 1}


def test_a_tenants_own_policy_wins_over_the_configured_one(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    operations = orchestrator.operations
    assert operations.tenant(TENANT) == tenants.Tenant(tenant_id=TENANT)
    assert operations.set_missed_schedule(TENANT, "skip", 60).missed_after == 60
    late, fine = create(orchestrator), create(orchestrator, tenant=OTHER_TENANT)
    clock.advance(timedelta(seconds=61))
    assert orchestrator.send_due() == {"sent": 1, "skipped": 1}
    assert now(orchestrator, late).status is OutreachStatus.CANCELLED
    assert now(orchestrator, fine).status is OutreachStatus.SENT
    assert operations.set_missed_schedule(TENANT) == tenants.Tenant(tenant_id=TENANT)


@pytest.mark.parametrize(("policy", "after"), [("later", None), ("skip", -1), ("skip", 1.5), ("skip", True), (1, 5)])
def test_a_policy_that_is_none_is_refused(sending: Sending, policy: Any, after: Any) -> None:
    orchestrator, _ = sending
    with pytest.raises(errors.ValidationError):
        orchestrator.operations.set_missed_schedule(TENANT, policy, after)
    assert orchestrator.operations.tenant(TENANT).missed_policy is None


# ----------------------------------------------------------------------------------------------------------- memo links


def test_a_link_that_ends_too_soon_holds_and_a_better_one_lets_go(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    short = signed(clock.now() + timedelta(hours=71))
    campaign = create(orchestrator, memo_url=short)
    why = "the memo link stops working at 2026-01-08 14:00:00 UTC"
    assert (campaign.status, campaign.next_send_at, campaign.hold_reason) == (OutreachStatus.SCHEDULED, None, why)
    assert told(orchestrator, campaign, "held") == [why]
    assert orchestrator.send_due() == {}
    better = orchestrator.update_campaign(campaign.id, TENANT, memo_url=signed(clock.now() + timedelta(hours=72)))
    assert (better.next_send_at, better.hold_reason) == (clock.now(), None)
    assert told(orchestrator, campaign, "released") == [why]
    assert orchestrator.update_campaign(campaign.id, TENANT, memo_url=short).hold_reason == why
    assert orchestrator.update_campaign(campaign.id, TENANT, memo_url=MEMO_URL).hold_reason is None
    assert orchestrator.send_due() == {"sent": 1}


def test_a_better_link_does_not_lift_a_persons_hold(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator, memo_url=signed(clock.now() + DAY))
    orchestrator.hold_campaign(campaign.id, TENANT, "legal looks at it")
    updated = orchestrator.update_campaign(campaign.id, TENANT, memo_url=MEMO_URL)
    assert (updated.next_send_at, updated.hold_reason) == (None, "legal looks at it")


def test_a_later_time_can_be_too_late_for_the_link_and_an_earlier_one_fine(
    sending: Sending, clock: ManualClock
) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator, memo_url=signed(clock.now() + 7 * DAY))
    assert campaign.hold_reason is None
    late = orchestrator.reschedule_campaign(campaign.id, TENANT, clock.now() + 4 * DAY + timedelta(seconds=1))
    assert (late.next_send_at, late.hold_reason) == (None, "the memo link stops working at 2026-01-12 15:00:00 UTC")
    early = orchestrator.reschedule_campaign(campaign.id, TENANT, clock.now() + 4 * DAY)
    assert (early.next_send_at, early.hold_reason) == (clock.now() + 4 * DAY, None)


def test_a_link_that_died_in_the_queue_is_not_sent(sending: Sending, clock: ManualClock) -> None:
    orchestrator, transport = sending
    campaign = create(orchestrator, memo_url=signed(clock.now() + 4 * DAY))
    released = create(orchestrator, "b@owners.test", memo_url=signed(clock.now() + 4 * DAY + timedelta(hours=2)))
    clock.advance(4 * DAY - timedelta(minutes=59))
    assert orchestrator.send_due() == {"held": 1, "sent": 1}
    assert now(orchestrator, campaign).hold_reason == "the memo link stops working at 2026-01-09 15:00:00 UTC"
    assert now(orchestrator, released).status is OutreachStatus.SENT
    assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"  # a person's decision
    assert len(transport.sent) == 2


def test_a_suppressed_owner_is_not_held_for_a_link(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    earlier = create(orchestrator)
    orchestrator.send_campaign(earlier.id, TENANT)
    orchestrator.handle_webhook({"event": "unsubscribe", "campaign_id": earlier.id, "tenant_id": TENANT})
    campaign = create(orchestrator, memo_url=signed(clock.now()))
    assert (campaign.status, campaign.hold_reason) == (OutreachStatus.SUPPRESSED, None)


# ---------------------------------------------------------------------------------------------------------- other gates


def hold_address(orchestrator: OutreachOrchestrator, email: str, reason: str | None) -> None:
    with orchestrator.services.begin() as tx:
        addresses.lock(tx, [(TENANT, email)])
        addresses.hold(tx, (TENANT, email), reason)


def test_a_held_owner_is_not_written_to_at_the_claim_nor_at_the_hand_over(sending: Sending) -> None:
    orchestrator, transport = sending
    at_claim, at_hand = create(orchestrator, "a@owners.test"), create(orchestrator, "b@owners.test")
    hold_address(orchestrator, "a@owners.test", "talks to us on the phone")
    (claimed,) = claim(orchestrator)
    hold_address(orchestrator, "b@owners.test", "asked for time")
    answers = hand(orchestrator, claimed)
    assert [str(answer.status) for answer in answers.values()] == ["held"]
    assert now(orchestrator, at_claim).hold_reason == "owner held: talks to us on the phone"
    assert now(orchestrator, at_hand).hold_reason == "owner held: asked for time"
    assert states(orchestrator, at_hand) == [MessageState.VOIDED]
    hold_address(orchestrator, "a@owners.test", None)
    orchestrator.release_campaign(at_claim.id, TENANT)
    orchestrator.release_campaign(at_hand.id, TENANT)
    assert orchestrator.send_due() == {"sent": 1, "held": 1}
    assert [mail.to_email for mail in transport.sent] == ["a@owners.test"]


def test_a_paused_tenant_keeps_its_place_and_keeps_nobody_waiting(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    waiting = create(orchestrator)
    with orchestrator.services.begin() as tx:
        assert tenants.pause(tx, TENANT, "moving house")
        assert not tenants.pause(tx, TENANT, "again")
    clock.advance(DAY)
    create(orchestrator, tenant=OTHER_TENANT)
    assert orchestrator.send_due(1) == {"sent": 1}
    assert now(orchestrator, waiting).next_send_at == waiting.next_send_at
    with orchestrator.services.begin() as tx:
        assert [tenant.pause_reason for tenant in tenants.paused(tx)] == ["moving house"]
        assert tenants.resume(tx, TENANT)
        assert not tenants.resume(tx, TENANT)
    assert orchestrator.send_due() == {"sent": 1}


def test_what_a_gate_refuses_never_stays_at_the_head_of_the_queue(sending: Sending, clock: ManualClock) -> None:
    orchestrator, transport = sending
    orchestrator.operations.set_missed_schedule(TENANT, "skip", 86_400)
    for number in range(4):
        create(orchestrator, f"held{number}@owners.test", memo_url=signed(clock.now() + 4 * DAY))
    hold_address(orchestrator, "owner@owners.test", "wait")
    create(orchestrator)
    clock.advance(4 * DAY)
    create(orchestrator, "last@owners.test")
    words = orchestrator.send_due(2)
    assert words == {"skipped": 4, "held": 1, "sent": 1}
    assert [mail.to_email for mail in transport.sent] == ["last@owners.test"]
    with orchestrator.services.read() as tx:
        assert due_ones.find(tx, clock.now(), 10) == []


def gates(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> dict[str, str]:
    """What the closed gates say."""
    return {v.gate: v.words for v in orchestrator.operations.why(campaign.id, TENANT).gates if not v.open}


def test_every_gate_can_be_asked_in_words(sending: Sending, clock: ManualClock) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator, memo_url=signed(clock.now() + 4 * DAY))
    verdicts = orchestrator.operations.why(campaign.id, TENANT).gates
    assert [verdict.gate for verdict in verdicts] == [
        "status", "account", "tenant", "suppression", "hold", "owner", "compliance", "consent", "address gap",
        "missed schedule", "memo link", "due", "attempts", "rate",
    ]  # fmt: skip
    assert all(verdict.open and verdict.words for verdict in verdicts)
    orchestrator.operations.set_missed_schedule(TENANT, "hold", 60)
    with orchestrator.services.begin() as tx:
        tenants.pause(tx, TENANT, "moving house")
    clock.advance(4 * DAY)
    assert gates(orchestrator, campaign) == {
        "tenant": "the tenant is paused: moving house",
        "missed schedule": "it missed its time: it was due at 2026-01-05 15:00:00 UTC, more than 1 min ago",
        "memo link": "the memo link stops working at 2026-01-09 15:00:00 UTC",
    }
    later = create(orchestrator, "b@owners.test", scheduled_at=clock.now() + DAY)
    assert gates(orchestrator, later)["due"] == "it is due at 2026-01-10 15:00:00 UTC"
    orchestrator.hold_campaign(later.id, TENANT, "wait")
    assert gates(orchestrator, later)["hold"] == "wait"
    orchestrator.operations.resume(TENANT)
    orchestrator.send_campaign(later.id, TENANT)
    asked = gates(orchestrator, later)
    assert asked["status"] == "its status is sent: only what is scheduled goes out by itself"
    assert asked["attempts"] == "attempt 1 was sent"
    orchestrator.handle_webhook({"event": "unsubscribe", "campaign_id": later.id, "tenant_id": TENANT})
    assert gates(orchestrator, later)["suppression"] == "the address must not be written to: unsubscribe"
    with pytest.raises(errors.CampaignNotFound):
        orchestrator.operations.why(campaign.id, OTHER_TENANT)


def test_a_paused_account_is_named_first(sending: Sending) -> None:
    orchestrator, _ = sending
    campaign = create(orchestrator)
    orchestrator.operations.pause("credits are used up")
    assert gates(orchestrator, campaign) == {"account": "the SendGrid account is paused: credits are used up"}
    assert datetime.now(UTC) > campaign.created_at
