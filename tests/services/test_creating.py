"""Creating campaigns: once per property, whatever comes in and however many come at once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel

from orchestrator import OutreachStatus, errors
from orchestrator.repository import OutreachRepository
from orchestrator.services.campaigns.creating import CHUNK
from orchestrator.services.looking import statistics
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, item, property_record


def test_the_same_property_gives_the_same_campaign_unchanged(repository: OutreachRepository) -> None:
    record = property_record()
    with facade(repository) as (orchestrator, _):
        first = orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL)
        changed = record | {"owner": {"name": "Somebody Else", "email": "else@owners.test"}}
        second = orchestrator.create_campaign(TENANT, changed, SCORE | {"score": 5}, "https://other.example.com/x")
        assert second == first
        assert orchestrator.get_campaign(first.id, TENANT) == first
        assert orchestrator.get_statistics(TENANT) == {"scheduled": 1}


def test_eight_threads_creating_one_property_get_one_campaign(repository: OutreachRepository) -> None:
    record = property_record()
    barrier = threading.Barrier(8)
    ids: list[str] = []

    def create() -> None:
        barrier.wait()
        ids.append(orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL).id)

    with facade(repository) as (orchestrator, _):
        threads = [threading.Thread(target=create) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ids) == 8
        assert len(set(ids)) == 1
        assert orchestrator.get_statistics(TENANT) == {"scheduled": 1}
        assert [event.event_type for event in orchestrator.get_events(ids[0], TENANT)] == ["scheduled"]


def test_eight_importers_of_the_same_rows_in_any_order_never_deadlock(repository: OutreachRepository) -> None:
    items = [item() for _ in range(40)]
    failures: list[BaseException] = []

    def load(rows: list[dict[str, Any]]) -> None:
        try:
            assert all(result.error is None for result in orchestrator.create_campaigns(TENANT, rows))
        except BaseException as error:  # a thread's failure must reach the test
            failures.append(error)

    with facade(repository) as (orchestrator, _):
        orders = [items[n:] + items[:n] if n % 2 else list(reversed(items[n:] + items[:n])) for n in range(8)]
        threads = [threading.Thread(target=load, args=(rows,)) for rows in orders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert orchestrator.get_statistics(TENANT) == {"scheduled": 40}


def test_tenants_do_not_see_each_other(repository: OutreachRepository) -> None:
    record = property_record()
    with facade(repository) as (orchestrator, _):
        ours = orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL)
        theirs = orchestrator.create_campaign(OTHER_TENANT, record, SCORE, MEMO_URL)
        assert ours.id != theirs.id
        assert orchestrator.get_campaign(ours.id, OTHER_TENANT) is None
        assert orchestrator.get_events(ours.id, OTHER_TENANT) == []
        assert orchestrator.get_campaigns_by_status("scheduled", OTHER_TENANT) == [theirs]
        with pytest.raises(ValueError, match=f"Campaign not found: {ours.id}"):
            orchestrator.send_campaign(ours.id, OTHER_TENANT)
        with pytest.raises(ValueError, match=f"Campaign not found: {ours.id}"):
            orchestrator.cancel_campaign(ours.id, OTHER_TENANT)


def test_many_items_give_one_result_each_in_order_and_bad_ones_stop_nothing(repository: OutreachRepository) -> None:
    good, again = item("one@owners.test"), item("two@owners.test")
    bad_score = item() | {"score_result": {"score": 101}}
    no_email = item()
    no_email["property_record"]["owner"]["email"] = " "
    items: list[Any] = [good, bad_score, again, no_email, "nonsense", dict(good), item(surprise=1)]
    with facade(repository) as (orchestrator, _):
        results = list(orchestrator.create_campaigns(TENANT, items))
        assert [result.index for result in results] == list(range(7))
        assert [result.created for result in results] == [True, False, True, False, False, False, False]
        assert results[0].campaign == results[5].campaign
        messages = {result.index: str(result.error) for result in results if result.error}
        assert "score must be between 0 and 100, got 101" in messages[1]
        assert "owner email is required" in messages[3]
        assert "must be a dict" in messages[4]
        assert "surprise" in messages[6]
        assert orchestrator.get_statistics(TENANT) == {"scheduled": 2}


def test_items_are_read_lazily_and_each_result_follows_its_commit(repository: OutreachRepository) -> None:
    read = 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal read
        while True:
            read += 1
            yield item(f"owner{read}@owners.test")

    with facade(repository) as (orchestrator, _):
        results = orchestrator.create_campaigns(TENANT, endless())
        assert read == 0
        first = next(results)
        assert read == CHUNK
        assert first.campaign is not None
        assert orchestrator.get_campaign(first.campaign.id, TENANT) == first.campaign
        assert orchestrator.get_statistics(TENANT) == {"scheduled": CHUNK}


class Owner(BaseModel):
    name: str
    email: str


class Record(BaseModel):
    id: uuid.UUID
    owner: Owner
    address: dict[str, str]
    listed_on: datetime


def test_pydantic_records_and_uuids_are_taken_and_ids_come_back_as_text(repository: OutreachRepository) -> None:
    plain = property_record()
    record = Record(
        id=uuid.UUID(plain["id"]),
        owner=Owner(**plain["owner"]),
        address=plain["address"],
        listed_on=datetime(2026, 1, 1, tzinfo=UTC),
    )
    with facade(repository) as (orchestrator, _):
        campaign = orchestrator.create_campaign(uuid.UUID(TENANT), record, SCORE, MEMO_URL)
        assert (campaign.tenant_id, campaign.property_id) == (TENANT, plain["id"])
        found = orchestrator.get_campaign(uuid.UUID(campaign.id), uuid.UUID(TENANT))
        assert found is not None
        assert found.property_record is not None
        assert found.property_record["listed_on"].startswith("2026-01-01")


@pytest.mark.parametrize(
    "when", [datetime(2027, 3, 1, 9, tzinfo=timezone(timedelta(hours=-5))), "2027-03-01T09:00:00-05:00"]
)
def test_a_schedule_with_a_zone_is_kept_as_utc(repository: OutreachRepository, when: datetime | str) -> None:
    with facade(repository) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL, when)
        assert campaign.scheduled_at == campaign.next_send_at == datetime(2027, 3, 1, 14, tzinfo=UTC)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("tenant", {"tenant_id": "tenant-uuid"}, "tenant_id"),
    ("property id", {"record": {"id": "42"}}, "property_record.id"),
    ("no owner", {"record": {"owner": None}}, "owner email is required"),
    ("no email", {"record": {"owner": {"name": "X", "email": ""}}}, "owner email is required"),
    ("bad email", {"record": {"owner": {"email": "nobody at home"}}}, "email"),
    ("two emails", {"record": {"owner": {"email": "a@b.test; c@d.test"}}}, "email"),
    ("score", {"score": {"score": 101}}, "score must be between 0 and 100, got 101"),
    ("script", {"memo_url": "javascript:alert(1)"}, "memo_url"),
    ("file", {"memo_url": "/memo.pdf"}, "memo_url"),
    ("naive time", {"scheduled_at": datetime(2027, 1, 1)}, "no time zone"),
    ("no time", {"scheduled_at": "next Tuesday"}, "is not a time"),
]


@pytest.mark.parametrize(("given", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_names_the_field_and_stores_nothing(
    repository: OutreachRepository, given: dict[str, Any], message: str
) -> None:
    record = property_record() | given.get("record", {})
    with facade(repository) as (orchestrator, _):
        with pytest.raises(ValueError, match=message) as caught:
            orchestrator.create_campaign(
                given.get("tenant_id", TENANT),
                record,
                given.get("score", SCORE),
                given.get("memo_url", MEMO_URL),
                given.get("scheduled_at"),
            )
        assert isinstance(caught.value, errors.ValidationError)
        assert caught.value.field
        assert orchestrator.get_statistics(TENANT) == {}


def test_an_unknown_status_lists_the_known_ones(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        with pytest.raises(ValueError, match="'asleep' is no status") as caught:
            orchestrator.get_campaigns_by_status("asleep", TENANT)
        assert "complained" in str(caught.value.fix)  # type: ignore[attr-defined]
        assert orchestrator.get_campaigns_by_status(OutreachStatus.SENT, TENANT, limit=10) == []


def test_a_suppressed_address_gives_a_suppressed_campaign_in_any_spelling(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        first = orchestrator.create_campaign(TENANT, property_record("jo.hn@gmail.com"), SCORE, MEMO_URL)
        waiting = orchestrator.create_campaign(TENANT, property_record("j.ohn+x@gmail.com"), SCORE, MEMO_URL)
        orchestrator.send_campaign(first.id, TENANT)
        orchestrator.handle_webhook(
            {"event": "spamreport", "campaign_id": first.id, "tenant_id": TENANT, "timestamp": 1}
        )
        later = orchestrator.create_campaign(TENANT, property_record("JOHN@googlemail.com"), SCORE, MEMO_URL)
        assert (later.status, later.next_send_at) == (OutreachStatus.SUPPRESSED, None)
        stopped = orchestrator.get_campaign(waiting.id, TENANT)
        assert stopped is not None
        assert (stopped.status, stopped.next_send_at) == (OutreachStatus.SUPPRESSED, None)
        assert orchestrator.send_campaign(later.id, TENANT)["status"] == "suppressed"
        elsewhere = orchestrator.create_campaign(OTHER_TENANT, property_record("john@gmail.com"), SCORE, MEMO_URL)
        assert elsewhere.status is OutreachStatus.SCHEDULED
        assert len(transport.sent) == 1
        assert orchestrator.get_statistics(TENANT) == statistics.recounted(orchestrator.services.read, TENANT)


def test_a_corrected_address_decides_whether_a_campaign_is_due(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        gone = orchestrator.create_campaign(TENANT, property_record("gone@owners.test"), SCORE, MEMO_URL)
        orchestrator.handle_webhook({"event": "bounce", "campaign_id": gone.id, "tenant_id": TENANT, "timestamp": 1})
        record = property_record("gone@owners.test")
        campaign = orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL)
        assert campaign.status is OutreachStatus.SUPPRESSED
        corrected = record | {"owner": {"email": "here@owners.test"}}
        revived = orchestrator.update_campaign(campaign.id, TENANT, property_record=corrected)
        assert (revived.status, revived.last_error) == (OutreachStatus.SCHEDULED, None)
        back = orchestrator.update_campaign(campaign.id, TENANT, property_record=record)
        assert (back.status, back.next_send_at) == (OutreachStatus.SUPPRESSED, None)
        orchestrator.update_campaign(campaign.id, TENANT, property_record=corrected)
        assert orchestrator.send_due() == {"sent": 1}
        assert [mail.to_email for mail in transport.sent] == ["here@owners.test"]
        assert orchestrator.get_statistics(TENANT) == statistics.recounted(orchestrator.services.read, TENANT)
