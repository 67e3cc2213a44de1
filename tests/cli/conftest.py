"""The command line as a person or a script meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from orchestrator.cli.application import app
from orchestrator.cli.options import DEFAULT_TENANT
from orchestrator.repository import OutreachRepository

OUTREACH = str(Path(sys.executable).parent / "outreach")
TIMEOUT = 60


@dataclass(frozen=True)
class Told:
    """What one command told."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        return json.loads(self.err)

    @property
    def words(self) -> str:
        """Everything on stderr, on one line."""
        return " ".join(self.err.split())


Run = Callable[..., Told]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Runs a command line in this process, in an empty directory of its own."""
    workplace = tmp_path / "workplace"
    workplace.mkdir()
    monkeypatch.chdir(workplace)

    def run(*arguments: str | Path, stdin: bytes | None = None) -> Told:
        result = CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Told(result.exit_code, result.stdout, result.stderr)

    yield run
    structlog.reset_defaults()


@pytest.fixture
def database(dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of each kind, configured as ``DB_DSN``."""
    monkeypatch.setenv("DB_DSN", dsn)
    return dsn


@pytest.fixture
def sqlite_database(migrated_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh SQLite database, configured as ``DB_DSN``, for what does not depend on the kind."""
    path = tmp_path / "cli.db"
    path.write_bytes(migrated_file.read_bytes())
    monkeypatch.setenv("DB_DSN", f"sqlite:///{path}")
    return path


@contextmanager
def started(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The installed script in a process of its own; killed at the end of the block if it is still there."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    process = subprocess.Popen([OUTREACH, *arguments], **streams)
    try:
        with process:
            yield process
    finally:
        process.kill()
        process.wait()


def finished(*arguments: str, **options: Any) -> Told:
    """Run the installed script to its end."""
    with started(*arguments, **options) as process:
        out, err = process.communicate(timeout=TIMEOUT)
    return Told(process.returncode, (out or b"").decode(), (err or b"").decode())


def line_with(stream: Any, words: str) -> str:
    """Read lines until one holds `words`."""
    for raw in stream:
        line = raw.decode()
        if words in line:
            return line
    raise AssertionError(f"the process ended without saying {words!r}")


def item(number: int = 1, **owner: Any) -> dict[str, Any]:
    """One importable item."""
    return {
        "property_record": {
            "id": f"0190f3a0-0000-7000-8000-{number:012}",
            "owner": {"name": "SMITH, JOHN", "email": f"owner{number}@sample.test"} | owner,
            "address": {"line1": f"{number} Maple St", "city": "Boston", "state": "MA", "zip": "02139"},
        },
        "score_result": {"score": 82, "reasons": [{"note": "Rents rose", "weight": 0.5, "direction": "positive"}]},
        "memo_url": f"https://memos.sample.test/{number}.pdf",
    }


def create(count: int = 1) -> list[str]:
    """Create campaigns in the configured database; their ids."""
    from orchestrator.orchestrator import OutreachOrchestrator

    repository = OutreachRepository(os.environ["DB_DSN"])
    try:
        with OutreachOrchestrator(repository) as orchestrator:
            results = orchestrator.create_campaigns(DEFAULT_TENANT, (item(n) for n in range(1, count + 1)))
            return [result.campaign.id for result in results if result.campaign]
    finally:
        repository.close()
