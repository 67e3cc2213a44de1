"""What people choose behind an opt-out link, and how they take it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestrator import OutreachCampaign, OutreachOrchestrator
from orchestrator.clock import ManualClock
from orchestrator.repository import OutreachRepository
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, property_record

OWNER = "owner@owners.test"


@pytest.fixture
def repository(dsn: str, manual_clock: ManualClock) -> Iterator[OutreachRepository]:
    """A repository whose clock stands still."""
    opened = OutreachRepository(dsn, clock=manual_clock)
    yield opened
    opened.close()


@pytest.fixture
def team(repository: OutreachRepository, manual_clock: ManualClock) -> Iterator[OutreachOrchestrator]:
    with facade(repository, clock=manual_clock, base_url="https://go.sender.test", address_gap=0) as (orchestrator, _):
        yield orchestrator


def create(team: OutreachOrchestrator, email: str = OWNER) -> OutreachCampaign:
    return team.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)


def mailed(team: OutreachOrchestrator, email: str = OWNER) -> tuple[OutreachCampaign, str]:
    """Return a campaign that was sent, and the token of its link."""
    campaign = create(team, email)
    team.send_campaign(campaign.id, TENANT)
    link = team.services.transport.sent[-1].headers["List-Unsubscribe"].split(">")[0]  # type: ignore[attr-defined]
    return campaign, link.rsplit("/", 1)[1]


def status(team: OutreachOrchestrator, campaign: OutreachCampaign) -> str:
    stored = team.get_campaign(campaign.id, TENANT)
    assert stored is not None
    return str(stored.status)


@pytest.mark.parametrize(
    ("choice", "others", "reason"),
    [
        (None, "suppressed", "unsubscribe"),
        ("all", "suppressed", "unsubscribe"),
        ("anything else", "suppressed", "unsubscribe"),
        ("wrong_person", "suppressed", "wrong_person"),
        ("property", "scheduled", "unsubscribe"),
        ("sold", "scheduled", "sold"),
    ],
)
def test_each_choice_stops_what_it_says(
    team: OutreachOrchestrator, choice: str | None, others: str, reason: str
) -> None:
    told: list[dict[str, str]] = []
    team.subscribe("event.outreach.unsubscribed", lambda event: told.append(event["data"]))
    campaign, token = mailed(team)
    waiting = create(team)
    assert team.unsubscribe(token, choice)
    assert team.unsubscribe(token, choice)
    assert (status(team, campaign), status(team, waiting)) == ("unsubscribed", others)
    found = team.operations.suppressions.check(TENANT, OWNER, campaign.property_id)
    assert [str(entry.reason) for entry in found.entries] == [reason]
    scope = "address" if others == "suppressed" else "property"
    assert [(data["scope"], data["reason"]) for data in told] == [(scope, reason)]
    history = [event for event in team.get_events(campaign.id, TENANT) if event.event_type == "unsubscribed"]
    assert [event.event_data["reason"] for event in history] == [reason]


@pytest.mark.parametrize("choice", ["all", "property", "sold", "wrong_person"])
def test_a_choice_can_be_undone_and_made_again(team: OutreachOrchestrator, choice: str) -> None:
    told: list[str] = []
    team.subscribe("*", lambda event: told.append(event["type"].rsplit(".", 1)[1]))
    campaign, token = mailed(team)
    waiting = create(team)
    for _ in range(3):
        assert team.unsubscribe(token, choice)
        assert status(team, campaign) == "unsubscribed"
        assert team.undo_unsubscribe(token)
        assert (status(team, campaign), status(team, waiting)) == ("sent", "scheduled")
        assert team.operations.suppressions.check(TENANT, OWNER, campaign.property_id).allowed
    assert told.count("unsubscribed") == told.count("resubscribed") == 3
    kinds = [event.event_type for event in team.get_events(campaign.id, TENANT)]
    assert (kinds.count("unsubscribed"), kinds.count("opt_out_undone")) == (3, 3)
    assert team.get_statistics(TENANT) == {"sent": 1, "scheduled": 1}
    assert team.unsubscribe(token, choice)
    assert status(team, campaign) == "unsubscribed"


def test_undo_works_for_ten_minutes(team: OutreachOrchestrator, manual_clock: ManualClock) -> None:
    campaign, token = mailed(team)
    team.unsubscribe(token, "all")
    manual_clock.advance(timedelta(seconds=601))
    assert team.undo_unsubscribe(token)
    assert status(team, campaign) == "unsubscribed"


def test_undo_takes_back_the_page_and_nothing_else(team: OutreachOrchestrator) -> None:
    campaign, token = mailed(team)
    other, its_token = mailed(team)
    waiting = create(team)
    team.unsubscribe(token)  # the mail program's button
    team.unsubscribe(token, "all")
    team.undo_unsubscribe(token)
    assert (status(team, campaign), status(team, waiting)) == ("unsubscribed", "suppressed")
    team.unsubscribe(its_token, "all")
    team.undo_unsubscribe(its_token)
    assert (status(team, other), status(team, waiting)) == ("sent", "suppressed")
    assert not team.operations.suppressions.check(TENANT, OWNER).allowed


def test_what_was_suppressed_for_something_else_stays(team: OutreachOrchestrator) -> None:
    campaign, token = mailed(team)
    waiting = create(team)
    team.unsubscribe(token, "wrong_person")
    team.handle_webhook({"event": "spamreport", "campaign_id": campaign.id, "tenant_id": TENANT})
    team.undo_unsubscribe(token)
    assert (status(team, campaign), status(team, waiting)) == ("complained", "suppressed")
    assert [str(e.reason) for e in team.operations.suppressions.check(TENANT, OWNER).entries] == ["complaint"]


def test_who_stops_a_property_first_and_everything_then_is_heard_twice(team: OutreachOrchestrator) -> None:
    told: list[str] = []
    team.subscribe("event.outreach.unsubscribed", lambda event: told.append(event["data"]["scope"]))
    _, token = mailed(team)
    waiting = create(team)
    team.unsubscribe(token, "property")
    team.unsubscribe(token, "all")
    assert (told, status(team, waiting)) == (["property", "address"], "suppressed")


def test_a_token_of_another_tenant_or_of_nobody_changes_nothing(team: OutreachOrchestrator) -> None:
    campaign, token = mailed(team)
    sign = team.services.secrets.signer.sign
    message = team.get_events(campaign.id, TENANT)[-1].message_id or campaign.id
    forged = [
        sign("unsubscribe", (OTHER_TENANT, campaign.id, message)),
        sign("reply", (TENANT, campaign.id, message)),
        ("A" if token[0] != "A" else "B") + token[1:],
        token.swapcase(),
        "preview",
        "",
    ]
    for one in forged:
        assert not team.unsubscribe(one)
        assert not team.unsubscribe(one, "all")
        assert not team.undo_unsubscribe(one)
    assert status(team, campaign) == "sent"
    assert team.operations.suppressions.list_(TENANT) == team.operations.suppressions.list_(OTHER_TENANT) == ()


def test_without_a_public_address_opting_out_is_by_mail_and_that_is_said_once(
    repository: OutreachRepository, caplog: pytest.LogCaptureFixture
) -> None:
    with facade(repository, address_gap=0) as (orchestrator, transport):
        for n in range(3):
            orchestrator.create_campaign(TENANT, property_record(f"owner{n}@owners.test"), SCORE, MEMO_URL)
        orchestrator.send_due()
        assert [set(mail.headers) & {"List-Unsubscribe-Post"} for mail in transport.sent] == [set()] * 3
        assert all(mail.headers["List-Unsubscribe"].startswith("<mailto:") for mail in transport.sent)
    assert caplog.text.count("OUTREACH_BASE_URL") == 1


@pytest.mark.parametrize("choice", [None, "all", "wrong_person", "property"])
def test_who_agreed_again_can_opt_out_again_by_the_same_link(team: OutreachOrchestrator, choice: str | None) -> None:
    campaign, token = mailed(team)
    lists = team.operations.suppressions
    what = campaign.property_id if choice == "property" else OWNER
    for _ in range(3):
        team.unsubscribe(token, choice)
        team.unsubscribe(token, choice)
        assert not lists.check(TENANT, OWNER, campaign.property_id).allowed
        lists.remove(TENANT, what, consent=True, why="agreed again by telephone")
        assert lists.check(TENANT, OWNER, campaign.property_id).allowed
    told = [event.event_type for event in team.get_events(campaign.id, TENANT)]
    assert told.count("unsubscribed") == 3


def test_after_agreeing_again_a_choice_can_still_be_undone(
    team: OutreachOrchestrator, manual_clock: ManualClock
) -> None:
    _, token = mailed(team)
    lists = team.operations.suppressions
    team.unsubscribe(token)
    manual_clock.advance(timedelta(days=1))
    lists.remove(TENANT, OWNER, consent=True, why="agreed again by telephone")
    manual_clock.advance(timedelta(days=1))
    team.unsubscribe(token, "all")
    team.undo_unsubscribe(token)
    assert lists.check(TENANT, OWNER).allowed
