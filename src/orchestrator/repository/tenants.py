"""What was decided for one tenant as a whole. Most tenants have no row: nothing was decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.domain.schedule import MissedPolicy
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import counters
from orchestrator.repository.tables import tenants as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One row of ``tenants``; None means: as everywhere else."""

    tenant_id: str
    paused_at: datetime | None = None
    pause_reason: str | None = None
    missed_policy: MissedPolicy | None = None
    #: Seconds.
    missed_after: int | None = None
    name: str | None = None
    #: IANA name.
    time_zone: str | None = None


_COLUMNS = column_names(table)


def _tenant(row: sa.Row[Any]) -> Tenant:
    values = dict(zip(_COLUMNS, row, strict=True))
    if values["missed_policy"] is not None:
        values["missed_policy"] = MissedPolicy(values["missed_policy"])
    return Tenant(**values)


def get_many(tx: Transaction, tenant_ids: Iterable[str]) -> dict[str, Tenant]:
    """Return what was decided for those of `tenant_ids` that something was decided for."""
    wanted = sorted(set(tenant_ids))
    if not wanted:
        return {}
    rows = tx.execute(sa.select(table).where(tx.dialect.among(table.c.tenant_id, wanted)))
    return {tenant.tenant_id: tenant for tenant in map(_tenant, rows)}


def get(tx: Transaction, tenant_id: str) -> Tenant:
    """Return what was decided for one tenant; all None when nothing was."""
    return get_many(tx, [tenant_id]).get(tenant_id, Tenant(tenant_id=tenant_id))


def paused(tx: Transaction) -> list[Tenant]:
    """Return every tenant that is paused, longest paused first."""
    query = sa.select(table).where(table.c.paused_at.is_not(None))
    return [_tenant(row) for row in tx.execute(query.order_by(table.c.paused_at, table.c.tenant_id))]


def pause(tx: Transaction, tenant_id: str, reason: str) -> bool:
    """Let nothing of the tenant be claimed any more; False when it was paused before, for the reason it keeps."""
    return _set(tx, tenant_id, table.c.paused_at.is_(None), paused_at=tx.now(), pause_reason=reason)


def resume(tx: Transaction, tenant_id: str) -> bool:
    """Let the tenant's mail be claimed again; False when it was not paused."""
    return _set(tx, tenant_id, table.c.paused_at.is_not(None), paused_at=None, pause_reason=None)


def set_missed(tx: Transaction, tenant_id: str, policy: MissedPolicy | None, after: int | None) -> None:
    """Decide what happens to the tenant's mail that missed its time; None: as everywhere else. `after` in seconds."""
    _set(tx, tenant_id, sa.true(), missed_policy=policy, missed_after=after)


def describe(tx: Transaction, tenant_id: str, **columns: str | None) -> None:
    """Set ``name`` or ``time_zone``, or both."""
    _set(tx, tenant_id, sa.true(), **columns)


def known(tx: Transaction, limit: int) -> list[Tenant]:
    """Return up to `limit` tenants that have campaigns or about whom something was decided, by name, then by id."""
    ids = sa.union(sa.select(counters.c.tenant_id), sa.select(table.c.tenant_id)).subquery()
    query = sa.select(ids.c.tenant_id, *(column for column in table.c if column is not table.c.tenant_id))
    query = query.select_from(ids.outerjoin(table, table.c.tenant_id == ids.c.tenant_id))
    unnamed = sa.case((table.c.name.is_(None), 1), else_=0)
    return [_tenant(row) for row in tx.execute(query.order_by(unnamed, table.c.name, ids.c.tenant_id).limit(limit))]


def _set(tx: Transaction, tenant_id: str, condition: sa.ColumnElement[bool], **values: Any) -> bool:
    tx.bulk.insert_missing(table, [{"tenant_id": tenant_id}])
    statement = table.update().where(table.c.tenant_id == tenant_id, condition).values(**values)
    return tx.execute(statement).rowcount == 1
