"""Mail that came back, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.domain.reply import ReplyKind, ReplyLabel
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import counters, messages
from orchestrator.repository.tables import replies as table

#: What a row's ``kind`` says of bytes that nobody could read as a mail.
UNREADABLE = "unreadable"
#: Labels of replies that wait for somebody to read and answer them; the others ask for nothing more.
FOR_A_PERSON = (ReplyLabel.QUESTION, ReplyLabel.INTERESTED, ReplyLabel.OTHER, ReplyLabel.LEGAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One row of ``replies``. What has no tenant belongs to nobody known, and waits for a person."""

    id: str
    dedupe_key: str
    kind: str
    received_at: datetime
    tenant_id: str | None = None
    campaign_id: str | None = None
    message_id: str | None = None
    rule: str | None = None
    rule_label: str | None = None
    rule_words: list[str] | None = None
    label: str | None = None
    labelled_at: datetime | None = None
    labelled_by: str | None = None
    matched_by: str | None = None
    #: Whose other mail waits until somebody has read this; None where no person wrote.
    address_key: str | None = None
    from_email: str | None = None
    to_email: str | None = None
    subject: str | None = None
    #: What is new in it.
    text: str = ""
    #: The whole mail as text.
    body: str = ""
    headers: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    released_at: datetime | None = None

    @property
    def matched(self) -> tuple[str, str] | None:
        """The campaign it answers, as (tenant, campaign)."""
        return None if self.tenant_id is None or self.campaign_id is None else (self.tenant_id, self.campaign_id)

    @property
    def waits_for_a_person(self) -> bool:
        """Whether somebody has to read it: a person wrote, no rule settles it, and nobody has released it."""
        return self.kind == ReplyKind.HUMAN and self.label in FOR_A_PERSON and self.released_at is None


class Judged(NamedTuple):
    """How often one rule judged, and what people made of that. Without a person's word a label stays the rule's."""

    rule: str
    rule_label: str
    label: str
    n: int


_COLUMNS = column_names(table)
_values = attrgetter(*_COLUMNS)
_OPEN = sa.text("address_key IS NOT NULL AND released_at IS NULL")  # as the partial index says it


def keep_first(tx: Transaction, reply: Reply) -> bool:
    """Store `reply` unless its mail is stored already; say whether it was. Waits for whoever is storing the same mail.

    The row is locked before anything else that the transaction locks.
    """
    row = dict(zip(_COLUMNS, _values(reply), strict=True))
    return bool(tx.bulk.insert_new(table, [row]))


def get(tx: Transaction, reply_id: str) -> Reply | None:
    """Return one reply, or None."""
    row = tx.execute(sa.select(table).where(table.c.id == reply_id)).first()
    return Reply(**row._mapping) if row else None


def lock(tx: Transaction, reply_id: str) -> Reply | None:
    """Lock one reply, before anything else is locked, and return it; None when there is none."""
    row = tx.execute(tx.dialect.locking(sa.select(table).where(table.c.id == reply_id))).first()
    return Reply(**row._mapping) if row else None


def update(tx: Transaction, reply_id: str, **columns: Any) -> None:
    """Change columns of a reply that this transaction has locked."""
    tx.execute(table.update().where(table.c.id == reply_id).values(**columns))


def page(
    tx: Transaction,
    tenant_id: str | None,
    limit: int,
    *,
    before: str | None = None,
    waiting: bool = False,
    label: str | None = None,
    kind: str | None = None,
) -> list[Reply]:
    """Return up to `limit` replies, newest first.

    Args:
        tx: The transaction.
        tenant_id: Whose; None: those that belong to nobody.
        limit: Most replies returned.
        before: Only older ones than the reply with this id.
        waiting: Only those that wait for a person.
        label: Only those with this label now.
        kind: Only those of this kind.
    """
    mine = table.c.tenant_id.is_(None) if tenant_id is None else table.c.tenant_id == tenant_id
    query = sa.select(table).where(mine)
    if before is not None:
        query = query.where(table.c.id < before)
    if waiting:
        query = query.where(_waits())
    if label is not None:
        query = query.where(table.c.label == label)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    return [Reply(**row._mapping) for row in tx.execute(query.order_by(table.c.id.desc()).limit(limit))]


def holding(tx: Transaction, tenant_id: str, address_key: str) -> list[str]:
    """Return the ids of replies that keep mail to an address waiting, oldest first."""
    query = sa.select(table.c.id).where(table.c.tenant_id == tenant_id, table.c.address_key == address_key, _OPEN)
    return list(tx.execute(query.order_by(table.c.id)).scalars())


def judged(tx: Transaction, tenant_id: str | None) -> list[Judged]:
    """Return how each rule's judgements fared; `tenant_id` None: of all tenants, and of what belongs to nobody."""
    columns = (table.c.rule, table.c.rule_label, table.c.label)
    query = sa.select(*columns, sa.func.count()).where(table.c.rule.is_not(None), table.c.kind == ReplyKind.HUMAN)
    if tenant_id is not None:
        query = query.where(table.c.tenant_id == tenant_id)
    return [Judged(*row) for row in tx.execute(query.group_by(*columns).order_by(*columns))]


def count_waiting(tx: Transaction, most: int) -> int:
    """Return how many replies wait for a person, counting up to `most`."""
    return _count(tx, most, table.c.tenant_id.is_not(None), _waits())


def count_unmatched(tx: Transaction, most: int) -> int:
    """Return how many mails of people, or of nobody knows whom, belong to no campaign, counting up to `most`."""
    kinds = (ReplyKind.HUMAN, ReplyKind.OPT_OUT, ReplyKind.COMPLAINT, UNREADABLE)
    return _count(tx, most, table.c.tenant_id.is_(None), table.c.kind.in_(kinds), table.c.released_at.is_(None))


def campaign_of(tx: Transaction, message_id: str) -> tuple[str, str] | None:
    """Return the (tenant, campaign) of one of our attempts, known by its id alone.

    The ledger leads its keys with the tenant, and an index by id would cost every mail; so each tenant is asked in
    turn, of which the counters know: one look into an index per tenant, for the rare mail that comes back.
    """
    counted = counters.alias("counted")

    def next_tenant(behind: Any) -> sa.ScalarSelect[Any]:
        query = sa.select(counted.c.tenant_id).where(counted.c.tenant_id > behind)
        return query.order_by(counted.c.tenant_id).limit(1).scalar_subquery()

    tenants = sa.select(next_tenant("00000000-0000-0000-0000-000000000000").label("tenant_id")).cte(
        "counted_tenants", recursive=True
    )
    tenants = tenants.union_all(sa.select(next_tenant(tenants.c.tenant_id)).where(tenants.c.tenant_id.is_not(None)))
    joined = tenants.join(messages, messages.c.tenant_id == tenants.c.tenant_id)
    query = sa.select(messages.c.tenant_id, messages.c.campaign_id).select_from(joined)
    row = tx.execute(query.where(messages.c.id == message_id)).first()
    return (row[0], row[1]) if row else None


def _waits() -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.kind == ReplyKind.HUMAN, table.c.label.in_([str(label) for label in FOR_A_PERSON]),
        table.c.released_at.is_(None),
    )  # fmt: skip


def _count(tx: Transaction, most: int, *conditions: sa.ColumnElement[bool]) -> int:
    some: sa.Select[Any] = sa.select(sa.literal(1)).select_from(table).where(*conditions).limit(most)
    return tx.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one()
