"""Looking through a suppression list: by words, page by page, forth and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.suppression import Kind, address_key
from orchestrator.repository.engine import Transaction
from orchestrator.repository.suppressions import Entry, entry_of_row
from orchestrator.repository.tables import suppressions as table

#: Counting stops here: whoever sees this number knows that there are at least as many.
MOST = 10_000
_ORDER = (table.c.kind, table.c.value, table.c.reason, table.c.source)


class Place(NamedTuple):
    """Where an entry stands in the list's own order."""

    kind: str
    value: str
    reason: str
    source: str


class Wanted(NamedTuple):
    """Which entries: those whose value holds `text`, of one kind, with one reason; None: any."""

    text: str = ""
    kind: Kind | None = None
    reason: SuppressionReason | None = None


def place(entry: Entry) -> Place:
    """Return where an entry stands."""
    return Place(str(entry.kind), entry.value, str(entry.reason), entry.source)


def page(
    tx: Transaction, tenant_id: str, wanted: Wanted, limit: int, *, before: Place | None = None,
    after: Place | None = None,
) -> list[Entry]:  # fmt: skip
    """Return up to `limit` entries in the list's own order: behind `after`, or the nearest in front of `before`."""
    query = sa.select(table).where(*_conditions(tenant_id, wanted))
    if before is not None:
        backwards = query.where(sa.tuple_(*_ORDER) < sa.tuple_(*before))
        rows = tx.execute(backwards.order_by(*(column.desc() for column in _ORDER)).limit(limit)).all()
        return [entry_of_row(row) for row in reversed(rows)]
    if after is not None:
        query = query.where(sa.tuple_(*_ORDER) > sa.tuple_(*after))
    return [entry_of_row(row) for row in tx.execute(query.order_by(*_ORDER).limit(limit))]


def count(tx: Transaction, tenant_id: str, wanted: Wanted) -> int:
    """Return how many entries there are of this kind, up to `MOST`."""
    some: sa.Select[Any] = sa.select(sa.literal(1)).select_from(table).where(*_conditions(tenant_id, wanted))
    return tx.execute(sa.select(sa.func.count()).select_from(some.limit(MOST).subquery())).scalar_one()


def _conditions(tenant_id: str, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found = [table.c.tenant_id == tenant_id]
    if wanted.kind is not None:
        found.append(table.c.kind == wanted.kind)
    if wanted.reason is not None:
        found.append(table.c.reason == wanted.reason)
    if text := wanted.text.strip().casefold():
        holds = table.c.value.contains(text, autoescape=True)
        # Whoever types a whole address may write it otherwise than its canonical form.
        whole = "@" in text.strip("@")
        found.append(sa.or_(holds, table.c.value == address_key(text)) if whole else holds)
    return found
