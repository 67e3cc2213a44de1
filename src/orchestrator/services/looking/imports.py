"""Imports as a whole: how the campaigns of each label stand, counted as `keeping` has it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator import contracts
from orchestrator.repository import Transaction, browse, statistics
from orchestrator.repository.browse import Batch
from orchestrator.services.looking.keeping import Keeper
from orchestrator.services.looking.statistics import Funnel, of_counts

Read = Callable[[], AbstractContextManager[Transaction]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportsPage:
    """Part of the list of imports, in reverse order of their labels; `older` is the label to go on from, or None."""

    as_of: datetime
    batches: list[Batch]
    older: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import at one moment: how its campaigns stand, and how far they got."""

    as_of: datetime
    batch: Batch
    funnel: Funnel


class Imports:
    """Imports of all tenants, to be looked at; reached as ``desk.imports``.

    Args:
        read: Opens a transaction that only reads.
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, read: Read, monotonic: Callable[[], float]) -> None:
        self._read = read
        self._pages: Keeper[tuple[datetime, list[Batch]]] = Keeper(monotonic)
        self._each: Keeper[Import | None] = Keeper(monotonic)

    def page(self, tenant_id: Any, *, limit: int = 50, before: str | None = None) -> ImportsPage:
        """Return up to `limit` imports behind the label `before`; which labels there are is read each time.

        Args:
            tenant_id: The tenant's UUID.
            limit: How many at most.
            before: Only labels in front of this one in alphabetical order.

        Raises:
            ValidationError: The id is malformed, or the limit is no count.
        """
        tenant, most = contracts.parse_id("tenant_id", tenant_id), contracts.parse_count("limit", limit)
        behind = None if before is None else contracts.parse_text("before", before)
        with self._read() as tx:
            labels = browse.labels(tx, tenant, most + 1, behind)
        shown = labels[:most]
        as_of, batches = self._pages.get((tenant, *shown), lambda: self._counted(tenant, shown))
        return ImportsPage(as_of=as_of, batches=batches, older=shown[-1] if len(labels) > most else None)

    def one(self, tenant_id: Any, label: str, *, fresh: bool = False) -> Import | None:
        """Return one import; None when no campaign carries its label.

        Args:
            tenant_id: The tenant's UUID.
            label: The import's.
            fresh: Whether it is counted in any case, because somebody has just done something to it.

        Raises:
            ValidationError: The id is malformed.
        """
        tenant, label = contracts.parse_id("tenant_id", tenant_id), contracts.parse_text("label", label)
        if fresh:
            self._each.forget((tenant, label))
        return self._each.get((tenant, label), lambda: self._opened(tenant, label))

    def _counted(self, tenant_id: str, labels: list[str]) -> tuple[datetime, list[Batch]]:
        with self._read() as tx:
            return tx.now(), browse.batches(tx, tenant_id, labels)

    def _opened(self, tenant_id: str, label: str) -> Import | None:
        with self._read() as tx:
            found = browse.batches(tx, tenant_id, [label])
            if not found:
                return None
            funnel = of_counts(statistics.reached(tx, tenant_id, label))
            return Import(as_of=tx.now(), batch=found[0], funnel=funnel)
