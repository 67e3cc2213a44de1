"""Creating very many campaigns: in order, each once, with nothing left behind however the caller stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator import OutreachStatus
from orchestrator.domain.events import SuppressionReason
from orchestrator.repository import OutreachRepository, arrivals, campaigns
from orchestrator.services.campaigns import creating
from orchestrator.services.looking import statistics
from tests import samples
from tests.samples import OTHER_TENANT, TENANT, facade, item

SEVERAL_CHUNKS = creating.CHUNK * 3 + 7
#: What COPY, JSON, CSV or SQL could each take for something else.
ODD = 'tab\there, new\nline, return\r, back\\slash, \\N, \\., quote \', "double", {json}, nul\x00, é, 漢, 😀'


def writers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("outreach-create")]


def test_results_come_in_order_over_many_chunks_and_are_what_is_stored(repository: OutreachRepository) -> None:
    items: list[Any] = [item(f"owner{n}@owners.test") for n in range(SEVERAL_CHUNKS)]
    items[creating.CHUNK + 3] = "nonsense"
    items[-1] = dict(items[0])
    with facade(repository) as (orchestrator, _):
        results = list(orchestrator.create_campaigns(TENANT, iter(items)))
        assert [result.index for result in results] == list(range(SEVERAL_CHUNKS))
        assert [result.index for result in results if result.error] == [creating.CHUNK + 3]
        assert results[-1].campaign == results[0].campaign
        assert not results[-1].created
        made = {(TENANT, result.campaign.id): result.campaign for result in results if result.campaign}
        with repository.reading() as tx:
            assert campaigns.get_many(tx, made) == made
        assert orchestrator.get_statistics(TENANT) == {"scheduled": SEVERAL_CHUNKS - 2}
        last = results[-2].campaign
        assert last is not None
        assert [event.event_type for event in orchestrator.get_events(last.id, TENANT)] == ["scheduled"]
    assert writers() == []


def test_an_import_that_runs_again_adds_only_what_is_missing(repository: OutreachRepository) -> None:
    items = [item(f"owner{n}@owners.test") for n in range(300)]
    with facade(repository) as (orchestrator, _):
        first = list(orchestrator.create_campaigns(TENANT, items[::2]))
        again = list(orchestrator.create_campaigns(TENANT, items))
        assert [result.created for result in again] == [False, True] * 150
        assert [result.campaign for result in again[::2]] == [result.campaign for result in first]
        assert not any(result.created for result in orchestrator.create_campaigns(TENANT, items))
        assert orchestrator.get_statistics(TENANT) == statistics.recounted(orchestrator.services.read, TENANT)
        assert all(result.created for result in orchestrator.create_campaigns(OTHER_TENANT, items))


def test_what_another_importer_stores_meanwhile_is_found_not_doubled(repository: OutreachRepository) -> None:
    """The other one commits between our look at what is known and our insert."""
    items = [item(f"owner{n}@owners.test") for n in range(100)]
    stored = [result.campaign for result in creating.create_many(repository.transaction, TENANT, items[40:60])]
    drafted = [creating.draft(one) for one in items]
    with repository.transaction() as tx:
        now = tx.now()
        at_once = arrivals.Place(OutreachStatus.SCHEDULED, now, None, None)
        made = [arrivals.campaign(TENANT, arrival, at_once, now) for arrival in drafted]
        rows = [{name: getattr(campaign, name) for name in campaigns.table.c.keys()} for campaign in made]  # noqa: SIM118
        fresh = tx.bulk.insert_likely_new(campaigns.table, rows)
        assert fresh == {campaign.id for campaign in made[:40] + made[60:]}
        known = campaigns.by_property(tx, TENANT, [campaign.property_id for campaign in made[40:60]])
    assert known == {campaign.property_id: campaign for campaign in stored if campaign}


@pytest.mark.parametrize("count", [1, 120])
def test_texts_come_back_as_they_went_in_one_by_one_and_many_at_once(
    repository: OutreachRepository, count: int
) -> None:
    items = []
    for n in range(count):
        one = item(f"owner{n}@owners.test", context={"note": ODD, "big": 2**80, ODD: [None, 0.1, True]})
        one["score_result"] = {"score": 7.5, "reasons": [{"note": ODD}, {"note": None}]}
        one["property_record"]["owner"]["name"] = None if n % 2 else "O'Brien \\N \\"
        one["property_record"]["remarks"] = ODD
        items.append(one)
    clean = ODD.replace("\x00", "")
    for result in list(creating.create_many(repository.transaction, TENANT, items)):
        assert result.campaign is not None
        with repository.reading() as tx:
            stored = campaigns.get(tx, (TENANT, result.campaign.id))
        assert stored == result.campaign
        assert stored.owner_name == (None if result.index % 2 else "O'Brien \\N \\")
        assert stored.context == {"note": clean, "big": str(2**80), clean: [None, 0.1, True]}
        assert stored.property_record is not None
        assert stored.property_record["remarks"] == clean
        assert stored.score_result == {"score": 7.5, "reasons": [{"note": clean}, {"note": None}]}


def test_suppressed_addresses_are_left_off_the_queue_among_many(repository: OutreachRepository) -> None:
    with repository.transaction() as tx:
        samples.suppress(tx, (TENANT, "owner7@owners.test"), SuppressionReason.MANUAL)
    items = [item(f"Owner{n}@owners.test") for n in range(100)]
    results = list(creating.create_many(repository.transaction, TENANT, items))
    suppressed = [r.index for r in results if r.campaign and r.campaign.status is OutreachStatus.SUPPRESSED]
    assert suppressed == [7]
    assert results[7].campaign is not None
    assert results[7].campaign.next_send_at is None


def test_who_stops_early_leaves_whole_chunks_and_no_thread(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        results = orchestrator.create_campaigns(TENANT, (item(f"owner{n}@owners.test") for n in range(10**9)))
        for _ in range(creating.CHUNK * 2 + 1):
            next(results)
        results.close()  # type: ignore[attr-defined]
        assert writers() == []
        stored = orchestrator.get_statistics(TENANT)["scheduled"]
        assert stored > creating.CHUNK * 2
        assert orchestrator.get_statistics(TENANT) == statistics.recounted(orchestrator.services.read, TENANT)


def test_an_error_of_the_items_comes_after_the_results_of_what_was_stored(repository: OutreachRepository) -> None:
    def breaking() -> Iterator[dict[str, Any]]:
        for n in range(creating.CHUNK * 2 + 9):
            yield item(f"owner{n}@owners.test")
        raise OSError("the file is gone")

    seen = 0
    with facade(repository) as (orchestrator, _):
        with pytest.raises(OSError, match="the file is gone"):
            for result in orchestrator.create_campaigns(TENANT, breaking()):
                seen += result.created
        assert seen >= creating.CHUNK * 2
        assert orchestrator.get_statistics(TENANT) == {"scheduled": seen}
    assert writers() == []


def test_subscribers_hear_of_each_campaign_in_the_callers_thread_after_its_commit(
    repository: OutreachRepository,
) -> None:
    heard: list[tuple[int, str | None]] = []
    with facade(repository) as (orchestrator, _):

        def listen(event: dict[str, Any]) -> None:
            found = orchestrator.get_campaign(event["data"]["campaign_id"], TENANT)
            heard.append((threading.get_ident(), found and found.id))

        orchestrator.subscribe("event.outreach.scheduled", listen)
        items = (item(f"owner{n}@owners.test") for n in range(creating.CHUNK * 2 + 3))
        made = [result.campaign for result in orchestrator.create_campaigns(TENANT, items)]
    assert {thread for thread, _ in heard} == {threading.get_ident()}
    assert sorted(str(id_) for _, id_ in heard) == sorted(campaign.id for campaign in made if campaign)


def test_items_may_use_the_database_themselves(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):

        def asking() -> Iterator[dict[str, Any]]:
            for n in range(creating.CHUNK * 2):
                if n % 100 == 0:
                    orchestrator.create_campaign(OTHER_TENANT, **item())
                yield item(f"owner{n}@owners.test")

        assert all(result.created for result in orchestrator.create_campaigns(TENANT, asking()))
        assert orchestrator.get_statistics(OTHER_TENANT) == {"scheduled": creating.CHUNK * 2 // 100}
