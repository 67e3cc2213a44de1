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
    told = cli("template", "check", "--json").json
    assert told["ok"]
    assert told["findings"] == []
    assert told["mails"] > 50


def test_a_syntax_error_is_shown_with_line_and_caret(cli: Run):
    cli("template", "eject", "own")
    Path("own/memo_delivery_email.txt").write_text("Hello\n{% if owner_name %}\n{% endfor %}\n")
    told = cli("template", "check", "own")
    assert told.code == 9
    place, source, caret = told.out.splitlines()[:3]
    assert place.startswith("own/memo_delivery_email.txt:3: ")
    assert source.endswith("| {% endfor %}")
    assert source[caret.index("^") :].startswith("endfor")
    told = cli("template", "check", "--dir", "own", "--json")
    assert told.code == 9
    (finding,) = told.json["findings"]
    assert (finding["rule"], finding["severity"], finding["line"]) == ("template", "fail", 3)


def test_an_unknown_variable_is_named_with_the_one_that_was_meant(cli: Run):
    cli("template", "eject", "own")
    Path("own/memo_delivery_email.txt").write_text("Hello {{ onwer_name }}\n")
    told = cli("template", "check", "own")
    assert told.code == 9
    assert "'onwer_name' is not a variable of this mail; did you mean 'owner_name'?" in told.out


def test_a_lost_opt_out_link_is_told_with_its_reason(cli: Run):
    cli("template", "eject", "own")
    path = Path("own/memo_delivery_email.txt")
    path.write_text(path.read_text().replace("{{ unsubscribe_url }}\n", "ask us\n"))
    told = cli("template", "check", "own")
    assert told.code == 9
    assert "memo_delivery_email.txt: fail opt-out: the opt-out link is missing: write {{ unsubscribe_url }}" in told.out
    assert "why: The law wants it clear and conspicuous" in told.out
    assert "to correct" in told.err


def test_a_warning_is_told_and_passes(cli: Run):
    cli("template", "eject", "own")
    path = Path("own/memo_delivery_email.html")
    path.write_text(path.read_text().replace("font-size:13px", "font-size:11px"))
    told = cli("template", "check", "own")
    assert told.code == 0
    assert ": warn text-size: 'font-size:11px' is too small" in told.out
    assert "to consider" in told.err


def test_a_link_to_somebody_elses_domain_is_told_when_ours_is_known(cli: Run, monkeypatch: pytest.MonkeyPatch):
    cli("template", "eject", "own")
    for name in ("html", "txt"):
        path = Path(f"own/memo_delivery_email.{name}")
        link = '<a href="https://elsewhere.test/">Us</a> unless' if name == "html" else "https://elsewhere.test/ unless"
        path.write_text(path.read_text().replace("Would you be", f"{link} you be"))
    assert "link-foreign" not in cli("template", "check", "own").out
    monkeypatch.setenv("SENDGRID_FROM_EMAIL", "ann@realty.test")
    told = cli("template", "check", "own")
    assert told.code == 0
    assert "warn link-foreign: 'https://elsewhere.test/' is not on realty.test" in told.out


def test_a_folder_that_is_not_there_is_a_problem(cli: Run):
    told = cli("template", "check", "nowhere")
    assert told.code == 9
    assert "nowhere: fail template: is not a folder" in told.out


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
