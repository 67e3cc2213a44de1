"""Starting fast, streams kept apart, exit codes, and errors that teach."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from orchestrator import errors
from orchestrator.cli import failures
from orchestrator.cli.application import app
from orchestrator.cli.failures import ExitCode
from tests.cli.conftest import Run, create, finished

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
# Not pydantic: typer itself loads it for some options.
HEAVY = ("sqlalchemy", "alembic", "fastapi", "uvicorn", "aiohttp", "jinja2")


GROUPS = ["batch", "campaign", "config", "dashboard", "db", "reply", "suppress", "template", "tenant"]


def commands() -> dict[str, TyperCommand]:
    """Every command by its full name."""

    def walk(name: str, command: object) -> dict[str, TyperCommand]:
        if isinstance(command, TyperGroup):
            return {k: v for each, sub in command.commands.items() for k, v in walk(f"{name} {each}", sub).items()}
        assert isinstance(command, TyperCommand)
        return {name.strip(): command}

    return walk("", get_command(app))


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["import", "--help"], ["demo", "-h"]], ids=" ".join)
def test_telling_version_or_help_loads_no_heavy_library(arguments: list[str]):
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: sys.stderr.write(','.join(m for m in {HEAVY!r} if m in sys.modules)))\n"
        f"sys.argv = ['outreach', *{arguments!r}]\n"
        "from orchestrator.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "outreach" in done.stdout


def test_version_is_one_line_on_stdout():
    told = finished("--version")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("outreach ")
    assert told.out.count("\n") == 1


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_and_stands_in_the_docs(name: str, cli: Run):
    told = cli(*name.split(), "--help")
    assert told.code == 0
    assert (commands()[name].help or "").strip()
    text = DOCS.read_text("utf-8")
    assert f"## outreach {name}\n" in text
    section = text.split(f"## outreach {name}\n")[1].split("\n## ")[0]
    named = {option for p in commands()[name].params for option in p.opts if option.startswith("--")}
    assert {option for option in named if f"`{option}" not in section} - {"--help"} == set()


def test_the_docs_and_help_list_every_exit_code(cli: Run):
    text, help_ = DOCS.read_text("utf-8"), " ".join(cli("--help").out.split())
    assert {code for code in ExitCode if f"| {int(code)} | {failures.MEANINGS[code]}" not in text} == set()
    assert {code for code in ExitCode if f"{int(code)} {failures.MEANINGS[code]}" not in help_} == set()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.MissingApiKey(), 3),
        (errors.DatabaseUnreachable(), 3),
        (errors.SchemaOutOfDate(), 3),
        (errors.ValidationError("field", "is wrong"), 2),
        (errors.CampaignNotFound("x"), 4),
        (errors.InvalidState("no"), 5),
        (errors.SendRejected("no"), 5),
        (errors.NotSent("no"), 7),
        (errors.SendInDoubt("no"), 7),
        (errors.TemplateError("no"), 9),
        (errors.UnstorableData("no"), 1),
        (RuntimeError("boom"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, code: int):
    assert failures.exit_code_of(error) == code


def test_bare_outreach_tells_the_state_and_three_next_commands_and_succeeds(cli: Run, tmp_path: Path):
    told = cli()
    assert told.code == 0
    assert "made at the first use" in told.out
    assert told.out.split("Next:\n")[1].count("  outreach ") == 3
    assert not list(Path(os.environ["XDG_DATA_HOME"]).rglob("*.db")), "looking must not create the database"


def test_bare_outreach_tells_what_is_there(cli: Run, sqlite_database: Path):
    create(3)
    told = cli()
    assert "3 scheduled" in told.out
    assert "outreach stats" in told.out


def test_an_unreachable_database_is_said_with_a_fix(cli: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_DSN", "postgresql://somebody:hush@127.0.0.1:1/x")
    told = cli("stats")
    assert (told.code, told.out) == (3, "")
    assert "did not answer" in told.words
    assert "→ Check that DB_DSN names a running server" in told.words
    assert "hush" not in told.err
    assert "Traceback" not in told.err
    bare = cli()
    assert bare.code == 0
    assert "did not answer" in bare.out


def test_with_json_an_error_is_a_problem_document_on_stderr(cli: Run, sqlite_database: Path):
    told = cli("campaign", "show", "0190f3a0-0000-7000-8000-000000000009", "--json")
    assert (told.code, told.out) == (4, "")
    assert told.problem["type"] == "/errors/campaign-not-found"
    assert "Campaign not found" in told.problem["detail"]
    assert told.problem["exit_code"] == 4
    assert told.problem["fix"]


def test_a_broken_setting_is_named(cli: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OUTREACH_BASE_URL", "go.example.test")
    told = cli("config", "show")
    assert told.code == 3
    assert "OUTREACH_BASE_URL is wrong: must start with http:// or https://" in told.words


def test_a_mistyped_command_is_a_usage_error_with_a_suggestion(cli: Run):
    told = cli("sned")
    assert told.code == 2
    assert "Did you mean 'send'" in told.words


def test_a_defect_shows_its_traceback_only_when_debugging(capsys: pytest.CaptureFixture[str], monkeypatch):
    assert failures.report(RuntimeError("boom"), as_json=False) == 1
    plain = capsys.readouterr()
    monkeypatch.setenv("OUTREACH_DEBUG", "1")
    try:
        raise RuntimeError("boom")
    except RuntimeError as error:
        failures.report(error, as_json=False)
    debugging = capsys.readouterr()
    assert "boom" in plain.err
    assert "OUTREACH_DEBUG=1" in plain.err
    assert "Traceback" not in plain.err
    assert "Traceback" in debugging.err
    assert (plain.out, debugging.out) == ("", "")


def test_nothing_is_colored_when_nobody_looks(sqlite_database: Path):
    create(1)
    told = finished("campaign", "list")
    assert told.code == 0
    assert "\x1b" not in told.out + told.err


def test_the_env_file_of_the_current_directory_is_read_under_the_environment(cli: Run, monkeypatch):
    Path(".env").write_text("OUTREACH_COMPANY_NAME=File Inc\nSENDGRID_FROM_NAME=File\nSENDGRID_API_KEY=SG.secret\n")
    monkeypatch.setenv("SENDGRID_FROM_NAME", "Environment")
    shown = cli("config", "show", "--sources", "--json").json
    assert shown["OUTREACH_COMPANY_NAME"] == {"value": "File Inc", "source": ".env"}
    assert shown["SENDGRID_FROM_NAME"] == {"value": "Environment", "source": "environment"}
    assert shown["OUTREACH_BRAND_COLOR"]["source"] == "default"


def test_secrets_are_masked(cli: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.hush")
    monkeypatch.setenv("OUTREACH_SECRET_KEY", "hush")
    monkeypatch.setenv("DB_DSN", "postgresql://me:hush@db.example.test/outreach")
    told = cli("config", "show")
    assert told.code == 0
    assert "hush" not in told.out + told.err
    assert "db.example.test" in told.out


def test_the_pipe_may_close_early(sqlite_database: Path):
    create(200)
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m orchestrator.cli campaign list --limit 200 --jsonl | head -n 1",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["status"] == "scheduled"
    assert "Error" not in done.stderr


def test_groups_have_help(cli: Run):
    groups = [name for name, sub in get_command(app).commands.items() if isinstance(sub, TyperGroup)]  # type: ignore[attr-defined]
    assert sorted(groups) == GROUPS
    assert all(cli(group, "--help").code == 0 for group in groups)
    assert isinstance(app, typer.Typer)


@pytest.mark.parametrize("group", GROUPS)
def test_a_bare_group_shows_its_help_and_succeeds(group: str, cli: Run):
    told = cli(group)
    assert (told.code, told.err) == (0, "")
    assert told.out == cli(group, "--help").out
