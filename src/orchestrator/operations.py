"""`Operations`: what people do who run the product. One short method per use case; the work is in `services`."""

from __future__ import annotations

from orchestrator import bootstrap
from orchestrator.services import health
from orchestrator.services.health import Check


class Operations:
    """The operators' side of `OutreachOrchestrator`; reached as its `operations`.

    Args:
        services: The wired services.
    """

    def __init__(self, services: bootstrap.Services) -> None:
        self._services = services

    # Looking

    def check_ready(self) -> list[Check]:
        """Say whether this installation can work: the database answers, and its schema is current."""
        return health.check(self._services.repository)
