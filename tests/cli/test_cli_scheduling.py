"""Deciding, at a terminal, what may leave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.repository import OutreachRepository
from tests.cli.conftest import Run, create
from tests.samples import facade

NOBODY = "0190f3a0-0000-7000-8000-00000000dead"


def test_a_campaign_is_held_asked_about_and_released(cli: Run, database: str) -> None:
    (campaign,) = create(1)
    held = cli("campaign", "hold", campaign, "--reason", "legal looks at it", "--json").json
    assert (held["status"], held["next_send_at"], held["hold_reason"]) == ("scheduled", None, "legal looks at it")
    asked = cli("why", campaign)
    assert "hold\tclosed\tlegal looks at it" in asked.out
    assert "It does not leave now: legal looks at it." in asked.words
    released = cli("campaign", "release", campaign)
    assert (released.code, released.out.splitlines()[1].split("\t")[3:]) == (0, [""])
    document = cli("why", campaign, "--json").json
    assert document["leaves"] is True
    assert {gate["gate"] for gate in document["gates"]} >= {"tenant", "hold", "memo link"}
    assert "Nothing is in its way" in cli("why", campaign).words


def test_a_campaign_is_called_off_and_then_cannot_be_held(cli: Run, sqlite_database: Path) -> None:
    (campaign,) = create(1)
    assert cli("campaign", "cancel", campaign, "--json").json["status"] == "cancelled"
    assert "due\tclosed\tit has no time to go out at\n" in cli("why", campaign).out
    refused = cli("campaign", "hold", campaign)
    assert refused.code == 5
    assert "Cannot hold a campaign that is cancelled" in refused.words
    assert cli("campaign", "hold", NOBODY).code == cli("why", NOBODY).code == 4
    assert cli("campaign", "hold", campaign, "--reason", "").code == 2


def test_an_import_is_held_released_and_called_off(cli: Run, sqlite_database: Path) -> None:
    rows = "\n".join(
        f"5f3c2f0e-8a51-4f0a-9a86-6a3d8c1e7b1{n},owner{n}@owners.test,{n} Maple Street,80,https://memo.test/m.pdf"
        for n in range(3)
    )
    Path("owners.csv").write_text(f"property_id,owner_email,line1,score,memo_url\n{rows}\n")
    cli("import", "owners.csv", "--batch", "spring", "--quiet")
    assert cli("batch", "hold", "spring", "--reason", "wait", "--json").json == {"held": 3, "unchanged": 0}
    assert cli("batch", "hold", "spring", "--reason", "wait").out.splitlines() == ["held\tunchanged", "0\t3"]
    assert cli("batch", "release", "spring", "--json").json == {"released": 3, "unchanged": 0}
    assert cli("batch", "cancel", "spring", "--json").json == {"cancelled": 3, "on_its_way": 0}
    assert cli("batch", "hold", "spring", "--reason", "").code == 2


def test_a_label_that_names_nothing_is_told(cli: Run, sqlite_database: Path) -> None:
    mistyped = cli("batch", "hold", "sprung", "--reason", "wait")
    assert (mistyped.code, mistyped.out.splitlines()[1]) == (0, "0\t0")
    assert "nothing to change in an import labelled 'sprung'" in mistyped.words
    assert [cli("batch", *command).code for command in (["hold", " ", "--reason", "wait"], ["cancel", ""])] == [2, 2]


def test_a_tenants_policy_is_set_and_shown(cli: Run, sqlite_database: Path) -> None:
    assert "missed_policy\tas configured" in cli("tenant", "show").out
    assert "time_zone\tnot given" in cli("tenant", "show").out
    decided = cli("tenant", "set", "--missed", "skip", "--after", "3600", "--json").json
    assert (decided["missed_policy"], decided["missed_after"]) == ("skip", 3600)
    shown = cli("tenant", "show")
    assert "missed_policy\tskip\nmissed_after\t3600" in shown.out
    assert "Not paused." in shown.words
    assert cli("tenant", "set", "--missed", "sometimes").code == 2
    cli("pause", "--tenant", decided["tenant_id"], "--reason", "moving house")
    assert "Paused: moving house" in cli("tenant", "show").words


def test_a_copied_database_is_adopted(cli: Run, sqlite_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = OutreachRepository(f"sqlite:///{sqlite_database}")
    with facade(repository) as (orchestrator, _):
        create(1)
        orchestrator.send_due()
    repository.close()
    copied = Path("copy.db")
    copied.write_bytes(sqlite_database.read_bytes())
    monkeypatch.setenv("DB_DSN", f"sqlite:///{os.path.abspath(copied)}")
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.sandbox.key")
    monkeypatch.setenv("SENDGRID_FROM_EMAIL", "team@sample.test")
    assert cli("db", "adopt", "--json").json["adopted"] is True
    again = cli("db", "adopt")
    assert "This database was the one that sends already." in again.words
