"""Replies as people look through them: without the whole mails, page by page, counted up to a limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.reply import ReplyKind, ReplyLabel
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction
from orchestrator.repository.replies import UNREADABLE, Reply
from orchestrator.repository.tables import WAITING, campaigns
from orchestrator.repository.tables import replies as table

#: Counting stops here.
MOST = 1000
#: Of what is newest, as many are marks of what has happened.
_NEWEST = 20
_LEAN = [table.c[name] for name in column_names(table) if name not in ("body", "headers")]
_MACHINES = (ReplyKind.AUTOMATIC, ReplyKind.BOUNCE, ReplyKind.RECEIPT)
#: Mail of nobody that a person may know what to do with; a machine's is not among it.
_FOR_SOMEBODY = (ReplyKind.HUMAN, ReplyKind.OPT_OUT, ReplyKind.COMPLAINT, UNREADABLE)


class Answered(NamedTuple):
    """The campaign that a reply answers, or might."""

    id: str
    status: OutreachStatus
    line1: str | None
    city: str | None
    owner_name: str | None
    owner_email: str
    subject: str
    owner_address_key: str


class Agreed(NamedTuple):
    """How often people looked at a label that a rule had given, and left it at `label` or changed it to that."""

    rule_label: str
    label: str
    n: int


def _said(label: ReplyLabel) -> sa.ColumnElement[bool]:
    said = sa.and_(table.c.kind == ReplyKind.HUMAN, table.c.label == label)
    if label is ReplyLabel.OPT_OUT:
        return sa.or_(said, table.c.kind.in_([ReplyKind.OPT_OUT, ReplyKind.COMPLAINT]))
    return said


#: What can be looked at, each by its name, of one tenant.
PARTS: Mapping[str, sa.ColumnElement[bool] | sa.TextClause] = {
    "waiting": WAITING,
    "latest": sa.true(),
    **{str(label): _said(label) for label in ReplyLabel},
    "automatic": table.c.kind.in_(_MACHINES),
}
#: What belongs to no campaign, and nobody has dealt with.
NOBODYS = "nobodys"


def _of(tenant_id: str, part: str) -> list[sa.ColumnElement[bool] | sa.TextClause]:
    if part == NOBODYS:
        return [table.c.tenant_id.is_(None), table.c.kind.in_(_FOR_SOMEBODY), table.c.released_at.is_(None)]
    return [table.c.tenant_id == tenant_id, PARTS[part]]


def page(
    tx: Transaction, tenant_id: str, part: str, limit: int, *, before: str | None = None, after: str | None = None
) -> list[Reply]:
    """Return up to `limit` replies without their whole mails and headers, newest first.

    Args:
        tx: The transaction.
        tenant_id: Whose.
        part: One of `PARTS`, or `NOBODYS`.
        limit: How many at most.
        before: Only those older than this reply id.
        after: Only those newer than this reply id: the `limit` next to it, still newest first.
    """
    query = sa.select(*_LEAN).where(*_of(tenant_id, part))
    if after is not None:
        return _replies(tx, query.where(table.c.id > after).order_by(table.c.id).limit(limit))[::-1]
    if before is not None:
        query = query.where(table.c.id < before)
    return _replies(tx, query.order_by(table.c.id.desc()).limit(limit))


def of_campaign(tx: Transaction, tenant_id: str, campaign_id: str, limit: int) -> list[Reply]:
    """Return up to `limit` replies to one campaign without their whole mails and headers, newest first."""
    # As a query of its own: else SQLite walks through all replies in order, to save itself the sorting of a few.
    mine = table.alias("to_campaign")
    ids = sa.select(mine.c.id).where(mine.c.tenant_id == tenant_id, mine.c.campaign_id == campaign_id)
    query = sa.select(*_LEAN).where(table.c.tenant_id == tenant_id, table.c.id.in_(ids))
    return _replies(tx, query.order_by(table.c.id.desc()).limit(limit))


def counts(tx: Transaction, tenant_id: str) -> dict[str, int]:
    """Return how many replies each of `PARTS` and `NOBODYS` holds, each counted up to `MOST`, in one statement."""
    names = [*PARTS, NOBODYS]
    return dict(zip(names, tx.execute(sa.select(*(_count(_of(tenant_id, name)) for name in names))).one(), strict=True))


def waiting(tx: Transaction, tenant_id: str) -> int:
    """Return how many replies wait for a person, counted up to `MOST`."""
    return tx.execute(sa.select(_count(_of(tenant_id, "waiting")))).scalar_one()


def marks(tx: Transaction, tenant_id: str) -> tuple[Any, ...]:
    """Return what changes when a reply of the tenant comes in, gets a label, or has been read."""
    newest = sa.select(table.c.id).order_by(table.c.id.desc()).limit(_NEWEST)
    touched = sa.select(sa.func.max(table.c.labelled_at)).where(
        table.c.tenant_id == tenant_id, table.c.labelled_at.is_not(None)
    )
    # What another process began earlier and committed later is among the newest, and what is assigned leaves them.
    found = (
        tx.execute(newest.where(whose)).scalars()
        for whose in (table.c.tenant_id == tenant_id, table.c.tenant_id.is_(None))
    )
    return (*map(tuple, found), tx.execute(touched).scalar(), waiting(tx, tenant_id))


def agreement(tx: Transaction, tenant_id: str) -> list[Agreed]:
    """Return what people made of the labels that rules had given; only labels that somebody looked at count."""
    query = sa.select(table.c.rule_label, table.c.label, sa.func.count()).where(
        table.c.tenant_id == tenant_id, table.c.labelled_at.is_not(None), table.c.rule_label.is_not(None)
    )
    return [Agreed(*row) for row in tx.execute(query.group_by(table.c.rule_label, table.c.label))]


def answered(tx: Transaction, tenant_id: str, campaign_ids: Iterable[str]) -> dict[str, Answered]:
    """Return what is to be said of campaigns beside their replies, by campaign id."""
    ids = list(campaign_ids)
    return {one.id: one for one in _campaigns(tx, tenant_id, campaigns.c.id, ids)} if ids else {}


def written_to(tx: Transaction, tenant_id: str, address_keys: Iterable[str], limit: int) -> list[Answered]:
    """Return up to `limit` campaigns to some addresses whose mail has left, newest first."""
    keys = list(address_keys)
    if not keys:
        return []
    return _campaigns(tx, tenant_id, campaigns.c.owner_address_key, keys, campaigns.c.sent_at.is_not(None), limit=limit)


def held_for(tx: Transaction, tenant_id: str, address_keys: Iterable[str], reason: str) -> dict[str, int]:
    """Return how many scheduled campaigns to each address are held for a reason that begins with `reason`."""
    keys = list(address_keys)
    if not keys:
        return {}
    key = campaigns.c.owner_address_key
    query = sa.select(key, sa.func.count()).where(
        campaigns.c.tenant_id == tenant_id,
        tx.dialect.among(key, keys),
        campaigns.c.status == OutreachStatus.SCHEDULED,
        campaigns.c.hold_reason.startswith(reason, autoescape=True),
    )
    return {row[0]: row[1] for row in tx.execute(query.group_by(key))}


def _campaigns(
    tx: Transaction, tenant_id: str, column: sa.Column[Any], values: list[str], *more: sa.ColumnElement[bool],
    limit: int | None = None,
) -> list[Answered]:  # fmt: skip
    c, address = campaigns.c, campaigns.c.property_record["address"]
    query = sa.select(
        c.id, c.status, address["line1"].as_string(), address["city"].as_string(), c.owner_name, c.owner_email,
        c.subject, c.owner_address_key,
    ).where(c.tenant_id == tenant_id, tx.dialect.among(column, values), *more)  # fmt: skip
    rows = tx.execute(query.order_by(c.id.desc()).limit(limit))
    return [Answered(row[0], OutreachStatus(row[1]), *row[2:]) for row in rows]


def _replies(tx: Transaction, query: sa.Select[*tuple[Any, ...]]) -> list[Reply]:
    return [Reply(**row._mapping) for row in tx.execute(query)]


def _count(conditions: Iterable[sa.ColumnElement[bool] | sa.TextClause]) -> sa.ScalarSelect[int]:
    some = sa.select(sa.literal(1)).select_from(table).where(*conditions).limit(MOST).subquery()
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()
