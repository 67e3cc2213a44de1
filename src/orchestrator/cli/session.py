"""Opening what a command works with, from the environment and ``.env``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.orchestrator import OutreachOrchestrator
    from orchestrator.repository import OutreachRepository
    from orchestrator.settings import Settings

ENV_FILE = Path(".env")


def load_settings() -> Settings:
    """Read the environment and, under it, the ``.env`` file of the current directory.

    Raises:
        ConfigurationError: A value cannot be used.
    """
    from orchestrator import settings

    return settings.load(env_file=ENV_FILE)


@contextmanager
def opened_repository(configured: Settings | None = None) -> Iterator[OutreachRepository]:
    """Open the configured database for the length of a block."""
    from orchestrator.repository import OutreachRepository

    repository = OutreachRepository((configured or load_settings()).dsn)
    try:
        yield repository
    finally:
        repository.close()


@contextmanager
def opened() -> Iterator[OutreachOrchestrator]:
    """Open the configured installation for the length of a block."""
    from orchestrator.orchestrator import OutreachOrchestrator

    configured = load_settings()
    given = {name: getattr(configured, name) for name in configured.model_fields_set if name != "db_dsn"}
    with opened_repository(configured) as repository, OutreachOrchestrator(repository, **given) as orchestrator:
        yield orchestrator
