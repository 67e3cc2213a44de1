"""``outreach suppress``: whom nobody may write to, and why."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from orchestrator.cli.options import DEFAULT_TENANT
from orchestrator.repository import OutreachRepository
from orchestrator.sandbox import Sandbox, SandboxConfig, SandboxServer
from tests import samples
from tests.cli.conftest import Run
from tests.samples import facade

pytestmark = pytest.mark.usefixtures("database")
PROPERTY = "5f3c2f0e-8a51-4f0a-9a86-6a3d8c1e7b11"


def test_an_entry_is_added_found_and_taken_back(cli: Run) -> None:
    added = cli("suppress", "add", "Olga.Owner@gmail.com", "--reason", "bounce", "--source", "old list", "--json").json
    assert (added["value"], added["new"], added["stopped"]) == ("olgaowner@gmail.com", True, 0)
    assert (
        "was on the list before"
        in cli("suppress", "add", "olgaowner@gmail.com", "--reason", "bounce", "--source", "old list").err
    )
    checked = cli("suppress", "check", "olgaowner+home@googlemail.com", "--json").json
    assert checked["allowed"] is False
    assert [(e["reason"], e["source"]) for e in checked["entries"]] == [("bounce", "old list")]
    assert cli("suppress", "check", "olgaowner@gmail.com").out.startswith("olgaowner@gmail.com: must not be written to")
    assert cli("suppress", "check", "olgaowner@gmail.com").code == 0
    assert cli("suppress", "check", "olgaowner@gmail.com", "--exit-code", "--json").code == 9
    removed = cli("suppress", "remove", "olgaowner@gmail.com", "--why", "a typing error", "--json").json
    assert len(removed["removed"]) == 1
    again = cli("suppress", "check", "olgaowner@gmail.com")
    assert (again.code, again.out) == (0, "olgaowner@gmail.com: may be written to\n")
    assert cli("suppress", "check", "olgaowner@gmail.com", "--exit-code").code == 0
    assert "Once: bounce, taken back on" in again.words


def test_what_an_owner_said_needs_consent_and_a_reason(cli: Run) -> None:
    cli("suppress", "add", "a@owners.test", "--reason", "unsubscribe")
    refused = cli("suppress", "remove", "a@owners.test", "--json")
    assert (refused.code, refused.problem["type"]) == (5, "/errors/suppression-stays")
    assert cli("suppress", "remove", "a@owners.test", "--consent").code == 2
    assert cli("suppress", "remove", "a@owners.test", "--consent", "--why", "asked us to, 1 May").code == 0
    cli("suppress", "add", "a@owners.test", "--reason", "complaint")
    assert cli("suppress", "remove", "a@owners.test", "--consent", "--why", "says so").code == 5


def test_the_list_is_shown_page_by_page(cli: Run) -> None:
    for n in range(5):
        cli("suppress", "add", f"owner{n}@owners.test")
    cli("suppress", "add", PROPERTY)
    cli("suppress", "add", "owners.test")
    seen: list[str] = []
    after: list[str] = []
    while page := [
        json.loads(line) for line in cli("suppress", "list", "--jsonl", "--limit", "3", *after).out.splitlines()
    ]:
        seen += [entry["value"] for entry in page]
        after = ["--after", page[-1]["cursor"]]
    assert sorted(seen) == sorted([*(f"owner{n}@owners.test" for n in range(5)), PROPERTY, "owners.test"])
    assert cli("suppress", "list", "--after", "nonsense").code == 2
    assert [e["kind"] for e in cli("suppress", "list", "--kind", "domain", "--json").json] == ["domain"]


def test_a_file_with_broken_rows_costs_only_those_rows(cli: Run, tmp_path: Path) -> None:
    file, rejects = tmp_path / "list.csv", tmp_path / "rejects.csv"
    rows = [
        b"email,reason,created_at",
        b"good@owners.test,bounce,2025-01-02T03:04:05Z",
        b"no address,bounce,",
        b"second@owners.test,because,",
        b"third@owners.test,manual,yesterday",
        b"\xff\xfe@owners.test,manual,",
        b"nul\0@owners.test,manual,",
        b"too,many,values,here",
        b'"open quote@owners.test,manual,',
        b"",
        b"Good@Owners.test,bounce,",
        b"a" * 2_000_000,
    ]
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(rows))
    told = cli("suppress", "import", file, "--errors", rejects, "--json")
    assert told.code == 6
    assert {name: told.json[name] for name in ("rows", "new", "known", "rejected")} == {
        "rows": 10, "new": 1, "known": 1, "rejected": 8
    }  # fmt: skip
    written = re.findall(r"^(\d+),", rejects.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(line) for line in written] == [3, 4, 5, 6, 7, 8, 9, 12]
    (entry,) = cli("suppress", "list", "--json").json
    assert (entry["value"], entry["source"], entry["created_at"][:10]) == (
        "good@owners.test",
        "import list.csv",
        "2025-01-02",
    )


def test_one_per_line_needs_no_header(cli: Run) -> None:
    lines = f"# our old list\nGood@Owners.test\n\nowners.test\n{PROPERTY}\n".encode()
    told = cli("suppress", "import", "-", "--reason", "unsubscribe", "--json", stdin=lines)
    assert (told.code, told.json["new"]) == (0, 3)
    kinds = {entry["kind"]: entry["reason"] for entry in cli("suppress", "list", "--json").json}
    assert kinds == {"address": "unsubscribe", "domain": "unsubscribe", "property": "unsubscribe"}


def test_what_is_exported_can_be_imported_elsewhere_unchanged(cli: Run, tmp_path: Path) -> None:
    for what, reason in (
        ("a@owners.test", "complaint"),
        ("a@owners.test", "bounce"),
        ("owners.test", "manual"),
        (PROPERTY, "sold"),
    ):
        cli("suppress", "add", what, "--reason", reason)
    file = tmp_path / "out.csv"
    assert "4 entries" in cli("suppress", "export", file).err
    other = "0b8e6f0a-94f6-4c39-8a77-5a6d8f1e2c33"
    for new in (4, 0):
        assert cli("suppress", "import", file, "--tenant", other, "--json").json["new"] == new
    out = cli("suppress", "export", "--tenant", other).out
    assert out == file.read_text()
    assert [row["reason"] for row in csv.DictReader(io.StringIO(out))] == ["bounce", "complaint", "manual", "sold"]


def test_sendgrids_lists_are_taken_over_and_doing_it_again_changes_nothing(
    cli: Run, repository: OutreachRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxServer(Sandbox(SandboxConfig())) as server, facade(repository) as (orchestrator, _):
        monkeypatch.setenv("SENDGRID_API_KEY", "SG.sandbox.key")
        monkeypatch.setenv("OUTREACH_SENDGRID_URL", server.url)
        for n in range(1203):
            server.sandbox.suppressions.add("bounces", f"owner{n}@owners.test", 1_760_000_000 + n, reason="550 no")
        server.sandbox.suppressions.add("blocks", "blocked@owners.test", 1_760_000_000)
        server.sandbox.suppressions.add("spam_reports", "angry@owners.test", 1_760_000_000)
        server.sandbox.suppressions.add("unsubscribes", "no address", 1_760_000_000)
        waiting = orchestrator.create_campaign(
            DEFAULT_TENANT, samples.property_record("owner7@owners.test"), samples.SCORE, samples.MEMO_URL
        )
        first, second = (
            {row["list"]: row for row in map(json.loads, cli("suppress", "sync", "--jsonl").out.splitlines())}
            for _ in range(2)
        )
    assert (first["bounces"]["listed"], first["bounces"]["new"], first["bounces"]["stopped"]) == (1203, 1203, 1)
    assert (first["spam_reports"]["new"], first["unsubscribes"]["unusable"], first["blocks"]["new"]) == (1, 1, 0)
    assert {row["new"] for row in second.values()} == {0}
    stored = orchestrator.get_campaign(waiting.id, DEFAULT_TENANT)
    assert stored is not None
    assert str(stored.status) == "suppressed"
    reasons = {e["reason"] for e in cli("suppress", "check", "angry@owners.test", "--json").json["entries"]}
    assert reasons == {"complaint"}


def test_a_key_that_sendgrid_refuses_is_named(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with SandboxServer(Sandbox(SandboxConfig())) as server:
        monkeypatch.setenv("OUTREACH_SENDGRID_URL", server.url)
        monkeypatch.delenv("SENDGRID_API_KEY", raising=False)
        assert cli("suppress", "sync").code == 3
        assert cli("suppress", "sync", "--list", "friends").code == 2


def test_what_is_nothing_that_can_be_listed_is_told_what_can_be(cli: Run) -> None:
    refused = cli("suppress", "add", "nonsense")
    assert refused.code == 2
    assert "'nonsense' is no address, no domain and no property's id" in refused.words
    assert "owner@example.com" in refused.words
    assert "is not a UUID" in cli("suppress", "add", "nonsense", "--kind", "property").words
