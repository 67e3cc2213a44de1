"""Whether this installation can work."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator import errors
from orchestrator.repository import OutreachRepository


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at, and what was found."""

    name: str
    ok: bool
    detail: str


def check(repository: OutreachRepository) -> list[Check]:
    """Look at what the service depends on; never raises for what it finds."""
    try:
        return [Check("database", True, repository.server_version())]
    except errors.OrchestratorError as error:
        return [Check("database", False, str(error))]
