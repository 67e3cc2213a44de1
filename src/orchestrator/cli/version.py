"""The version of the installed package."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """Return the version, for example ``0.1.0``."""
    return metadata.version("outreach-orchestrator")
