"""Rare meetings of opt-outs, entries of the list, holds and caps with mail that is on its way, or never was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestrator import OutreachCampaign, OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.message import Accepted, Outcome, OutgoingMail, Unknown
from orchestrator.domain.suppression import Kind
from orchestrator.repository import OutreachRepository, addresses, campaigns, messages, suppressions
from orchestrator.repository.suppressions import Subject
from orchestrator.services.recording import suppressing
from orchestrator.services.recording.standing import Standings
from orchestrator.services.sending import batch, ledger
from orchestrator.transports.fake import FakeTransport
from tests.samples import MEMO_URL, SCORE, TENANT, facade, property_record

OWNER = "owner@owners.test"
GAP = timedelta(hours=72)
Sending = tuple[OutreachOrchestrator, FakeTransport]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def answers() -> list[Outcome]:
    """What SendGrid answers to the next mails, first to last; then it takes all."""
    return []


@pytest.fixture
def sending(dsn: str, clock: ManualClock, answers: list[Outcome]) -> Iterator[Sending]:
    def answer(mail: OutgoingMail) -> Outcome:
        return answers.pop(0) if answers else Accepted(f"id-{mail.message_id}")

    repository = OutreachRepository(dsn, clock=clock)
    with facade(repository, answer, clock=clock, address_gap=72, base_url="https://go.sender.test") as both:
        yield both
    repository.close()


def create(team: OutreachOrchestrator, email: str = OWNER) -> OutreachCampaign:
    return team.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)


def now_of(team: OutreachOrchestrator, campaign: OutreachCampaign) -> OutreachCampaign:
    found = team.get_campaign(campaign.id, TENANT)
    assert found is not None
    return found


def claim(team: OutreachOrchestrator) -> list[ledger.Claim]:
    with team.services.begin() as tx:
        return batch.claim_due(tx, 10, None, team.services.policy).claims


def hand(team: OutreachOrchestrator, *claims: ledger.Claim) -> dict[str, str]:
    window = [(claimed, team.services.composer.compose(claimed.campaign, claimed.message.id)) for claimed in claims]
    with team.services.begin() as tx:
        refused = batch.hand(tx, window, "fake", GAP)
    return {message_id: answer.status for message_id, answer in refused.items()}


def last_written(team: OutreachOrchestrator) -> tuple[object, object]:
    with team.services.read() as tx:
        (address,) = addresses.get_many(tx, [(TENANT, OWNER)]).values()
    return address.last_campaign_id, address.last_handed_at


class Counting(Standings):
    """Counts how often all statuses are read out."""

    asked = 0

    def statuses(self) -> dict[tuple[str, str], OutreachStatus]:
        self.asked += 1
        return super().statuses()


# ------------------------------------------------------------------------------------------------------------ the gap


def test_a_mail_that_the_list_stops_at_the_hand_over_costs_the_others_nothing(sending: Sending) -> None:
    team, _ = sending
    create(team)
    (claimed,) = claim(team)
    with team.services.begin() as tx:  # as an entry that is committed while the mail is handed over
        about = Subject(TENANT, Kind.DOMAIN, "owners.test")
        suppressions.add(tx, [suppressing.entry(about, SuppressionReason.MANUAL, "test", tx.now())])
    assert list(hand(team, claimed).values()) == ["suppressed"]
    assert last_written(team) == (None, None)


def test_a_mail_by_hand_that_was_withdrawn_costs_the_others_nothing(sending: Sending) -> None:
    team, _ = sending
    campaign = create(team)
    with team.services.begin() as tx:
        claimed = ledger.claim(tx, (TENANT, campaign.id), due_only=False)
    assert isinstance(claimed, ledger.Claim)
    team.cancel_campaign(campaign.id, TENANT)
    mail = team.services.composer.compose(claimed.campaign, claimed.message.id)
    with team.services.begin() as tx:
        assert ledger.hand(tx, claimed, mail, "fake") is not None
    assert last_written(team) == (None, None)


# -------------------------------------------------------------------------------------------------------- what returns


def test_what_returns_while_its_mail_is_in_doubt_is_not_due(sending: Sending, answers: list[Outcome]) -> None:
    team, _ = sending
    answers.append(Unknown("the answer was lost"))
    campaign = create(team)
    team.send_due()
    before = now_of(team, campaign)
    assert before.next_send_at is None
    team.operations.suppressions.add(TENANT, OWNER)
    assert str(now_of(team, campaign).status) == "suppressed"
    team.operations.suppressions.remove(TENANT, OWNER)
    after = now_of(team, campaign)
    assert (str(after.status), after.next_send_at, after.last_error) == ("scheduled", None, before.last_error)


def test_release_of_an_answer_frees_also_what_was_suppressed_meanwhile(sending: Sending) -> None:
    team, _ = sending
    answered, other = create(team), create(team)
    team.send_campaign(answered.id, TENANT)
    team.record_reply(answered.id, TENANT, "What is this about?")
    team.operations.suppressions.add(TENANT, "owners.test")
    (reply,) = team.operations.replies.list(TENANT)
    team.operations.replies.release(reply.id)
    team.operations.suppressions.remove(TENANT, "owners.test")
    after = now_of(team, other)
    assert (str(after.status), after.hold_reason) == ("scheduled", None)
    assert after.next_send_at is not None


def test_a_corrected_owner_does_not_wait_for_what_the_old_one_said(sending: Sending) -> None:
    team, _ = sending
    answered, other = create(team), create(team)
    team.send_campaign(answered.id, TENANT)
    team.record_reply(answered.id, TENANT, "What is this about?")
    record = property_record("somebody.else@owners.test", id_=other.property_id)
    team.update_campaign(other.id, TENANT, property_record=record)
    after = now_of(team, other)
    assert (after.hold_reason, after.next_send_at) == (None, after.scheduled_at or after.next_send_at)
    assert after.next_send_at is not None
    team.update_campaign(other.id, TENANT, property_record=property_record(OWNER, id_=other.property_id))
    assert team.send_due() == {"held": 1}


def test_only_an_address_is_put_on_the_list_for_a_time(sending: Sending, clock: ManualClock) -> None:
    lists, row = sending[0].operations.suppressions, {"ends_at": "2026-03-01T00:00:00Z"}
    assert lists.entry_of(TENANT, {"value": OWNER, **row}, clock.now(), source="test").ends_at is not None
    for value in ("owners.test", "7d9f1c52-3a44-4c0f-9d3e-0f3b6a1c2d11"):  # nothing would put their campaigns back
        with pytest.raises(errors.ValidationError, match="ends_at"):
            lists.entry_of(TENANT, {"value": value, **row}, clock.now(), source="test")


def test_why_names_no_campaign_where_none_was_noted(sending: Sending, clock: ManualClock) -> None:
    team, _ = sending
    campaign = create(team)
    with team.services.begin() as tx:  # as an upgrade leaves it
        addresses.lock(tx, [(TENANT, OWNER)])
        tx.execute(
            sa.text("UPDATE addresses SET last_handed_at = :now").bindparams(
                sa.bindparam("now", clock.now(), sa.DateTime(timezone=True))
            )
        )
    (closed,) = (verdict for verdict in team.operations.why(campaign.id, TENANT).gates if not verdict.open)
    assert closed.words.startswith("a mail went to this address at ")


def test_what_returns_of_an_owner_with_very_many_campaigns_is_looked_at_once(sending: Sending) -> None:
    team, _ = sending
    keys = [(TENANT, create(team).id) for _ in range(5)]
    team.operations.suppressions.add(TENANT, OWNER)
    with team.services.begin() as tx:
        locked = campaigns.lock_many(tx, keys)
        standings = Counting(locked, messages.of_campaigns(tx, locked))
        addresses.lock(tx, [(TENANT, OWNER)])
        suppressions.remove(tx, suppressions.about(tx, [Subject(TENANT, Kind.ADDRESS, OWNER)]), why="test", by=None)
        assert suppressing.put_back(tx, standings, keys) == 5
    assert standings.asked == 1  # once for each of 20,000 took a minute
