"""Test mails: what was sent to colleagues to look at, by whom, and what became of it. Nothing is counted from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.domain.message import Accepted, NotSent, Outcome, Rejected
from orchestrator.domain.specimen import Origin, Specimen, SpecimenState
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import campaigns
from orchestrator.repository.tables import specimens as table

_COLUMNS = column_names(table)


class Told(NamedTuple):
    """What SendGrid reported of a test mail's way."""

    tenant_id: str
    id: str
    fact: str
    at: datetime
    reason: str | None


def add(tx: Transaction, specimen: Specimen) -> None:
    """Write a test mail down that is about to be sent."""
    tx.bulk.insert(table, [asdict(specimen)])


def get(tx: Transaction, tenant_id: str, id_: str) -> Specimen | None:
    """Return one test mail, or None."""
    row = tx.execute(sa.select(table).where(table.c.tenant_id == tenant_id, table.c.id == id_)).first()
    return None if row is None else _specimen(row)


def latest(tx: Transaction, tenant_id: str, limit: int) -> list[Specimen]:
    """Return up to `limit` test mails of a tenant, newest first."""
    mine = sa.select(table).where(table.c.tenant_id == tenant_id)
    return [
        _specimen(row) for row in tx.execute(mine.order_by(table.c.asked_at.desc(), table.c.id.desc()).limit(limit))
    ]


def since(tx: Transaction, tenant_id: str, at: datetime) -> int:
    """Return how many test mails of a tenant were asked for after `at`."""
    query = sa.select(sa.func.count()).where(table.c.tenant_id == tenant_id, table.c.asked_at > at)
    return tx.execute(query).scalar_one()


def settle(tx: Transaction, tenant_id: str, id_: str, outcome: Outcome, reason: str | None) -> None:
    """Write down what came of the request, unless a report of SendGrid's has told already."""
    values = {"state": _state(outcome), "reason": reason, "sendgrid_message_id": getattr(outcome, "message_id", None)}
    mine = table.update().where(table.c.tenant_id == tenant_id, table.c.id == id_)
    if not isinstance(outcome, Accepted):
        mine = mine.where(table.c.state == SpecimenState.SENDING)
    tx.execute(mine.values({name: value for name, value in values.items() if value is not None}))


def tell(tx: Transaction, reports: Iterable[Told]) -> None:
    """Write down what SendGrid reported; the latest word counts, and any word proves that SendGrid has the mail."""
    for told in sorted(reports):
        mine = table.update().where(table.c.tenant_id == told.tenant_id, table.c.id == told.id)
        unproved = table.c.state.in_([SpecimenState.SENDING, SpecimenState.UNKNOWN])
        tx.execute(mine.where(unproved).values(state=SpecimenState.ACCEPTED, reason=None))
        at = sa.literal(told.at, table.c.reported_at.type)
        newest = mine.where(sa.or_(table.c.reported_at.is_(None), table.c.reported_at <= at))
        tx.execute(newest.values(reported=told.fact, reported_at=told.at, reason=told.reason))


def owned(tx: Transaction, tenant_id: str, address_key: str) -> str | None:
    """Return a campaign whose owner has this address, or None."""
    c = campaigns.c
    return tx.execute(
        sa.select(c.id).where(c.tenant_id == tenant_id, c.owner_address_key == address_key).limit(1)
    ).scalar()


def prune(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete up to `limit` test mails that were asked for before that time; return how many."""
    old = sa.select(table.c.tenant_id, table.c.id).where(table.c.asked_at < before).limit(limit)
    return tx.execute(table.delete().where(sa.tuple_(table.c.tenant_id, table.c.id).in_(old))).rowcount


def _state(outcome: Outcome) -> SpecimenState:
    if isinstance(outcome, Accepted):
        return SpecimenState.ACCEPTED
    if isinstance(outcome, NotSent):
        return SpecimenState.NOT_SENT
    return SpecimenState.REJECTED if isinstance(outcome, Rejected) else SpecimenState.UNKNOWN


def _specimen(row: sa.Row[Any]) -> Specimen:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Specimen(**values | {"origin": Origin(values["origin"]), "state": SpecimenState(values["state"])})
