"""`Operations`: what people do who run the product. One short method per use case; the work is in `services`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from orchestrator import bootstrap
from orchestrator.services import health, ledger, maintenance, overview
from orchestrator.services.health import Check
from orchestrator.services.heartbeats import Pulse
from orchestrator.services.overview import Status


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

    def status(self) -> Status:
        """Say who works and what waits: heartbeats, queues, pauses, the outbox. It costs the same at any size."""
        return overview.look(self._services.read)

    # What the loops of a worker do

    def when_due(self, function: Callable[[], object]) -> Callable[[], None]:
        """Call `function` after each commit of this process that made something due; return what ends that."""
        return self._services.repository.when_due(function)

    def pulse(self, kind: str) -> Pulse:
        """Return the heartbeat of this process, a ``worker`` or a ``service``."""
        return Pulse(self._services.begin, kind)

    def recover(self) -> tuple[int, int]:
        """Deal with up to 500 attempts whose worker died: (put back into the queue, put in doubt)."""
        with self._services.begin() as tx:
            return ledger.recover(tx)

    def reconcile(self) -> Counter[str]:
        """Decide up to 500 attempts in doubt."""
        return Counter()

    def maintain(self) -> Counter[str]:
        """Delete what is too old, such as events published a week ago; return how many rows of each table."""
        return maintenance.run(self._services.begin)
