"""``outreach import``: nothing is guessed, nothing is lost, and every broken row is named by its line."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TIMEOUT, Run, create, item, line_with, started

HEADER = "property_id,owner_name,owner_email,line1,city,state,zip,score,memo_url"


def row(number: int, email: str | None = None, **instead: str) -> str:
    values = {
        "property_id": f"0190f3a0-0000-7000-8000-{number:012}",
        "owner_name": "Ann",
        "owner_email": email or f"o{number}@sample.test",
        "line1": f"{number} Main St",
        "city": "Boston",
        "state": "MA",
        "zip": "02139",
        "score": "80",
        "memo_url": f"https://memos.sample.test/{number}.pdf",
    } | instead
    return ",".join(values.values())


def write(name: str, *rows: str | bytes) -> Path:
    path = Path(name)
    path.write_bytes(b"\n".join(each.encode() if isinstance(each, str) else each for each in rows) + b"\n")
    return path


def campaigns(cli: Run) -> list[dict[str, Any]]:
    return cli("campaign", "list", "--limit", "1000", "--json").json


def record(cli: Run, email: str) -> dict[str, Any]:
    (found,) = [c for c in campaigns(cli) if c["owner_email"] == email]
    return cli("campaign", "show", found["id"], "--json").json


def test_csv_rows_become_campaigns_on_every_database(cli: Run, database: str):
    told = cli("import", write("a.csv", HEADER, row(1), row(2)))
    assert (told.code, told.out) == (0, "2 rows: 2 added · 0 already there · 0 suppressed · 0 rejected\n")
    again = cli("import", "a.csv")
    assert (again.code, again.out) == (0, "2 rows: 0 added · 2 already there · 0 suppressed · 0 rejected\n")
    assert len(campaigns(cli)) == 2


def test_text_stays_text_and_the_zip_keeps_its_zero(cli: Run, sqlite_database: Path):
    header = HEADER + ",reason1_note,reason1_weight,reason1_direction,reason3_note,scheduled_at,batch"
    path = write("a.csv", "\ufeff" + header, row(1) + ",Roof is new,0.4,positive,Old pipes,2031-03-02T09:00:00-05:00,x")
    assert cli("import", path).code == 0
    stored = record(cli, "o1@sample.test")
    assert stored["property_record"]["address"]["zip"] == "02139"
    assert [r["note"] for r in stored["score_result"]["reasons"]] == ["Roof is new", "Old pipes"]
    assert stored["scheduled_at"] == "2031-03-02T14:00:00Z"
    assert stored["batch"] == "x"


def test_a_quoted_value_may_go_over_lines(cli: Run, sqlite_database: Path):
    path = write("a.csv", HEADER, row(1, line1='"1 Main St,\r\nRear"'), row(2))
    assert cli("import", path, "--json").json["added"] == 2
    assert record(cli, "o1@sample.test")["property_record"]["address"]["line1"] == "1 Main St, Rear"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"too,few", "row has 2 values, the header has 9 columns"),
        (row(8).encode() + b",more", "row has 10 values, the header has 9 columns"),
        (row(8, owner_name='"Ann').encode(), "row opens a quote that does not end well"),
        (row(8, owner_name='"Ann" B').encode(), "',' expected after '\"'"),
        (row(8, owner_name="A\0n").encode(), "row holds a NUL character"),
        (row(8, owner_name="X").replace("X", "J\u00fcrgen").encode("latin-1"), "row is not UTF-8 text (byte 39"),
        (row(8, email="nope").encode(), "owner.email: 'nope' is not an email address"),
        (row(8, email=" ").encode(), "owner email is required"),
        (row(8, score="101").encode(), "score must be between 0 and 100, got '101'"),
        (row(8, property_id="17").encode(), "property_record.id: '17' is not a UUID"),
        (row(8, memo_url="javascript:alert(1)").encode(), "memo_url: must start with http:// or https://"),
        (b'"' + b"x" * 1_100_000, "the line is longer than 1 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_row_is_rejected_with_its_line_and_costs_no_other(
    broken: bytes, reason: str, cli: Run, sqlite_database: Path
):
    path = write("a.csv", HEADER, row(1), broken, row(2, owner_name='"Quoted, Ann"'), row(3))
    told = cli("import", path, "--errors", "rejects.csv")
    assert told.code == 6
    assert told.out == "4 rows: 3 added · 0 already there · 0 suppressed · 1 rejected\n"
    assert "(line 3)" in told.words
    with open("rejects.csv", encoding="utf-8", newline="") as file:
        csv.field_size_limit(2_000_000)
        (rejected,) = csv.DictReader(file)
    assert rejected["line"] == "3"
    assert reason in rejected["reason"]
    assert rejected["row"] == broken[: 1024 * 1024 + 1].decode("utf-8", errors="backslashreplace")
    assert sorted(c["owner_email"] for c in campaigns(cli)) == [f"o{n}@sample.test" for n in (1, 2, 3)]


def test_a_time_without_a_zone_is_rejected_with_the_way_to_write_it(cli: Run, sqlite_database: Path):
    path = write("a.csv", HEADER + ",scheduled_at", row(1) + ",2027-01-02T09:00:00", row(2) + ",2027-01-02T09:00:00Z")
    told = cli("import", path)
    assert (told.code, told.out) == (6, "2 rows: 1 added · 0 already there · 0 suppressed · 1 rejected\n")
    assert "scheduled_at (line 2): has no time zone" in told.words
    assert "Add an offset: 2026-03-02T09:00:00-05:00" in told.words


def test_no_file_of_rejects_is_made_when_there_are_none(cli: Run, sqlite_database: Path):
    assert cli("import", write("a.csv", HEADER, row(1)), "--errors", "rejects.csv").code == 0
    assert not Path("rejects.csv").exists()


def test_a_wrong_header_is_refused_with_what_was_probably_meant(cli: Run, sqlite_database: Path):
    told = cli(
        "import", write("a.csv", HEADER.replace("owner_email", "owner_emial").replace("line1", "Line 1") + ",hue")
    )
    assert (told.code, told.out) == (2, "")
    assert "'owner_email' is missing" in told.words
    assert "'line1' is missing" in told.words
    assert "'owner_emial' is unknown (did you mean 'owner_email'?)" in told.words
    assert "'Line 1' is unknown (did you mean 'line1'?)" in told.words
    assert "'hue' is unknown" in told.words
    assert "--map COLUMN=FIELD" in told.words


def test_columns_can_be_mapped_and_ignored(cli: Run, sqlite_database: Path):
    header = HEADER.replace("owner_email", "E-Mail") + ",internal note"
    path = write("a.csv", header, row(1) + ",secret")
    told = cli("import", path, "--map", "E-Mail=owner_email", "--map", "internal note=")
    assert told.code == 0
    assert record(cli, "o1@sample.test")["owner_name"] == "Ann"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.csv"], "'missing.csv' cannot be read: No such file or directory"),
        (["."], "cannot tell the format of '.'"),
        ([".", "--format", "csv"], "'.' cannot be read: Is a directory"),
        (["-"], "cannot tell the format of '-'"),
        (["a.csv", "--map", "nonsense"], "'nonsense' is not COLUMN=FIELD"),
        (["a.csv", "--map", "zip=zap"], "'zip=zap' is not COLUMN=FIELD; fields are property_id"),
        (["a.csv", "--map", "zap=zip"], "--map names 'zap', which is no column"),
        (["a.csv", "--tenant", "acme"], "--tenant: 'acme' is not a UUID"),
        (["empty.csv"], "the file is empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told(arguments: list[str], words: str, cli: Run, sqlite_database: Path):
    write("a.csv", HEADER, row(1))
    Path("empty.csv").touch()
    told = cli("import", *arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.words


def test_jsonl_comes_from_stdin_too(cli: Run, sqlite_database: Path):
    lines = [json.dumps(item(1)), "", "{broken", "[1]", json.dumps(item(2) | {"colour": "red"}), json.dumps(item(3))]
    told = cli("import", "-", "--format", "jsonl", "--batch", "b1", "--json", stdin="\n".join(lines).encode())
    assert told.code == 6
    report = told.json
    assert (report["added"], report["rejected"]) == (2, 3)
    assert [reason["lines"] for reason in report["reasons"]] == [[3], [4], [5]]
    assert report["reasons"][0]["about"].startswith("row is not JSON: Expecting property name")
    assert report["reasons"][1]["about"] == "row is not a JSON object but list"
    assert {c["batch"] for c in campaigns(cli)} == {"b1"}


def test_rejects_stand_in_the_order_of_the_file(cli: Run, sqlite_database: Path):
    bad = {3, 4, 7}
    rows = [row(n, email="nope") if n in bad else "broken" if n % 5 == 0 else row(n) for n in range(1, 1203)]
    told = cli("import", write("a.csv", HEADER, *rows), "--errors", "rejects.csv", "--json")
    with open("rejects.csv", encoding="utf-8", newline="") as file:
        numbers = [int(each["line"]) for each in csv.DictReader(file)]
    assert numbers == sorted(numbers)
    assert numbers == [n + 1 for n in range(1, 1203) if n in bad or n % 5 == 0]
    assert told.json["rows"] == 1202


def test_rows_of_suppressed_owners_are_counted_apart(cli: Run, sqlite_database: Path):
    from orchestrator.cli.options import DEFAULT_TENANT
    from orchestrator.orchestrator import OutreachOrchestrator
    from orchestrator.repository import OutreachRepository

    (campaign_id,) = create(1)
    repository = OutreachRepository(f"sqlite:///{sqlite_database}")
    with OutreachOrchestrator(repository) as orchestrator:
        event = {"event": "unsubscribe", "campaign_id": campaign_id, "tenant_id": DEFAULT_TENANT, "timestamp": 1}
        assert orchestrator.handle_webhook(event)["status"] == "unsubscribed"
    repository.close()
    told = cli("import", write("a.csv", HEADER, row(2, email="owner1@sample.test")))
    assert told.out == "1 rows: 0 added · 0 already there · 1 suppressed · 0 rejected\n"


def test_ctrl_c_tells_what_was_done_and_how_to_go_on(sqlite_database: Path, cli: Run):
    lines = [json.dumps(item(number)) for number in range(1, 502)]
    arguments = ("import", "-", "--format", "jsonl")
    with started(*arguments, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write("\n".join(lines).encode() + b"\n")
        process.stdin.flush()
        _wait_for_rows(sqlite_database, 500)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert re.fullmatch(rb"\d+ rows: \d+ added .* 0 rejected\n", out)
    assert b"run the same command again" in err
    assert b"Traceback" not in err
    again = cli(*arguments, "--json", stdin="\n".join(lines).encode()).json
    assert (again["added"], again["already_there"]) == (1, 500)


def _wait_for_rows(path: Path, count: int) -> None:
    """Wait for another process's commit, which nothing announces across processes."""
    import sqlite3
    import time
    from contextlib import closing

    deadline = time.monotonic() + TIMEOUT
    with closing(sqlite3.connect(path)) as connection:
        while time.monotonic() < deadline:
            if connection.execute("SELECT count(*) FROM outreach_campaigns").fetchone()[0] >= count:
                return
            time.sleep(0.02)
    raise AssertionError("the import did not get that far")


def test_the_progress_of_a_long_import_goes_to_stderr_only(sqlite_database: Path, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER, *(row(n) for n in range(1, 20))]) + "\n")
    with started("import", str(path)) as process:
        assert line_with(process.stdout, "rows:") == "19 rows: 19 added · 0 already there · 0 suppressed · 0 rejected\n"
        process.wait(TIMEOUT)
    assert process.returncode == 0
