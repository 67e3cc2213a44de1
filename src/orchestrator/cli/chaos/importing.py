"""Owners to write to, imported while the attack goes on, so that there is always something to lose."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import structlog

from orchestrator import errors
from orchestrator.orchestrator import OutreachOrchestrator

log = structlog.get_logger(__name__)

#: Label of a run's campaigns.
BATCH = "chaos"
#: Campaigns created in one go.
AT_ONCE = 20
#: Seconds until an import that the database was too busy for is repeated.
PAUSE = 0.2
_SCORE = {
    "score": 82,
    "reasons": [{"feature": "rents", "weight": 0.6, "direction": "positive", "note": "Rents nearby rose 4%"}],
}


class Importer(threading.Thread):
    """Creates campaigns, one per owner, the tenants in turn, up to a number that grows.

    It has a thread of its own because a stopped worker may hold SQLite's one write lock, and the supervisor, which is
    to let that worker go on, must not wait for it.

    Args:
        orchestrator: The façade.
        tenants: Whose campaigns they are.
        run: Tells this run's owners from another one's on the same database.
    """

    def __init__(self, orchestrator: OutreachOrchestrator, tenants: Sequence[str], run: str) -> None:
        super().__init__(name="chaos-importer", daemon=True)
        self._orchestrator = orchestrator
        self._tenants = tenants
        self._run = run
        self._changed = threading.Condition()
        self._wanted = 0
        self._ended = False
        self._numbers = iter(range(10**9))
        #: (tenant, campaign) of everything created.
        self.created: list[tuple[str, str]] = []

    def want(self, total: int) -> None:
        """Let there be `total` campaigns, soon."""
        with self._changed:
            self._wanted = max(self._wanted, total)
            self._changed.notify_all()

    def caught_up(self) -> bool:
        """Whether everything wanted is there."""
        with self._changed:
            return len(self.created) >= self._wanted

    def end(self) -> None:
        """Create no more, and wait for the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.join()

    def run(self) -> None:
        while (count := self._next()) > 0:
            for tenant in self._tenants:
                share = count // len(self._tenants) + (tenant == self._tenants[0]) * (count % len(self._tenants))
                self._create(tenant, [self._item(next(self._numbers)) for _ in range(share)])

    def _next(self) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._wanted > len(self.created))
            return 0 if self._ended else min(AT_ONCE, self._wanted - len(self.created))

    def _create(self, tenant: str, items: list[dict[str, Any]]) -> None:
        for ids in self._insisting(tenant, items):
            with self._changed:
                self.created += [(tenant, id_) for id_ in ids]

    def _insisting(self, tenant: str, items: list[dict[str, Any]]) -> Iterator[list[str]]:
        while not self._ended:
            try:
                results = list(self._orchestrator.create_campaigns(tenant, items))
            except errors.DatabaseUnreachable as error:
                log.info("import waits", action="chaos.import", reason=str(error))
                threading.Event().wait(PAUSE)
                continue
            for result in results:
                if result.error is not None:
                    raise result.error
            yield [result.campaign.id for result in results if result.campaign]
            return

    def _item(self, number: int) -> dict[str, Any]:
        """One owner of one property; repeated after a failure it is the same again."""
        return {
            "property_record": {
                "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._run}:{number}")),
                "owner": {"name": "SAMPLE, SARAH A", "email": f"owner-{number}@{self._run}.example.test"},
                "address": {"line1": f"{number} Maple Street", "city": "Dayton", "state": "OH", "zip": "45402"},
            },
            "score_result": _SCORE,
            "memo_url": "https://memo.example.test/memo.pdf",
            "batch": BATCH,
        }
