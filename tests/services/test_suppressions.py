"""The suppression list: what stops mail, for how long, and how it is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestrator import OutreachCampaign, OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.repository import OutreachRepository
from orchestrator.transports.fake import FakeTransport
from tests import samples
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, property_record

OWNER = "Olga.Owner+home@gmail.com"
SAME = "olgaowner@googlemail.com"


@pytest.fixture
def repository(dsn: str, manual_clock: ManualClock) -> Iterator[OutreachRepository]:
    """A repository whose clock stands still."""
    opened = OutreachRepository(dsn, clock=manual_clock)
    yield opened
    opened.close()


@pytest.fixture
def team(
    repository: OutreachRepository, manual_clock: ManualClock
) -> Iterator[tuple[OutreachOrchestrator, FakeTransport]]:
    with facade(repository, clock=manual_clock) as (orchestrator, transport):
        yield orchestrator, transport


def create(orchestrator: OutreachOrchestrator, email: str = OWNER, tenant: str = TENANT) -> OutreachCampaign:
    return orchestrator.create_campaign(tenant, property_record(email), SCORE, MEMO_URL)


def status(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> str:
    stored = orchestrator.get_campaign(campaign.id, campaign.tenant_id)
    assert stored is not None
    return str(stored.status)


def what(kind: str, campaign: OutreachCampaign) -> str:
    return {"address": SAME, "domain": "@Googlemail.com.", "property": campaign.property_id}[kind].rstrip(".")


@pytest.mark.parametrize("kind", ["address", "domain", "property"])
def test_an_entry_takes_what_is_scheduled_off_the_queue_and_its_removal_puts_it_back(
    team: tuple[OutreachOrchestrator, FakeTransport], kind: str
) -> None:
    orchestrator, transport = team
    campaign, stranger = create(orchestrator), create(orchestrator, "other@owners.test")
    list_ = orchestrator.operations.suppressions
    added = list_.add(TENANT, what(kind, campaign), reason="manual", source="a phone call")
    assert (added.new, added.stopped, status(orchestrator, campaign)) == (True, 1, "suppressed")
    assert not list_.add(TENANT, what(kind, campaign), reason="manual", source="a phone call").new
    assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "suppressed"
    assert orchestrator.send_due()["sent"] == 1
    assert [mail.campaign_id for mail in transport.sent] == [stranger.id]
    assert list_.remove(TENANT, what(kind, campaign)).returned == 1
    assert orchestrator.send_due()["sent"] == 1
    assert status(orchestrator, campaign) == "sent"


@pytest.mark.parametrize("kind", ["address", "domain", "property"])
def test_a_campaign_that_comes_later_is_suppressed_also_among_many(
    team: tuple[OutreachOrchestrator, FakeTransport], kind: str
) -> None:
    orchestrator, _ = team
    known = create(orchestrator)
    orchestrator.operations.suppressions.add(TENANT, what(kind, known))
    items = [samples.item(f"owner{n}@owners.test") for n in range(300)]
    about = property_record(OWNER, id_=known.property_id if kind == "property" else None)
    items.append({**samples.item(), "property_record": about})
    results = [result.campaign for result in orchestrator.create_campaigns(TENANT, items)]
    suppressed = [c for c in results if c is not None and c.status is OutreachStatus.SUPPRESSED]
    assert [c.property_id for c in suppressed] == [about["id"]]
    elsewhere = orchestrator.create_campaign(OTHER_TENANT, about, SCORE, MEMO_URL)
    assert elsewhere.status is OutreachStatus.SCHEDULED


def test_what_is_claimed_before_an_entry_does_not_leave_after_it(
    team: tuple[OutreachOrchestrator, FakeTransport],
) -> None:
    from orchestrator.services.sending import batch

    orchestrator, _ = team
    campaigns = [create(orchestrator, f"{n}@owners.test") for n in range(3)]
    with orchestrator.services.begin() as tx:
        claims = batch.claim_due(tx, 10, None).claims
    mails = [(claim, orchestrator.services.composer.compose(claim.campaign, claim.message.id)) for claim in claims]
    from orchestrator.repository import suppressions
    from orchestrator.services.owners.suppression import subject
    from orchestrator.services.recording import suppressing

    with orchestrator.services.begin() as tx:  # as somebody who is still at work on the domain's campaigns
        entry = suppressing.entry(subject(TENANT, "owners.test"), samples.MANUAL, "test", tx.now())
        suppressions.add(tx, [entry])
    with orchestrator.services.begin() as tx:
        answers = batch.hand(tx, mails, "account")
    assert {answer.status for answer in answers.values()} == {"suppressed"}
    assert {status(orchestrator, campaign) for campaign in campaigns} == {"suppressed"}


def test_a_campaign_returns_only_when_nothing_else_stops_it(team: tuple[OutreachOrchestrator, FakeTransport]) -> None:
    orchestrator, _ = team
    campaign, list_ = create(orchestrator), orchestrator.operations.suppressions
    list_.add(TENANT, OWNER, reason="bounce", source="one list")
    list_.add(TENANT, OWNER, reason="manual", source="another")
    list_.add(TENANT, "gmail.com")
    assert list_.remove(TENANT, OWNER, reason="manual").returned == 0
    assert [str(e.reason) for e in list_.check(TENANT, SAME).entries] == ["manual", "bounce"]
    assert list_.remove(TENANT, "gmail.com").returned == 0
    assert list_.remove(TENANT, OWNER).returned == 1
    assert status(orchestrator, campaign) == "scheduled"
    found = list_.check(TENANT, SAME)
    assert found.allowed
    assert [str(one.reason) for one in found.lifted] == ["manual", "bounce", "manual"]


def test_the_owners_word_is_taken_back_by_the_owner_alone_and_a_complaint_never(
    team: tuple[OutreachOrchestrator, FakeTransport],
) -> None:
    orchestrator, _ = team
    list_ = orchestrator.operations.suppressions
    list_.add(TENANT, OWNER, reason="unsubscribe")
    with pytest.raises(errors.SuppressionStays, match="only the owner"):
        list_.remove(TENANT, OWNER, why="the boss wants it")
    with pytest.raises(errors.ValidationError, match="why"):
        list_.remove(TENANT, OWNER, consent=True)
    assert list_.remove(TENANT, OWNER, consent=True, why="wrote to us on 1 May", by="Ann").entries
    (lifted,) = list_.check(TENANT, OWNER).lifted
    assert (lifted.why, lifted.lifted_by) == ("wrote to us on 1 May", "Ann")
    list_.add(TENANT, OWNER, reason="complaint")
    with pytest.raises(errors.SuppressionStays, match="complaint"):
        list_.remove(TENANT, OWNER, consent=True, why="says it was a mistake")
    assert not list_.check(TENANT, OWNER).allowed


def test_a_suppression_survives_another_import_of_the_same_owner(
    team: tuple[OutreachOrchestrator, FakeTransport],
) -> None:
    orchestrator, transport = team
    item = samples.item(OWNER)
    list(orchestrator.create_campaigns(TENANT, [item]))
    orchestrator.operations.suppressions.add(TENANT, OWNER, reason="unsubscribe")
    for again in (item, samples.item(SAME), samples.item(OWNER.upper())):
        (result,) = orchestrator.create_campaigns(TENANT, [again])
        assert result.campaign is not None
        assert result.campaign.status is OutreachStatus.SUPPRESSED
    assert orchestrator.send_due().get("sent", 0) == 0
    assert transport.sent == []


def expire(orchestrator: OutreachOrchestrator, clock: ManualClock, word: str = "expired") -> OutreachCampaign:
    """Send one mail more to the owner and let SendGrid report what became of it."""
    campaign = create(orchestrator)
    clock.advance(timedelta(days=4))
    orchestrator.send_campaign(campaign.id, TENANT)
    event = {"event": "bounce", "type": word} if word != "delivered" else {"event": word}
    orchestrator.handle_webhook(
        {**event, "campaign_id": campaign.id, "tenant_id": TENANT, "timestamp": int(clock.now().timestamp())}
    )
    return campaign


def test_three_soft_bounces_in_a_row_stop_an_address_for_ninety_days(
    team: tuple[OutreachOrchestrator, FakeTransport], manual_clock: ManualClock
) -> None:
    orchestrator, _ = team
    list_ = orchestrator.operations.suppressions
    for word in ("expired", "expired", "delivered", "expired", "blocked", "expired", "blocked"):
        expire(orchestrator, manual_clock, word)
        assert list_.check(TENANT, OWNER).allowed
    expire(orchestrator, manual_clock)
    (entry,) = list_.check(TENANT, OWNER).entries
    assert (str(entry.reason), entry.ends_at) == ("soft_bounces", manual_clock.now() + timedelta(days=90))
    waiting = create(orchestrator)
    assert waiting.status is OutreachStatus.SUPPRESSED
    manual_clock.advance(timedelta(days=89))
    orchestrator.operations.maintain()
    assert status(orchestrator, waiting) == "suppressed"
    manual_clock.advance(timedelta(days=2))
    assert create(orchestrator).status is OutreachStatus.SCHEDULED  # before anybody has cleaned up
    assert orchestrator.operations.maintain()["unsuppressed"] == 1
    assert status(orchestrator, waiting) == "scheduled"
    expire(orchestrator, manual_clock)
    assert list_.check(TENANT, OWNER).allowed  # counting began anew


def test_the_list_is_read_page_by_page_and_each_tenant_has_its_own(
    team: tuple[OutreachOrchestrator, FakeTransport],
) -> None:
    orchestrator, _ = team
    list_ = orchestrator.operations.suppressions
    for n in range(7):
        list_.add(TENANT, f"owner{n}@owners.test", reason="bounce")
    list_.add(TENANT, "owners.test")
    list_.add(OTHER_TENANT, "theirs@owners.test")
    found, page = [], None
    while page is None or page:
        page = list_.list_(TENANT, limit=3, after=found[-1] if found else None)
        found += page
    assert len(found) == len({e.value for e in found}) == 8
    assert {e.value for e in list_.list_(TENANT, kind="domain")} == {"owners.test"}
    assert len(list_.list_(TENANT, reason="bounce")) == 7


@pytest.mark.parametrize(
    "value", ["", "not an address", "a@b", "@", "x@@y.test", "two@a.test, b@c.test", "\ud800@a.test", None, 7]
)
def test_what_names_nothing_is_refused(team: tuple[OutreachOrchestrator, FakeTransport], value: str) -> None:
    with pytest.raises(errors.ValidationError):
        team[0].operations.suppressions.add(TENANT, value)
