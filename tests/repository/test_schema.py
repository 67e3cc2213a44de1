"""The schema: migrations build exactly the declared tables, upgrades are safe, and impossible rows are refused."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from orchestrator import errors
from orchestrator.domain.message import MessageState
from orchestrator.repository import OutreachRepository, connections, messages, schema, tables
from tests import samples
from tests.samples import facade

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_migrations_build_exactly_the_declared_tables(dsn: str) -> None:
    engine = connections.connect(connections.resolve(dsn))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_the_code_asks_for_the_newest_migration() -> None:
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_heads() == [schema.HEAD]


def test_upgrading_an_empty_database_many_times_at_once_works_once(empty_dsn: str) -> None:
    repositories = [OutreachRepository(empty_dsn) for _ in range(4)]
    assert repositories[0].current_revision() is None
    found: list[str] = []
    threads = [threading.Thread(target=lambda r=r: found.append(r.upgrade())) for r in repositories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [schema.HEAD] * 4
    assert repositories[0].current_revision() == schema.HEAD
    for repository in repositories:
        repository.close()


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_an_empty_postgresql_database_is_not_changed_behind_the_operators_back(empty_dsn: str) -> None:
    repository = OutreachRepository(empty_dsn)
    with (
        pytest.raises(errors.SchemaOutOfDate, match="revision none, this version needs") as caught,
        repository.reading(),
    ):
        pass
    assert "outreach db upgrade" in str(caught.value.fix)
    assert repository.current_revision() is None
    repository.close()


def test_the_embedded_database_makes_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "not" / "there"))
    repository = OutreachRepository()
    with facade(repository) as (orchestrator, _):
        orchestrator.create_campaign(samples.TENANT, samples.property_record(), samples.SCORE, samples.MEMO_URL)
        assert orchestrator.get_statistics(samples.TENANT) == {"scheduled": 1}
    repository.close()
    assert (tmp_path / "not" / "there" / "outreach" / "outreach.db").exists()


def test_a_database_in_memory_works_for_several_threads() -> None:
    repository = OutreachRepository("sqlite://")
    with facade(repository) as (orchestrator, _):
        threads = [
            threading.Thread(target=lambda: list(orchestrator.create_campaigns(samples.TENANT, [samples.item()])))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert orchestrator.get_statistics(samples.TENANT) == {"scheduled": 4}
    repository.close()


def test_a_database_of_a_newer_version_is_left_alone(dsn: str) -> None:
    repository = OutreachRepository(dsn)
    with repository.transaction() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    fresh = OutreachRepository(dsn)
    with pytest.raises(errors.SchemaOutOfDate, match="revision 9999, which this version does not know"):
        fresh.upgrade()
    repository.close()
    fresh.close()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://root@localhost/x", "names mysql, which is not supported"),
        ("not an address", "The database address cannot be read: DB_DSN, or what was passed"),
    ],
)
def test_an_address_of_something_else_is_refused(address: str, message: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=message):
        OutreachRepository(address)


def test_an_unreachable_database_says_where_and_hides_the_password() -> None:
    repository = OutreachRepository("postgresql://app:hunter2@127.0.0.1:1/outreach")
    with pytest.raises(errors.DatabaseUnreachable, match=r"127\.0\.0\.1:1/outreach did not answer") as caught:
        repository.server_version()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(repository)
    repository.close()


def test_a_file_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for mistyped in ("dta/outreach.db", "file/outreach.db"):
        repository = OutreachRepository(f"sqlite:///{tmp_path}/{mistyped}")
        with pytest.raises(errors.ConfigurationError, match="there is no folder"):
            repository.upgrade()
        repository.close()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def _insert_campaign(repository: OutreachRepository, **columns: object) -> dict[str, object]:
    row: dict[str, object] = {
        "id": samples.new_uuid(), "tenant_id": samples.TENANT, "property_id": samples.new_uuid(),
        "owner_email": "a@b.test", "owner_address_key": "a@b.test", "status": "scheduled", "subject": "s",
        "memo_url": "https://x.test", "step": 1, "created_at": NOW, "updated_at": NOW, "property_record": {},
        "score_result": {},
    }  # fmt: skip
    row |= columns
    with repository.transaction() as tx:
        tx.execute(tables.campaigns.insert(), [row])
    return row


@pytest.mark.parametrize("columns", [{"status": "asleep"}, {"status": "sent", "next_send_at": NOW}])
def test_the_schema_refuses_campaigns_that_cannot_be(
    repository: OutreachRepository, columns: dict[str, object]
) -> None:
    with pytest.raises(errors.UnstorableData):
        _insert_campaign(repository, **columns)


def test_the_schema_refuses_two_campaigns_of_one_property(repository: OutreachRepository) -> None:
    property_id = _insert_campaign(repository)["property_id"]
    with pytest.raises(errors.UnstorableData):
        _insert_campaign(repository, property_id=property_id)
    other = _insert_campaign(repository, property_id=property_id, tenant_id=samples.OTHER_TENANT)
    assert other["property_id"] == property_id


@pytest.mark.parametrize("live", ["reserved", "handed", "in_doubt", "accepted"])
def test_the_schema_refuses_a_second_live_attempt(repository: OutreachRepository, live: str) -> None:
    campaign = _insert_campaign(repository)

    def insert(attempt: int, state: str) -> None:
        row = {
            "id": samples.new_uuid(), "tenant_id": samples.TENANT, "campaign_id": campaign["id"], "step": 1,
            "attempt": attempt, "state": state, "created_at": NOW,
        }  # fmt: skip
        with repository.transaction() as tx:
            tx.execute(tables.messages.insert(), [row])

    insert(1, MessageState.REJECTED)
    insert(2, live)
    with pytest.raises(errors.UnstorableData):
        insert(3, MessageState.RESERVED)
    insert(3, MessageState.VOIDED)


def test_an_older_database_keeps_its_rows(empty_dsn: str) -> None:
    repository = OutreachRepository(empty_dsn)
    engine = connections.connect(connections.resolve(empty_dsn))
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        values = {"t": samples.TENANT, "c": samples.new_uuid(), "m": samples.new_uuid(), "p": samples.new_uuid()}
        connection.execute(
            sa.text(
                "INSERT INTO outreach_campaigns (id, tenant_id, property_id, owner_email, owner_address_key, status,"
                " subject, memo_url, step, created_at, updated_at, property_record, score_result) VALUES (:c, :t, :p,"
                " 'a@b.test', 'a@b.test', 'scheduled', 's', 'https://x.test', 1, '2026-03-02 00:00:00.000000',"
                " '2026-03-02 00:00:00.000000', '{}', '{}')"
            ),
            values,
        )
        connection.execute(
            sa.text(
                "INSERT INTO outreach_messages (id, tenant_id, campaign_id, step, attempt, state, created_at)"
                " VALUES (:m, :t, :c, 1, 1, 'in_doubt', '2026-03-02 00:00:00.000000')"
            ),
            values,
        )
    engine.dispose()
    assert repository.upgrade() == schema.HEAD
    with repository.reading() as tx:
        message = messages.get(tx, samples.TENANT, str(values["m"]))
        row = tx.execute(sa.text("SELECT count(*) FROM outreach_campaigns")).scalar_one()
    assert row == 1
    assert message is not None
    assert message.state is MessageState.IN_DOUBT
    assert message.check_at is not None  # an attempt in doubt is looked at from now on
    repository.close()


def test_an_older_suppression_is_on_the_list_and_can_be_taken_off_it(empty_dsn: str) -> None:
    engine = connections.connect(connections.resolve(empty_dsn))
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        insert = sa.text(
            "INSERT INTO addresses (tenant_id, address_key, suppressed_at, suppression_reason, suppression_source,"
            " last_handed_at, soft_bounces) VALUES (:t, :key, :at, :reason, :source, '2026-03-02 00:00:00.000000', 0)"
        )
        at = "2026-03-02 00:00:00.000000"
        for key, since, reason, source in (("a@b.test", at, "bounce", None), ("c@d.test", None, None, None)):
            values = {"t": samples.TENANT, "key": key, "at": since, "reason": reason, "source": source}
            connection.execute(insert, values)
    engine.dispose()
    repository = OutreachRepository(empty_dsn)
    repository.upgrade()
    with samples.facade(repository) as (team, _):
        lists = team.operations.suppressions
        (entry,) = lists.check(samples.TENANT, "A@b.test").entries
        assert (str(entry.reason), entry.created_at.isoformat()) == ("bounce", "2026-03-02T00:00:00+00:00")
        assert lists.check(samples.TENANT, "c@d.test").allowed
        lists.remove(samples.TENANT, "a@b.test")
        assert lists.check(samples.TENANT, "a@b.test").allowed
    repository.close()
