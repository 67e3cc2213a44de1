"""Transactions do on both databases what the services rely on."""

from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator import errors
from orchestrator.clock import ManualClock, new_id
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.cloudevents import WrittenEvent
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.suppression import Kind
from orchestrator.domain.text import JsonText
from orchestrator.repository import OutreachRepository, addresses, events, instance, outbox, statistics, suppressions
from orchestrator.repository.suppressions import Entry
from orchestrator.services.campaigns import creating
from tests import samples

T = samples.TENANT


def test_a_block_that_raises_leaves_nothing(repository: OutreachRepository) -> None:
    with pytest.raises(RuntimeError, match="half way"), repository.transaction() as tx:
        instance.keep_first(tx, "name", "value")
        raise RuntimeError("half way")
    with repository.reading() as tx:
        assert instance.get(tx, "name") is None


def test_the_first_kept_value_stays(repository: OutreachRepository) -> None:
    with repository.transaction() as tx:
        assert instance.keep_first(tx, "secret", "one") == "one"
        assert instance.keep_first(tx, "secret", "two") == "one"


def test_read_modify_write_by_many_threads_loses_no_update(repository: OutreachRepository) -> None:
    def add() -> None:
        for _ in range(20):
            with repository.transaction() as tx:
                statistics.count(tx, {(T, OutreachStatus.SENT): 1})

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with repository.reading() as tx:
        assert statistics.by_status(tx, T) == {"sent": 160}


def test_times_come_back_as_they_went_in(repository: OutreachRepository) -> None:
    moment = datetime(2126, 7, 4, 12, 30, 15, 123456, tzinfo=UTC)
    with repository.transaction() as tx:
        found = creating._insert(tx, T, [(0, creating.draft(samples.item(scheduled_at=moment)))])
    campaign = found[0].campaign
    assert campaign is not None
    with repository.reading() as tx:
        stored = creating.campaigns.get(tx, (T, campaign.id))
    assert stored == campaign
    assert stored is not None
    assert stored.next_send_at == moment
    assert stored.next_send_at.utcoffset() == timedelta(0)


def test_the_transactions_time_stands_still_and_an_injected_clock_wins(dsn: str) -> None:
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    with repository.transaction() as tx:
        first = tx.now()
        clock.advance(timedelta(hours=1))
        assert tx.now() == first
    with repository.transaction() as tx:
        assert tx.now() == first + timedelta(hours=1)
    repository.close()


def test_without_an_injected_clock_the_databases_time_is_used(repository: OutreachRepository) -> None:
    with repository.transaction() as tx:
        assert abs(tx.now() - datetime.now(UTC)) < timedelta(minutes=1)
        assert tx.now().utcoffset() == timedelta(0)


def test_locking_an_address_makes_it_and_the_strongest_suppression_stays(repository: OutreachRepository) -> None:
    key = (T, "owner@owners.test")
    now = datetime(2026, 3, 2, tzinfo=UTC)
    with repository.transaction() as tx:
        addresses.lock(tx, [key, key, (samples.OTHER_TENANT, "owner@owners.test")])
        suppressions.add(tx, [_entry(key, SuppressionReason.UNSUBSCRIBE, "link", now)])
        suppressions.add(tx, [_entry(key, SuppressionReason.BOUNCE, "webhook", now + timedelta(days=1))])
        other = (samples.OTHER_TENANT, "bounced@owners.test")
        addresses.lock(tx, [other])
        suppressions.add(tx, [_entry(other, SuppressionReason.BOUNCE, "bounced", now)])
        suppressions.add(tx, [_entry(other, SuppressionReason.COMPLAINT, "complained", now + timedelta(days=1))])
    with repository.reading() as tx:
        found = addresses.get_many(tx, [key, (samples.OTHER_TENANT, "owner@owners.test")])
    assert found[key].suppression_reason is SuppressionReason.UNSUBSCRIBE
    assert found[key].suppressed_at == now
    with repository.reading() as tx:
        stronger = addresses.get_many(tx, [other])[other]
    assert (stronger.suppression_reason, stronger.suppression_source) == (SuppressionReason.COMPLAINT, "complained")
    assert stronger.suppressed_at == now
    assert found[samples.OTHER_TENANT, "owner@owners.test"].suppressed_at is None


def _entry(key: tuple[str, str], reason: SuppressionReason, source: str, at: datetime) -> Entry:
    return Entry(tenant_id=key[0], kind=Kind.ADDRESS, value=key[1], reason=reason, source=source, created_at=at)


def _event(campaign_id: str, **columns: object) -> events.OutreachEvent:
    row: dict[str, object] = {
        "id": new_id(), "tenant_id": T, "campaign_id": campaign_id, "event_type": "opened", "event_data": {"a": 1},
        "occurred_at": datetime(2026, 3, 2, tzinfo=UTC), "received_at": datetime(2026, 3, 2, tzinfo=UTC),
        "dedupe_key": new_id(),
    }  # fmt: skip
    return events.OutreachEvent(**(row | columns))  # type: ignore[arg-type]


def test_an_event_is_stored_once_by_content_and_once_by_sendgrids_id(repository: OutreachRepository) -> None:
    with repository.transaction() as tx:
        campaign = creating._insert(tx, T, [(0, creating.draft(samples.item()))])[0].campaign
        assert campaign is not None
        first = _event(campaign.id, dedupe_key="same", sg_event_id="one")
        assert events.insert_new(tx, [first]) == {first.id}
        redelivered = _event(campaign.id, dedupe_key="same", sg_event_id="two")
        same_id = _event(campaign.id, dedupe_key="other", sg_event_id="one")
        without_id = [_event(campaign.id), _event(campaign.id)]
        stored = events.insert_new(tx, [redelivered, same_id, *without_id])
        assert stored == {event.id for event in without_id}


@pytest.mark.parametrize("count", [1, 60])
def test_what_no_column_takes_is_said_to_be_unstorable(dsn: str, count: int) -> None:
    repository = OutreachRepository(dsn)
    unfit: list[dict[str, object]] = [
        {"event_type": "nul\0"}, {"event_type": "half \ud800"}, {"event_type": "x" * 81}, {"campaign_id": "nonsense"},
        {"occurred_at": "yesterday"}, {"campaign_id": new_id()}, {"event_data": {"nul": "\0"}}, {"machine": None},
    ]  # fmt: skip
    for columns in unfit if repository.has_jobs else unfit[5:6]:  # SQLite takes nearly everything
        with repository.transaction() as tx:
            campaign = creating._insert(tx, T, [(0, creating.draft(samples.item()))])[0].campaign
            assert campaign is not None
        with pytest.raises(errors.UnstorableData), repository.transaction() as tx:
            good = [_event(campaign.id) for _ in range(count - 1)]
            events.insert_new(tx, [*good, _event(**({"campaign_id": campaign.id} | columns))])  # type: ignore[arg-type]
    repository.close()


def test_two_relays_never_hold_the_same_event_and_a_dead_ones_come_back(dsn: str) -> None:
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    written = [{"id": new_id(), "type": "event.outreach.sent", "data": {"tenant_id": T}} for _ in range(5)]
    texts = [WrittenEvent(str(one["id"]), "event.outreach.sent", JsonText(json.dumps(one))) for one in written]
    with repository.transaction() as tx:
        outbox.add(tx, T, texts)
        assert list(tx.published) == written
    with repository.transaction() as tx:
        first = outbox.claim(tx, 3, timedelta(seconds=30))
    with repository.transaction() as tx:
        second = outbox.claim(tx, 10, timedelta(seconds=30))
        outbox.mark_published(tx, second)
    assert first + second == written
    clock.advance(timedelta(seconds=31))
    with repository.transaction() as tx:
        assert outbox.claim(tx, 10, timedelta(seconds=30)) == first
        outbox.mark_published(tx, first)
        assert outbox.count_unpublished(tx) == 0
    repository.close()


def test_a_value_no_database_stores_is_refused_and_nothing_of_its_transaction_is_kept(
    repository: OutreachRepository,
) -> None:
    with pytest.raises(errors.UnstorableData, match="refused the data"), repository.transaction() as tx:
        instance.keep_first(tx, "before", "kept")
        addresses.lock(tx, [(T, "a@b.test")])
        addresses.ended(tx, "soon", 1)  # type: ignore[arg-type]
    with repository.reading() as tx:
        assert instance.get(tx, "before") is None


def test_two_who_wait_for_each_other_are_told_that_the_database_was_busy(repository: OutreachRepository) -> None:
    both_hold_one = threading.Barrier(2)
    outcomes: list[str] = []

    def hold(mine: str, other: str) -> None:
        try:
            with repository.transaction() as tx:
                addresses.lock(tx, [(T, mine)])
                both_hold_one.wait(60)
                addresses.lock(tx, [(T, other)])
            outcomes.append("done")
        except errors.DatabaseBusy as error:
            outcomes.append(str(error.code))

    if repository.url.get_backend_name() == "sqlite":
        both_hold_one = threading.Barrier(1)  # SQLite lets one writer in at a time
    threads = [threading.Thread(target=hold, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = ["done", "done"] if repository.url.get_backend_name() == "sqlite" else ["database-busy", "done"]
    assert sorted(outcomes) == expected


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear Sir or Madam, " * 100)
    repository = OutreachRepository(f"sqlite:///{path}")
    with pytest.raises(errors.DatabaseUnusable, match="not a database"), repository.transaction():
        pass
    repository.close()


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_server_that_vanished_is_not_waited_for_for_hours(dsn: str) -> None:
    known = {}
    for address in (dsn, f"{dsn}&keepalives_idle=7"):
        repository = OutreachRepository(address)
        with repository.reading() as tx:
            known[address] = tx.driver_connection.info.get_parameters()
        jobs_address = repository.jobs_address()
        assert jobs_address is not None
        assert "tcp_user_timeout=60000" in jobs_address
        repository.close()
    ours, theirs = known.values()
    assert int(ours["keepalives_idle"]) + int(ours["keepalives_interval"]) * int(ours["keepalives_count"]) <= 90
    assert int(ours["connect_timeout"]) <= 30
    assert theirs["keepalives_idle"] == "7"


def test_both_ways_to_lock_addresses_wait_in_one_order(repository: OutreachRepository) -> None:
    """Every other address is there already; the rest are made by whoever comes first."""
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    known = [(samples.TENANT, f"owner-{n:03}@owners.test") for n in range(0, 60, 2)]
    names = [(samples.TENANT, f"owner-{n:03}@owners.test") for n in range(60)]
    with repository.transaction() as tx:
        addresses.lock(tx, known)
    failures: list[Exception] = []

    def work(seed: int) -> None:
        draw = random.Random(seed)
        for turn in range(25):
            mine = draw.sample(names, 20) + [(samples.TENANT, f"new-{turn:02}-{n}@owners.test") for n in range(10)]
            try:
                with repository.transaction() as tx:
                    if seed % 2:
                        addresses.lock(tx, mine)
                    else:
                        addresses.lock_to_write(tx, dict.fromkeys(mine, samples.new_uuid()), moment)
            except errors.OrchestratorError as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with repository.reading() as tx:
        found = addresses.get_many(tx, known)
    assert {a.last_handed_at for a in found.values()} <= {None, moment}
    assert moment in {a.last_handed_at for a in found.values()}
