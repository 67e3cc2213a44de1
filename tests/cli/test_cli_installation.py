"""Templates, the database's schema, the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.repository import schema
from tests.cli.conftest import Run


def test_templates_are_copied_out_once(cli: Run):
    told = cli("template", "eject", "own")
    assert told.out.splitlines() == ["own/memo_delivery_email.html", "own/memo_delivery_email.txt"]
    assert "OUTREACH_TEMPLATE_DIR=own" in told.err
    again = cli("template", "eject", "own")
    assert again.code == 3
    assert "Nothing was copied" in again.words
    assert "--force" in again.words
    assert cli("template", "eject", "own", "--force", "--json").json == told.out.splitlines()


def test_untouched_and_shipped_templates_are_fine(cli: Run):
    cli("template", "eject", "own")
    assert cli("template", "check", "own").code == 0
    assert cli("template", "check", "--json").json == {"ok": True, "problems": []}


def test_a_syntax_error_is_shown_with_line_and_caret(cli: Run):
    cli("template", "eject", "own")
    Path("own/memo_delivery_email.txt").write_text("Hello\n{% if owner_name %}\n{% endfor %}\n")
    told = cli("template", "check", "own")
    assert told.code == 9
    place, source, caret = told.out.splitlines()[:3]
    assert place.startswith("own/memo_delivery_email.txt:3: ")
    assert source.endswith("| {% endfor %}")
    assert source[caret.index("^") :].startswith("endfor")
    (problem,) = cli("template", "check", "own", "--json").json["problems"]
    assert problem["line"] == 3


def test_an_unknown_variable_and_a_lost_opt_out_link_are_problems(cli: Run):
    cli("template", "eject", "own")
    Path("own/memo_delivery_email.txt").write_text("Hello {{ onwer_name }}\n")
    Path("own/memo_delivery_email.html").write_text("<p>Hello</p>\n")
    told = cli("template", "check", "own")
    assert told.code == 9
    assert "'onwer_name' is not a variable of this mail; did you mean 'owner_name'?" in told.out
    assert "does not show the opt-out link" in told.out


def test_a_folder_that_is_not_there_is_a_problem(cli: Run):
    told = cli("template", "check", "nowhere")
    assert told.code == 9
    assert "nowhere: is not a folder" in told.out


def test_an_empty_database_is_brought_to_the_current_schema(cli: Run, empty_dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_DSN", empty_dsn)
    before = cli("db", "current", "--json")
    assert before.code == 3
    assert before.json["revision"] is None
    upgraded = cli("db", "upgrade")
    assert upgraded.code == 0
    assert schema.HEAD in upgraded.out
    assert "empty → " in upgraded.err
    assert "Nothing to do" in cli("db", "upgrade").err
    after = cli("db", "current", "--json")
    assert (after.code, after.json["revision"]) == (0, schema.HEAD)


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_an_empty_server_database_asks_for_an_upgrade(cli: Run, empty_dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_DSN", empty_dsn)
    told = cli("stats")
    assert told.code == 3
    assert "→ Run `outreach db upgrade`" in told.words


@pytest.mark.parametrize("dsn", ["mysql://a/b", "nonsense"])
def test_an_address_of_no_database_is_told(dsn: str, cli: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_DSN", dsn)
    told = cli("db", "upgrade")
    assert (told.code, told.out) == (3, "")
    assert "DB_DSN" in told.words
