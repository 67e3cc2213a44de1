"""The store's side of the story, read without locks while the attack goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.message import MessageState
from orchestrator.repository import OutreachRepository, endpoint, outbox, statistics


@dataclass(frozen=True, slots=True)
class Count:
    """How much is open: campaigns in the queue, attempts by state, held campaigns, events to be published."""

    queued: int
    reserved: int
    handed: int
    in_doubt: int
    accepted: int
    held: int
    unpublished: int

    @property
    def open(self) -> int:
        """What goes on by itself, and soon."""
        return self.queued + self.reserved + self.handed + self.unpublished

    @property
    def undecided(self) -> int:
        """Attempts in doubt that no person has been asked about."""
        return self.in_doubt - self.held


class Ledger:
    """Counts rows of the run's tenants.

    Args:
        repository: The run's database.
        tenants: The run's tenants.
    """

    def __init__(self, repository: OutreachRepository, tenants: Sequence[str]) -> None:
        self._repository = repository
        self._tenants = tenants

    def count(self) -> Count:
        """Return what is open now."""
        with self._repository.reading() as tx:
            states = statistics.attempts_by_state(tx, self._tenants)
            queued, held = statistics.queued_and_held(tx, self._tenants)
            unpublished = outbox.count_unpublished(tx)
        return Count(
            queued=queued,
            reserved=states.get(MessageState.RESERVED, 0),
            handed=states.get(MessageState.HANDED, 0),
            in_doubt=states.get(MessageState.IN_DOUBT, 0),
            accepted=states.get(MessageState.ACCEPTED, 0),
            held=held,
            unpublished=unpublished,
        )

    def heard(self) -> bool:
        """Whether somebody has served webhooks."""
        with self._repository.reading() as tx:
            return bool(endpoint.watched(tx).spans)

    def deaf(self) -> bool:
        """Whether, by the store's own books, nobody served webhooks for a while since somebody first did."""
        with self._repository.reading() as tx:
            spans = sorted(endpoint.watched(tx).spans)
        reached = spans[0][1] if spans else None
        for start, end in spans:
            if reached is not None and start > reached:
                return True
            reached = max(reached or end, end)
        return False
