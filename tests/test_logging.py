"""Where the library's log lines go in a program that has not asked for anything."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from orchestrator import OutreachOrchestrator
from orchestrator.repository import OutreachRepository
from tests.samples import MEMO_URL, SCORE, TENANT, property_record

PROPERTY = "5f3c2f0e-8a51-4f0a-9a86-6a3d8c1e7b11"


@pytest.fixture(autouse=True)
def as_a_program_starts() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def create_twice(path: Path) -> None:
    """Create one campaign, and ask for it again with another owner, which is worth a warning."""
    repository = OutreachRepository(f"sqlite:///{path}")
    with OutreachOrchestrator(repository) as orchestrator:
        for email in ("first@owners.test", "second@owners.test"):
            orchestrator.create_campaign(TENANT, property_record(email, id_=PROPERTY), SCORE, MEMO_URL)
    repository.close()


def test_log_lines_go_through_logging_and_never_to_standard_output(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    create_twice(tmp_path / "library.db")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("orchestrator.services.campaigns.creating", logging.WARNING)
    assert record.getMessage().startswith("known property with another owner action=create.differs campaign_id=")
    assert capsys.readouterr().out == ""


def test_a_program_that_configured_structlog_keeps_its_configuration(tmp_path: Path) -> None:
    lines = structlog.testing.LogCapture()
    structlog.configure(processors=[lines])
    create_twice(tmp_path / "library.db")
    assert [line["action"] for line in lines.entries] == ["create.differs"]
