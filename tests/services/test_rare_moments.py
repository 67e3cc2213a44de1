"""Moments that hardly ever come, and must do no harm when they do: outages, corrections, pauses between two steps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestrator import OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.message import Accepted, MessageState, NotSent, Outcome, OutgoingMail
from orchestrator.repository import OutreachRepository, accounts, campaigns, messages
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, item, property_record

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
