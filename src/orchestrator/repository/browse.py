"""Lists of campaigns for people who look through them: narrow rows, by keys, never the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator import errors
from orchestrator.contracts import parse_email
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.message import MessageState
from orchestrator.domain.search import STAGES, Search
from orchestrator.domain.suppression import address_key
from orchestrator.repository import stages
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import IN_DOUBT, messages
from orchestrator.repository.tables import campaigns as table

#: Counting stops here: whoever sees this number knows that there are at least as many.
MOST = 10_000
#: Campaigns that one search looks at where no index helps: enough for most tenants, and some 50 ms.
WINDOW = 20_000


class Listed(NamedTuple):
    """One line of a list of campaigns."""

    id: str
    status: OutreachStatus
    line1: str | None
    city: str | None
    state: str | None
    zip: str | None
    owner_name: str | None
    owner_email: str
    batch: str | None
    hold_reason: str | None
    last_error: str | None
    next_send_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    machine_opened_at: datetime | None
    clicked_at: datetime | None
    responded_at: datetime | None
    bounced_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None
    failed_at: datetime | None
    in_doubt: bool


class Batch(NamedTuple):
    """What is known of an import: its label, how many campaigns carry it, and how they stand."""

    label: str
    campaigns: int
    first_at: datetime
    statuses: dict[OutreachStatus, int]
    held: int


def _in_doubt() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        messages.c.tenant_id == table.c.tenant_id,
        messages.c.campaign_id == table.c.id,
        messages.c.state == MessageState.IN_DOUBT,
    )


def _address(part: str) -> sa.ColumnElement[str]:
    return table.c.property_record["address"][part].as_string()


_BY_NAME = {"line1", "city", "state", "zip"}
_QUERY = sa.select(
    *(_address(name).label(name) if name in _BY_NAME else table.c[name] for name in Listed._fields[:-1]),
    _in_doubt().label("in_doubt"),
)


def page(
    tx: Transaction, tenant_id: str, search: Search, limit: int, *,
    before: str | None = None, after: str | None = None, edge: str | None = None,
) -> list[Listed]:  # fmt: skip
    """Return up to `limit` campaigns, newest first.

    Args:
        tx: The transaction.
        tenant_id: Whose.
        search: Which.
        limit: How many at most.
        before: Only those older than this campaign id.
        after: Only those newer than this campaign id: the `limit` next to it, still newest first.
        edge: The last campaign id that is looked at.
    """
    query = _QUERY.where(table.c.tenant_id == tenant_id, *_conditions(tx, tenant_id, search))
    if edge is not None:
        query = query.where(table.c.id >= edge if after is None else table.c.id <= edge)
    if after is not None:
        newer = query.where(table.c.id > after).order_by(table.c.id).limit(limit)
        return list(map(_listed, tx.execute(newer)))[::-1]
    if before is not None:
        query = query.where(table.c.id < before)
    return list(map(_listed, tx.execute(query.order_by(table.c.id.desc()).limit(limit))))


def edge(tx: Transaction, tenant_id: str, *, before: str | None = None, after: str | None = None) -> str | None:
    """Return the last of the `WINDOW` campaigns next to a place, or None when there are not so many.

    Args:
        tx: The transaction.
        tenant_id: Whose.
        before: Those older than this campaign id; None: the newest.
        after: Those newer than this campaign id.
    """
    query = sa.select(table.c.id).where(table.c.tenant_id == tenant_id).offset(WINDOW - 1).limit(1)
    if after is not None:
        return tx.execute(query.where(table.c.id > after).order_by(table.c.id)).scalar()
    if before is not None:
        query = query.where(table.c.id < before)
    return tx.execute(query.order_by(table.c.id.desc())).scalar()


def count(tx: Transaction, tenant_id: str, search: Search, edge: str | None = None) -> int:
    """Return how many campaigns there are of this kind, up to `MOST`; with an `edge`, from the newest to that one."""
    some = sa.select(sa.literal(1)).select_from(table)
    some = some.where(table.c.tenant_id == tenant_id, *_conditions(tx, tenant_id, search)).limit(MOST)
    if edge is not None:
        some = some.where(table.c.id >= edge)
    return tx.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one()


def batches(tx: Transaction, tenant_id: str, labels: Sequence[str]) -> list[Batch]:
    """Return the imports with these labels, each with its counts; those that no campaign carries are left out."""
    if not labels:
        return []
    # A list tells PostgreSQL nothing: for a single label it would read the whole table. SQLite does well with a list.
    alone = len(labels) == 1 and tx.dialect.is_postgresql
    same = table.c.batch == labels[0] if alone else tx.dialect.among(table.c.batch, labels)
    query = (
        sa.select(
            table.c.batch,
            table.c.status,
            sa.func.count(),
            sa.func.min(table.c.created_at),
            sa.func.count().filter(stages.HELD),
        )
        .where(table.c.tenant_id == tenant_id, same)
        .group_by(table.c.batch, table.c.status)
    )
    return list(_batches(labels, tx.execute(query).all()))


def labels(tx: Transaction, tenant_id: str, limit: int, before: str | None = None) -> list[str]:
    """Return up to `limit` labels of imports, in reverse alphabetical order behind `before`."""
    # A loose index scan: neither database skips from one label of the index to the next by itself.
    inner = table.alias("labelled")

    def next_label(behind: Any) -> sa.ScalarSelect[Any]:
        query = sa.select(inner.c.batch).where(inner.c.tenant_id == tenant_id, inner.c.batch.is_not(None))
        if behind is not None:
            query = query.where(inner.c.batch < behind)
        return query.order_by(inner.c.batch.desc()).limit(1).scalar_subquery()

    found = sa.select(next_label(before).label("batch")).cte("labels", recursive=True)
    found = found.union_all(sa.select(next_label(found.c.batch)).where(found.c.batch.is_not(None)))
    return list(tx.execute(sa.select(found.c.batch).where(found.c.batch.is_not(None)).limit(limit)).scalars())


def _batches(labels: Iterable[str], rows: Iterable[Sequence[Any]]) -> Iterator[Batch]:
    by_label: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        by_label.setdefault(row[0], []).append(row)
    for label in labels:
        mine = by_label.get(label, [])
        if mine:
            yield Batch(
                label=label,
                campaigns=sum(row[2] for row in mine),
                first_at=min(row[3] for row in mine),
                statuses={OutreachStatus(row[1]): row[2] for row in mine},
                held=sum(row[4] for row in mine),
            )


def _conditions(tx: Transaction, tenant_id: str, search: Search) -> Iterator[sa.ColumnElement[bool]]:
    c = table.c
    if search.status is not None:
        yield c.status == search.status
    if search.batch is not None:
        yield c.batch == search.batch
    if search.campaign_id is not None:
        yield c.id == search.campaign_id
    if search.owner is not None:
        whole, key = not search.owner.startswith("@"), _key(search.owner)
        yield c.id.in_(_of_owner(tenant_id, key)) if whole else c.owner_address_key.endswith(key, autoescape=True)
    if search.state is not None:
        yield sa.func.upper(_address("state")) == search.state
    for condition in search.conditions:
        yield _CONDITIONS[condition](tx)
    for word in search.words:
        yield sa.or_(*(_holds(column, word) for column in (c.owner_name, c.owner_email, c.subject)))


def _holds(column: sa.Column[Any], word: str) -> sa.ColumnElement[bool]:
    # SQLite, and PostgreSQL in the C locale, fold the case of ASCII letters only.
    spellings = dict.fromkeys((word, word.lower(), word.upper(), word.title()) if not word.isascii() else (word,))
    return sa.or_(*(column.icontains(spelling, autoescape=True) for spelling in spellings))


def _key(owner: str) -> str:
    """Return an address, or a domain with its ``@``, as campaigns are found by it."""
    somebody = "x" if owner.startswith("@") else ""
    try:
        return address_key(parse_email("owner", f"{somebody}{owner}")).removeprefix(somebody)
    except errors.ValidationError:  # nobody has such an address
        return owner


def _of_owner(tenant_id: str, key: str) -> sa.Select[str]:
    # As a query of its own: else SQLite walks through all campaigns in order, to save itself the sorting of a few.
    mine = table.alias("of_owner")
    return sa.select(mine.c.id).where(mine.c.tenant_id == tenant_id, mine.c.owner_address_key == key)


_STAGES = {name: "responded" if name == "answered" else name for name in STAGES}
_CONDITIONS: dict[str, Callable[[Transaction], sa.ColumnElement[bool]]] = {
    "held": lambda _: stages.HELD,
    "due": lambda tx: table.c.next_send_at <= tx.now(),
    # Few are in doubt: an index knows them, and which campaigns they are of.
    "doubt": lambda _: sa.tuple_(table.c.tenant_id, table.c.id).in_(
        sa.select(messages.c.tenant_id, messages.c.campaign_id).where(IN_DOUBT)
    ),
    "machine": lambda _: sa.and_(table.c.machine_opened_at.is_not(None), table.c.opened_at.is_(None)),
    **{name: lambda _, stage=stage: stages.COUNTED[stage] for name, stage in _STAGES.items()},
}


def _listed(row: Sequence[Any]) -> Listed:
    return Listed._make((row[0], OutreachStatus(row[1]), *row[2:-1], bool(row[-1])))
