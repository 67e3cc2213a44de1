"""How a tenant's mail is going: the queue in numbers, what holds it back, and the last quarter of an hour."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain import consent
from orchestrator.repository import Transaction, dispatching
from orchestrator.repository.dispatching import Doubtful, Failure, Queued
from orchestrator.services.looking.keeping import Keeper
from orchestrator.services.recording import holds

Read = Callable[[], AbstractContextManager[Transaction]]

#: Mails in doubt, and failures, that are shown.
SHOWN = 20
#: Minutes that the chart goes back.
MINUTES = 15
#: Reasons of holds that go on with what they found: each of them is one reason.
_FAMILIES = (holds.OWNER_HELD, holds.MISSED, consent.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A tenant's mail at one moment."""

    at: datetime
    queued: Queued
    #: Why campaigns are held, and how many: the most first.
    held: list[tuple[str, int]]
    doubtful: list[Doubtful]
    failures: list[Failure]
    #: What the law wants and the sender lacks; None: nothing.
    lacking: str | None
    #: Mails a second that the account may send; None: any number.
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """The last minutes, oldest first: when each ended, how many were due then, and how many left in it."""

    at: list[datetime]
    due: list[int]
    sent: list[int]


def board(read: Read, tenant_id: str, gap: timedelta, *, lacking: str | None, rate: float | None) -> Board:
    """Return how a tenant's mail is going; its cost is bounded at any size.

    Args:
        read: Opens a transaction that only reads.
        tenant_id: Whose.
        gap: The least time between two mails to one address.
        lacking: What the law wants and the sender lacks.
        rate: Mails a second that the account may send.
    """
    with read() as tx:
        return Board(
            lacking=lacking,
            rate=rate,
            at=tx.now(),
            queued=dispatching.queued(tx, tenant_id, gap),
            held=_by_family(dispatching.held(tx, tenant_id)),
            doubtful=dispatching.doubtful(tx, tenant_id, SHOWN),
            failures=dispatching.failures(tx, tenant_id, SHOWN),
        )


def recent(read: Read, tenant_id: str) -> Recent:
    """Return a tenant's last quarter of an hour, counted back from what is due now."""
    with read() as tx:
        now, due = tx.now(), dispatching.count_due(tx, tenant_id)
        sent, became_due = dispatching.moved(tx, tenant_id, MINUTES)
    depth = [due]
    for ago in range(MINUTES - 1):
        depth.append(max(0, depth[-1] + sent.get(ago, 0) - became_due.get(ago, 0)))
    back = range(MINUTES - 1, -1, -1)
    return Recent(
        at=[now - timedelta(minutes=ago) for ago in back],
        due=[depth[ago] for ago in back],
        sent=[sent.get(ago, 0) for ago in back],
    )


class Watch:
    """Counts the last quarter of an hour once for all who look at it, and again when the numbers have grown old.

    Args:
        read: Opens a transaction that only reads.
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, read: Read, monotonic: Callable[[], float]) -> None:
        self._read = read
        self._keeper: Keeper[Recent] = Keeper(monotonic)

    def of(self, tenant_id: str) -> Recent:
        """Return a tenant's last quarter of an hour as `keeping` has it."""
        return self._keeper.get(tenant_id, lambda: recent(self._read, tenant_id))


def _by_family(reasons: list[tuple[str, int]]) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    for reason, n in reasons:
        family = next((one for one in _FAMILIES if reason.startswith(one)), None)
        name = family.rstrip(": ") if family else reason
        found[name] = found.get(name, 0) + n
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))
