"""What is known of an address, and the lock of every race about a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from orchestrator.domain.events import STRENGTH, SuppressionReason
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction, by_tenant
from orchestrator.repository.tables import addresses as table

#: (tenant_id, address_key)
AddressKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One row of ``addresses``."""

    tenant_id: str
    address_key: str
    suppressed_at: datetime | None = None
    suppression_reason: SuppressionReason | None = None
    suppression_source: str | None = None
    suppressed_until: datetime | None = None
    hold_reason: str | None = None
    last_handed_at: datetime | None = None
    last_campaign_id: str | None = None
    soft_bounces: int = 0


class Gate(NamedTuple):
    """What is in the way of a mail to an address: why it is suppressed, why it is held; None where nothing is."""

    suppression: str | None
    hold: str | None


_COLUMNS = column_names(table)
_NEW_ADDRESSES = {
    True: """
        SELECT tenant_id, address_key, CAST(:now AS timestamptz), 0
        FROM json_to_recordset(CAST(:keys AS json)) AS r(tenant_id uuid, address_key text)
        ORDER BY tenant_id, address_key COLLATE "C"
        """,
    False: """
        SELECT value->>'tenant_id', value->>'address_key', :now, 0 FROM json_each(:keys) WHERE true""",
}
# Rows that are there and rows that are not are locked in one go and one order: those who did the one after the other
# could wait in a circle with those who do not.
_LOCK = {
    is_postgresql: f"""
        INSERT INTO addresses (tenant_id, address_key, last_handed_at, soft_bounces) {source}
        ON CONFLICT (tenant_id, address_key) DO UPDATE SET"""
    for is_postgresql, source in _NEW_ADDRESSES.items()
}
_AND_NO_MORE = " address_key = excluded.address_key"
_AND_NOTE = """
            last_handed_at = CASE WHEN addresses.suppressed_at IS NULL AND addresses.hold_reason IS NULL
                THEN excluded.last_handed_at ELSE addresses.last_handed_at END
        RETURNING CAST(tenant_id AS text), address_key, suppression_reason, hold_reason"""


def _address(row: sa.Row[Any]) -> Address:
    values = dict(zip(_COLUMNS, row, strict=True))
    if values["suppression_reason"] is not None:
        values["suppression_reason"] = SuppressionReason(values["suppression_reason"])
    return Address(**values)


def lock(tx: Transaction, keys: Iterable[AddressKey]) -> None:
    """Lock the rows of `keys`, making them where missing, in the one order everybody locks in.

    Read the gates in a *following* statement (`get_many`): on PostgreSQL a statement that waited for a lock keeps its
    old view of all other rows, so a gate read together with the lock can be out of date.
    """
    wanted = set(keys)
    if wanted:
        _lock(tx, wanted, None, _AND_NO_MORE)


def _lock(
    tx: Transaction, keys: Iterable[AddressKey], at: datetime | None, ending: str
) -> sa.CursorResult[*tuple[Any, ...]]:
    rows = [{"tenant_id": tenant_id, "address_key": key} for tenant_id, key in sorted(keys)]
    statement = sa.text(_LOCK[tx.dialect.is_postgresql] + ending)
    moment = sa.bindparam("now", at, table.c.last_handed_at.type)
    return tx.execute(statement.bindparams(moment), {"keys": orjson.dumps(rows).decode()})


def get_many(tx: Transaction, keys: Iterable[AddressKey]) -> dict[AddressKey, Address]:
    """Return what is known of those of `keys` that have a row."""
    found: dict[AddressKey, Address] = {}
    for tenant_id, names in by_tenant(keys):
        among = tx.dialect.among(table.c.address_key, names)
        rows = tx.execute(sa.select(table).where(table.c.tenant_id == tenant_id, among))
        found |= {(a.tenant_id, a.address_key): a for a in map(_address, rows)}
    return found


def lock_to_write(tx: Transaction, keys: Iterable[AddressKey], now: datetime) -> dict[AddressKey, Gate]:
    """Lock the rows of `keys`, as `lock` does, and say what is in the way of a mail to each.

    Where nothing is, ``last_handed_at`` becomes `now`. One statement does all three, and is no exception to the rule
    that gates are read after the lock: what it returns are the locked rows themselves, as they are once they are ours.
    """
    found = _lock(tx, set(keys), now, _AND_NOTE)
    return {(tenant_id, key): Gate(suppression, hold) for tenant_id, key, suppression, hold in found}


def suppress(tx: Transaction, key: AddressKey, *, reason: SuppressionReason, source: str, at: datetime) -> None:
    """Never write to this address again. The strongest reason stays, and the earliest time. The row must be locked."""
    weaker = list(STRENGTH[: STRENGTH.index(reason)])
    statement = table.update().where(
        table.c.tenant_id == key[0],
        table.c.address_key == key[1],
        sa.or_(table.c.suppressed_at.is_(None), table.c.suppression_reason.in_(weaker)),
    )
    since = sa.func.coalesce(table.c.suppressed_at, sa.literal(at, table.c.suppressed_at.type))
    tx.execute(statement.values(suppressed_at=since, suppression_reason=reason, suppression_source=source))


def hold(tx: Transaction, key: AddressKey, reason: str | None) -> None:
    """Let nothing be sent to this address by itself, for `reason`; None ends that. The row must be locked."""
    statement = table.update().where(table.c.tenant_id == key[0], table.c.address_key == key[1])
    tx.execute(statement.values(hold_reason=reason))
