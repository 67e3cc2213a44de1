"""Looking through a suppression list, page by page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator.repository import Transaction, suppression_search
from orchestrator.repository.suppression_search import Place, Wanted, place
from orchestrator.repository.suppressions import Entry

Read = Callable[[], AbstractContextManager[Transaction]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Part of a list in its own order; `back` and `on` are the places to go on from, or None at an end."""

    entries: list[Entry]
    back: Place | None
    on: Place | None
    #: How many there are in all, counted up to 10,000.
    total: int


def page(
    read: Read, tenant_id: str, wanted: Wanted, limit: int, *, before: Place | None = None, after: Place | None = None
) -> Entries:
    """Return one page of the tenant's list.

    Args:
        read: Opens a transaction that only reads.
        tenant_id: Whose.
        wanted: Which entries.
        limit: Lines on a page.
        before: Go back to those in front of this place.
        after: Go on with those behind it; not together with `before`.
    """
    with read() as tx:
        found = suppression_search.page(tx, tenant_id, wanted, limit + 1, before=before, after=after)
        total = suppression_search.count(tx, tenant_id, wanted)
    more = len(found) > limit
    shown = (found[1:] if more else found) if before is not None else found[:limit]
    has_back = more if before is not None else after is not None
    has_on = more or before is not None
    return Entries(
        entries=shown, total=total,
        back=place(shown[0]) if shown and has_back else None, on=place(shown[-1]) if shown and has_on else None,
    )  # fmt: skip
