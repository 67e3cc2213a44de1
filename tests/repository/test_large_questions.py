"""Questions about very many rows at once, and the queue that gives each tenant its turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from orchestrator.clock import ManualClock, new_id
from orchestrator.domain.events import SuppressionReason
from orchestrator.repository import OutreachRepository, Transaction, addresses, campaigns, messages
from orchestrator.repository import due as due_ones
from orchestrator.services.campaigns import creating
from tests import samples

T = samples.TENANT
MORE_THAN_ONE_STATEMENT_HOLDS = 70_000  # PostgreSQL takes 65,535 parameters, SQLite 32,766


@pytest.fixture
def repository(dsn: str) -> Iterator[OutreachRepository]:
    """A repository whose clock stands where `ManualClock` begins, so that what it is asked to schedule is not past."""
    opened = OutreachRepository(dsn, clock=ManualClock())
    yield opened
    opened.close()


def fill(repository: OutreachRepository, tenant_id: str, count: int, clock: ManualClock) -> list[str]:
    """Create `count` campaigns of a tenant, each due a minute after the one before; return their ids."""
    items = [samples.item(scheduled_at=clock.now() + timedelta(minutes=n)) for n in range(count)]
    made = creating.create_many(repository.transaction, tenant_id, items)
    return [result.campaign.id for result in made if result.campaign]


def test_keys_may_be_more_than_one_statement_holds(repository: OutreachRepository) -> None:
    (known,) = fill(repository, T, 1, ManualClock())
    ids = [known, *(new_id() for _ in range(MORE_THAN_ONE_STATEMENT_HOLDS))]
    keys = [(T, id_) for id_ in ids]
    with repository.transaction() as tx:
        assert campaigns.address_keys(tx, keys) == {(T, known): "owner@owners.test"}
        assert campaigns.keys_by_id(tx, ids) == {known: (T, known)}
        assert set(campaigns.lock_many(tx, keys)) == {(T, known)}
        assert campaigns.by_property(tx, T, ids) == {}
        assert campaigns.scheduled_to(tx, T, ["owner@owners.test", *ids]) == [(T, known)]
        assert messages.campaigns_of(tx, T, ids) == {}
        assert messages.by_sendgrid_id(tx, ids) == {}
        assert addresses.get_many(tx, keys) == {}


def test_keys_may_be_of_very_many_tenants(repository: OutreachRepository) -> None:
    (known,) = fill(repository, T, 1, ManualClock())
    strangers = [(new_id(), new_id()) for _ in range(1_200)]  # SQLite nests no expression deeper than 1,000
    with repository.transaction() as tx:
        assert set(campaigns.lock_many(tx, [(T, known), *strangers])) == {(T, known)}
        samples.suppress(tx, (T, "ada@owners.test"), SuppressionReason.MANUAL)
        assert set(addresses.get_many(tx, [(T, "ada@owners.test"), *strangers])) == {(T, "ada@owners.test")}


def test_what_is_locked_without_records_is_otherwise_whole(repository: OutreachRepository) -> None:
    key = (T, fill(repository, T, 1, ManualClock())[0])
    with repository.transaction() as tx:
        whole, lean = campaigns.lock_many(tx, [key], records=True)[key], campaigns.lock_many(tx, [key])[key]
    assert whole.property_record is not None
    assert lean == whole.evolve(property_record=None, score_result=None)


def test_a_tenant_with_few_does_not_wait_behind_one_with_many(repository: OutreachRepository) -> None:
    clock = ManualClock()
    many, few = fill(repository, T, 20, clock), fill(repository, samples.OTHER_TENANT, 2, clock)
    later = clock.now() + timedelta(hours=1)
    with repository.reading() as tx:
        due = due_ones.find(tx, later, 10)
        assert {campaign_id for _, campaign_id in due[:4]} == {*many[:2], *few}
        assert [campaign_id for tenant_id, campaign_id in due if tenant_id == T] == many[:8]
        assert len(due_ones.find(tx, later, 100)) == 22
        assert [key[1] for key in due_ones.find(tx, clock.now(), 10) if key[0] == T] == many[:1]
        assert due_ones.find(tx, clock.now() - timedelta(minutes=1), 10) == []


def test_more_tenants_than_one_round_takes_come_one_round_after_another(repository: OutreachRepository) -> None:
    clock = ManualClock()
    tenants = sorted(new_id() for _ in range(5))
    for tenant_id in tenants:
        fill(repository, tenant_id, 3, clock)
    later, served, after = clock.now() + timedelta(hours=1), [], None
    with repository.reading() as tx:
        for _ in range(5):
            due = due_ones.find(tx, later, 2, after=after)
            after = due[-1][0]
            served += [tenant_id for tenant_id, _ in due]
    assert served == tenants * 2


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_an_opt_out_finds_other_campaigns_of_the_address_by_index(repository: OutreachRepository) -> None:
    fill(repository, T, 1, ManualClock())
    with repository.reading() as tx:
        plan = _plan(tx, lambda: campaigns.scheduled_to(tx, T, ["owner@owners.test"]))
    assert "ix_outreach_campaigns_address (tenant_id=? AND owner_address_key=? AND status=?)" in plan


def _plan(tx: Transaction, ask) -> str:  # type: ignore[no-untyped-def]
    asked: list[tuple[str, tuple[object, ...]]] = []
    engine = tx._connection.engine

    def remember(_connection, _cursor, statement, parameters, *_):  # type: ignore[no-untyped-def]
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    ask()
    event.remove(engine, "before_cursor_execute", remember)
    rows = [
        row
        for statement, given in asked
        for row in tx._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
    ]
    return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize("database_kind", ["postgresql"])  # the driver of the other does not count what it reads
def test_a_claim_reads_as_many_heads_as_it_needs_however_many_tenants_wait(
    dsn: str, repository: OutreachRepository
) -> None:
    for tenant_id in (new_id() for _ in range(12)):
        fill(repository, tenant_id, 12, ManualClock())
    later = OutreachRepository(dsn, clock=ManualClock(ManualClock().now() + timedelta(hours=1)))
    read: list[int] = []
    event.listen(later._engine, "after_cursor_execute", lambda _c, cursor, *_: read.append(cursor.rowcount))
    with later.transaction() as tx:
        assert len(set(due_ones.find(tx, tx.now(), 24))) == 24
    later.close()
    assert sum(read) < 3 * 24  # one row of each tenant beside those that are wanted, and the time


def test_who_has_more_than_a_fair_share_fills_what_others_leave(dsn: str, repository: OutreachRepository) -> None:
    tenants = sorted(new_id() for _ in range(3))
    made = {
        tenant_id: fill(repository, tenant_id, n, ManualClock())
        for tenant_id, n in zip(tenants, (1, 9, 2), strict=True)
    }
    later = OutreachRepository(dsn, clock=ManualClock(ManualClock().now() + timedelta(hours=1)))
    with later.transaction() as tx:
        found = due_ones.find(tx, tx.now(), 9)
    later.close()
    few, many, some = (made[tenant_id] for tenant_id in tenants)
    assert [id_ for _, id_ in found] == [few[0], many[0], some[0], many[1], some[1], *many[2:6]]


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_due_campaigns_are_locked_by_their_keys_and_not_by_reading_the_queue(repository: OutreachRepository) -> None:
    clock = ManualClock()
    ids = fill(repository, T, 3, clock)
    asked: list[tuple[str, Any]] = []
    with repository.transaction() as tx:
        listening = (
            tx._connection,
            "before_cursor_execute",
            lambda _c, _k, sql, values, *_: asked.append((sql, values)),
        )
        event.listen(*listening)
        locked = campaigns.lock_due(tx, [(T, id_) for id_ in ids], clock.now() + timedelta(hours=1))
        event.remove(*listening)
        ((sql, values),) = asked
        plan = tx._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
    assert {campaign_id for _, campaign_id in locked} == set(ids)
    assert [step[3] for step in plan if "outreach_campaigns" in step[3]] == [
        "SEARCH outreach_campaigns USING INDEX sqlite_autoindex_outreach_campaigns_1 (tenant_id=? AND id=?)"
    ]


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_what_failed_is_found_without_reading_the_whole_suppression_list(repository: OutreachRepository) -> None:
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(repository._engine, "before_cursor_execute", note)
    with repository.reading() as tx:
        campaigns.failed(tx, T, 10)
        ((statement, parameters),) = [one for one in asked if "suppressions" in one[0]]
        plan = [row[3] for row in tx._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    event.remove(repository._engine, "before_cursor_execute", note)
    looks = [step for step in plan if "suppressions" in step and "addresses" not in step]
    assert len(looks) == 2
    assert all("tenant_id=? AND kind=?" in step for step in looks)
