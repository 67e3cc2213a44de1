"""A copy of the database does not send by itself, whoever made it and however; its owner can say that it shall."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator import errors
from orchestrator.repository import OutreachRepository, fingerprint, instance
from orchestrator.services.doubt.probe import Prober
from orchestrator.services.upkeep.doctor import Level
from tests import postgres
from tests.samples import MEMO_URL, SCORE, TENANT, facade, property_record

Copy = Callable[[str], str]


@pytest.fixture
def copy(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[Copy]:
    """Copies a database that nobody has open, and returns the copy's address."""
    made: list[str] = []
    if database_kind == "sqlite":
        yield lambda dsn: f"sqlite:///{shutil.copyfile(dsn.removeprefix('sqlite:///'), tmp_path / 'copy.db')}"
        return
    server: postgres.PostgresServer = request.getfixturevalue("postgres_server")

    def clone(dsn: str) -> str:
        made.append(server.create_database(dsn.partition("?")[0].rpartition("/")[2]))
        return server.dsn(made[-1])

    yield clone
    for database in made:
        server.drop_database(database)


def send_one(dsn: str, email: str = "owner@owners.test") -> dict[str, int]:
    """Create a campaign and send what is due."""
    repository = OutreachRepository(dsn)
    try:
        with facade(repository) as (orchestrator, _):
            orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)
            return orchestrator.send_due()
    finally:
        repository.close()


def test_a_copy_sends_nothing_until_it_is_adopted(dsn: str, copy: Copy) -> None:
    assert send_one(dsn) == {"sent": 1}
    copied = copy(dsn)
    with pytest.raises(errors.DatabaseMoved, match="not the one that mail was sent from") as caught:
        send_one(copied, "second@owners.test")
    assert "outreach db adopt" in str(caught.value.fix)
    repository = OutreachRepository(copied)
    with facade(repository) as (orchestrator, transport):
        with pytest.raises(errors.DatabaseMoved):
            orchestrator.send_due()
        assert transport.sent == []
        assert orchestrator.get_statistics(TENANT) == {"sent": 1, "scheduled": 1}
        assert [f.name for f in orchestrator.operations.doctor().findings if f.level is Level.PERSON] == ["copy"]
        assert orchestrator.operations.adopt_database()
        assert "copy" not in [f.name for f in orchestrator.operations.doctor().findings]
        assert not orchestrator.operations.adopt_database()
        assert orchestrator.send_due() == {"sent": 1}
    repository.close()
    assert send_one(dsn, "third@owners.test") == {"sent": 1}  # the original knows nothing of it


def test_a_person_may_send_one_mail_from_a_copy(dsn: str, copy: Copy) -> None:
    send_one(dsn)
    repository = OutreachRepository(copy(dsn))
    with facade(repository) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, property_record("b@owners.test"), SCORE, MEMO_URL)
        assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
    repository.close()


def test_a_copy_sends_no_probe_either(dsn: str, copy: Copy) -> None:
    send_one(dsn)
    copied = copy(dsn)
    for address, probed in ((copied, False), (dsn, True)):
        repository = OutreachRepository(address)
        with facade(repository) as (orchestrator, transport):
            s = orchestrator.services
            prober = Prober(
                s.begin,
                lambda: transport,
                s.loop,
                "me@sender.test",
                "team@sender.test",
                timedelta(0),
            )
            assert prober.send(transport.account) is probed
            assert len(transport.sent) == probed
        repository.close()


def test_a_copy_of_what_never_sent_is_as_good_as_the_original(dsn: str, copy: Copy) -> None:
    assert send_one(copy(dsn)) == {"sent": 1}


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_backup_put_in_the_place_of_the_file_is_noticed(dsn: str, tmp_path: Path) -> None:
    send_one(dsn)
    path = dsn.removeprefix("sqlite:///")
    shutil.copyfile(path, tmp_path / "backup.db")
    os.replace(tmp_path / "backup.db", path)
    with pytest.raises(errors.DatabaseMoved, match="inode was"):
        send_one(dsn, "second@owners.test")


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_backup_restored_into_the_same_database_is_noticed(dsn: str) -> None:
    send_one(dsn)
    repository = OutreachRepository(dsn)
    with repository.transaction() as tx:  # a restored table is a new one under the old name
        driver = tx.driver_connection
        driver.execute("ALTER TABLE outreach_messages RENAME TO gone")
        driver.execute("CREATE TABLE outreach_messages (LIKE gone INCLUDING ALL)")
    repository.close()
    with pytest.raises(errors.DatabaseMoved, match="ledger was"):
        send_one(dsn, "second@owners.test")


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_user_who_may_not_see_the_systems_identifier_is_told_by_the_rest(dsn: str) -> None:
    repository = OutreachRepository(dsn)
    with repository.transaction() as tx:
        whole = fingerprint.read(tx)
        assert whole is not None
        assert set(whole) == {"database", "ledger", "system"}
    with repository.transaction() as tx:
        tx.driver_connection.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        tx.driver_connection.execute("SET LOCAL ROLE pg_read_all_data")
        partly = fingerprint.read(tx)
    repository.close()
    assert partly == {name: value for name, value in whole.items() if name != "system"}
    assert fingerprint.differs(whole, partly) == []
    assert fingerprint.differs(whole, {**partly, "ledger": "1"}) == ["ledger"]


def test_a_database_in_memory_cannot_be_copied_and_is_not_asked() -> None:
    repository = OutreachRepository("sqlite://")
    repository.upgrade()
    with facade(repository) as (orchestrator, _):
        orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
        assert orchestrator.send_due() == {"sent": 1}
        assert not orchestrator.operations.adopt_database()
        with repository.reading() as tx:
            assert instance.get(tx, "fingerprint") is None
    repository.close()
