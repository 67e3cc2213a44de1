"""Looking through campaigns and figures: what people see is what is stored, page by page and day by day."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator import OutreachCampaign, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.message import Accepted, Outcome, OutgoingMail, Unknown
from orchestrator.repository import OutreachRepository, browse
from orchestrator.services.looking import figures
from tests.samples import OTHER_TENANT, TENANT, facade, item, property_record


@pytest.fixture
def clocked(dsn: str, manual_clock: ManualClock):
    repository = OutreachRepository(dsn, clock=manual_clock)
    yield repository
    repository.close()


def test_a_list_is_read_page_by_page_and_back(repository: OutreachRepository):
    with facade(repository) as (orchestrator, _):
        items = (item(f"owner{n}@owners.test") for n in range(7))
        made = [one.campaign.id for one in orchestrator.create_campaigns(TENANT, items) if one.campaign][::-1]
        orchestrator.create_campaign(OTHER_TENANT, **item())
        first = orchestrator.desk.campaigns(TENANT, limit=3)
        second = orchestrator.desk.campaigns(TENANT, limit=3, before=first.older)
        third = orchestrator.desk.campaigns(TENANT, limit=3, before=second.older)
        back = orchestrator.desk.campaigns(TENANT, limit=3, after=third.newer)
        start = orchestrator.desk.campaigns(TENANT, limit=3, after=back.newer)
    pages = [[row.id for row in page.campaigns] for page in (first, second, third, back, start)]
    assert pages == [made[:3], made[3:6], made[6:], made[3:6], made[:3]]
    assert (first.newer, third.older, start.newer) == (None, None, None)


def test_whoever_walks_through_a_list_that_moves_meets_everybody_who_stays_once(repository: OutreachRepository):
    chance = random.Random(5)
    with facade(repository) as (orchestrator, _):
        product, desk = orchestrator, orchestrator.desk
        made = [product.create_campaign(TENANT, **item(f"o{n}@owners.test")).id for n in range(40)]
        moving = made[::3]

        def stir() -> None:
            product.create_campaign(TENANT, **item("new@owners.test"))
            one = moving.pop(chance.randrange(len(moving))) if moving else None
            if one is not None:
                product.cancel_campaign(one, TENANT)

        def walk(direction: str, place: str | None) -> list[str]:
            seen: list[str] = []
            for _ in range(40):
                page = desk.campaigns(TENANT, "status:scheduled", limit=4, **{direction: place})
                ids = [row.id for row in page.campaigns]
                assert ids == sorted(ids, reverse=True)
                seen += ids if direction == "before" else ids[::-1]
                place = page.older if direction == "before" else page.newer
                stir()
                if place is None:
                    break
            return seen

        there, back = walk("before", None), walk("after", made[0])
        stayed = {row.id for row in desk.campaigns(TENANT, "status:scheduled", limit=500).campaigns} & set(made)
        for seen in (there, back):
            assert len(seen) == len(set(seen))
        assert stayed <= {*there, made[0]}
        assert stayed <= {*back, made[0]}
        newest = max(there + back)
        assert desk.campaigns(TENANT, "status:scheduled", after=newest).campaigns != []
        top = desk.campaigns(TENANT, "is:held", after=newest)
        assert (top.campaigns, top.newer) == ([], None)


def test_a_search_finds_what_it_says(repository: OutreachRepository):
    def answer(mail: OutgoingMail) -> Outcome:
        return Unknown("lost") if mail.to_email.startswith("doubt") else Accepted("x1")

    owners = ("ann@gmail.com", "bob@owners.test", "doubt@owners.test", "held@owners.test")
    with facade(repository, answer) as (orchestrator, _):
        ids: dict[str, str] = {}
        for number, owner in enumerate(owners):
            record = property_record(owner, number=number)
            batch = "spring" if number < 2 else None
            campaign = orchestrator.create_campaign(TENANT, **item(property_record=record, batch=batch))
            ids[campaign.id] = owner.split("@")[0]
        held = next(id_ for id_, owner in ids.items() if owner == "held")
        orchestrator.hold_campaign(held, TENANT, "look at it")
        orchestrator.send_due()

        def found(typed: str) -> set[str]:
            assert orchestrator.desk.count_campaigns(TENANT, typed) == len(
                orchestrator.desk.campaigns(TENANT, typed).campaigns
            )
            return {ids[row.id] for row in orchestrator.desk.campaigns(TENANT, typed).campaigns}

        assert found("") == {"ann", "bob", "doubt", "held"}
        assert found("status:sent") == {"ann", "bob"}
        assert found("status:sent owner:@gmail.com") == {"ann"}
        assert found("owner:A.N.N+tag@googlemail.com") == {"ann"}
        assert found("batch:spring") == {"ann", "bob"}
        assert found("is:held") == {"held"}
        assert found("is:doubt") == {"doubt"}
        assert found("2 maple") == {"doubt"}
        assert found("100%") == set()
        assert found(held) == {"held"}
        assert found("state:oh is:held") == {"held"}
        assert found("state:TX") == set()


NAMES = ("JOSÉ MÜLLER", "José Müller", "100% Legal_LLC", "O'Hara \\ Sons /", "İpek Σίσυφος", "Weiß 😀", "smith")
TYPED = (
    "müller", "MÜLLER", "é", "100%", "%", "_", "/", "\\", "o'hara", "'; DROP TABLE", "σίσυφος", "😀", "maple", "nobody",
    "status:scheduled", "status:bounced", "status:opened", "owner:@gmail.com", "owner:@googlemail.com",
    "owner:@mail.com", "owner:N0@gmail.com", "owner:@MÜNCHEN.test", 'batch:"a ""b"" %"', "batch:A", "batch:a",
    "is:held", "is:opened", "is:sent", "is:delivered", "is:machine", "is:due", "is:bounced", "is:answered",
)  # fmt: skip


def _is_meant(one: OutreachCampaign, typed: str) -> bool:
    """Whether a campaign is meant by one word or qualifier, by reading it as a person does."""
    name, _, value = typed.rpartition(":")
    stamps = {"opened": one.opened_at, "sent": one.sent_at, "bounced": one.bounced_at, "answered": one.responded_at}
    if name == "status":
        return one.status == value
    if name == "batch":
        return one.batch == {'"a ""b"" %"': 'a "b" %'}.get(value, value)
    if name == "owner":
        mailbox, _, domain = one.owner_email.rpartition("@")
        asked, _, of = value.lower().replace("googlemail", "gmail").replace("münchen", "xn--mnchen-3ya").rpartition("@")
        return domain.replace("googlemail", "gmail") == of and asked in ("", mailbox)
    if name == "is":
        returned = one.bounced_at and not one.responded_at
        arrived = one.opened_at or one.delivered_at or one.responded_at
        other = {"held": one.hold_reason, "due": one.next_send_at, "delivered": arrived and not returned}
        other["machine"] = one.machine_opened_at and not one.opened_at
        return bool({**stamps, **other}[value])
    return any(typed.casefold() in part.casefold() for part in (one.owner_name or "", one.owner_email, one.subject))


def test_whatever_is_combined_finds_what_reading_all_campaigns_does(repository: OutreachRepository):
    chance = random.Random(7)
    reports = ([], ["delivered"], ["open"], ["delivered", "bounce"], ["machine"])
    with facade(repository) as (orchestrator, _):
        for number in range(30):
            domain = chance.choice(("gmail.com", "googlemail.com", "owners.test", "xn--mnchen-3ya.test", "hotmail.com"))
            record = property_record(f"n{number}@{domain}", number=number)
            record["owner"]["name"] = NAMES[number % len(NAMES)]
            batch = chance.choice((None, 'a "b" %', "A", "a"))
            one = orchestrator.create_campaign(TENANT, **item(property_record=record, batch=batch))
            if number % 5 == 4:
                orchestrator.hold_campaign(one.id, TENANT, "look")
            for report in chance.choice(reports) if number % 3 else []:
                more = {"event": "open", "sg_machine_open": True} if report == "machine" else {"event": report}
                orchestrator.handle_webhook({**more, "tenant_id": TENANT, "campaign_id": one.id})
            if number % 11 == 3:
                orchestrator.record_reply(one.id, TENANT, "Yes please, call me")
        everything = [
            orchestrator.get_campaign(row.id, TENANT) for row in orchestrator.desk.campaigns(TENANT).campaigns
        ]
        some = [chance.choices(TYPED, k=2) for _ in range(40)]
        for asked in [[one] for one in TYPED] + [two for two in some if not _contradicts(two)]:
            found = orchestrator.desk.campaigns(TENANT, " ".join(asked))
            assert found.search.problems == ()
            meant = [one.id for one in everything if one and all(_is_meant(one, typed) for typed in asked)]
            assert [row.id for row in found.campaigns] == meant, asked
            assert orchestrator.desk.count_campaigns(TENANT, " ".join(asked)) == len(meant)


def _contradicts(asked: Sequence[str]) -> bool:
    return asked[0].partition(":")[0] == asked[1].partition(":")[0] != "is" and ":" in asked[0]


def test_what_no_index_knows_is_looked_for_a_window_at_a_time(
    repository: OutreachRepository, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(browse, "WINDOW", 4)
    with facade(repository) as (orchestrator, _):
        desk = orchestrator.desk
        made = [
            orchestrator.create_campaign(
                TENANT, **item("ann@rare.test" if number == 0 else f"o{number}@owners.test")
            ).id
            for number in range(10)
        ]
        first = desk.campaigns(TENANT, "owner:@rare.test")
        second = desk.campaigns(TENANT, "owner:@rare.test", before=first.older)
        third = desk.campaigns(TENANT, "owner:@rare.test", before=second.older)
        pages = [[row.id for row in page.campaigns] for page in (first, second, third)]
        assert pages == [[], [], [made[0]]]
        assert [page.looked_at for page in (first, second, third)] == [4, 4, None]
        assert desk.count_campaigns(TENANT, "owners.test") == 4
        assert desk.campaigns(TENANT, "status:scheduled").looked_at is None
        everything, place = [], None
        while place or not everything:
            page = desk.campaigns(TENANT, "owners.test", limit=3, before=place)
            everything += [row.id for row in page.campaigns]
            place = page.older
        assert everything == made[:0:-1]


def test_a_line_of_the_list_tells_the_address_and_the_doubt(repository: OutreachRepository):
    with facade(repository, lambda _: Unknown("lost")) as (orchestrator, _):
        orchestrator.create_campaign(TENANT, **item())
        orchestrator.send_due()
        (row,) = orchestrator.desk.campaigns(TENANT).campaigns
    assert (row.line1, row.city, row.state, row.zip) == ("114 Maple Street", "Dayton", "OH", "45402")
    assert row.in_doubt


def test_imports_are_listed_with_how_they_stand(repository: OutreachRepository):
    with facade(repository) as (orchestrator, _):
        for batch, n in (("autumn", 1), ("spring", 3)):
            for number in range(n):
                orchestrator.create_campaign(TENANT, **item(f"{batch}{number}@owners.test", batch=batch))
        orchestrator.create_campaign(TENANT, **item("none@owners.test"))
        orchestrator.operations.hold_batch(TENANT, "autumn", "not yet")
        orchestrator.send_due()
        told = [
            (b.label, b.campaigns, dict(b.statuses), b.held) for b in orchestrator.desk.imports.page(TENANT).batches
        ]
        (last,) = orchestrator.desk.imports.page(TENANT, before="spring").batches
    assert told == [("spring", 3, {"sent": 3}, 0), ("autumn", 1, {"scheduled": 1}, 1)]
    assert last.label == "autumn"


def test_a_dossier_holds_history_and_attempts(repository: OutreachRepository):
    with facade(repository) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, **item())
        orchestrator.send_campaign(campaign.id, TENANT)
        dossier = orchestrator.desk.campaign(TENANT, campaign.id)
        with pytest.raises(errors.CampaignNotFound):
            orchestrator.desk.campaign(OTHER_TENANT, campaign.id)
    assert [event.event_type for event in dossier.events] == ["scheduled", "sent"]
    assert [attempt.state for attempt in dossier.attempts] == ["accepted"]


def test_days_are_those_of_the_tenants_clock(clocked: OutreachRepository, manual_clock: ManualClock):
    # 03:30 UTC is the evening before in New York, and the morning in Kathmandu, which is 5:45 ahead.
    manual_clock.advance(datetime(2026, 11, 20, 3, 30, tzinfo=UTC) - manual_clock.now())
    with facade(clocked) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, **item())
        orchestrator.send_campaign(campaign.id, TENANT)
        manual_clock.advance(timedelta(hours=2))
        ids = {"tenant_id": TENANT, "campaign_id": campaign.id}
        at = int(manual_clock.now().timestamp())
        orchestrator.handle_webhook({"event": "delivered", "timestamp": at, **ids})
        told: dict[str, Any] = {}
        for zone in ("America/New_York", "Asia/Kathmandu"):
            orchestrator.desk.describe_tenant(TENANT, name="Acme", time_zone=zone)
            told[zone] = _days(_counted(orchestrator))
    assert told["America/New_York"] == {
        "event": {"2026-11-19": {"sent": 1}, "2026-11-20": {"delivered": 1}},
        "send": {"2026-11-19": {"sent": 1, "delivered": 1}},
    }
    assert told["Asia/Kathmandu"] == {
        "event": {"2026-11-20": {"sent": 1, "delivered": 1}},
        "send": {"2026-11-20": {"sent": 1, "delivered": 1}},
    }


def _counted(orchestrator: Any) -> Any:
    return figures.count(orchestrator.services.read, TENANT, 30)


def _days(found: Any) -> dict[str, Any]:
    def told(days: Any) -> dict[str, Any]:
        return {
            day.day.isoformat(): {kind: n for kind, n in day.counts.items() if n}
            for day in days
            if any(day.counts.values())
        }

    return {"event": told(found.by_event_day), "send": told(found.by_send_day)}


def test_tenants_are_listed_by_name(repository: OutreachRepository):
    with facade(repository) as (orchestrator, _):
        orchestrator.create_campaign(TENANT, **item())
        orchestrator.desk.describe_tenant(OTHER_TENANT, name="Zebra", time_zone="UTC")
        told = [(tenant.tenant_id, tenant.name) for tenant in orchestrator.desk.tenants()]
        with pytest.raises(errors.ValidationError, match="there is no time zone 'Mars/Base'"):
            orchestrator.desk.describe_tenant(TENANT, time_zone="Mars/Base")
    assert told == [(OTHER_TENANT, "Zebra"), (TENANT, None)]
