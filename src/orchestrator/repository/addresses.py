"""What is known of an address, and the lock of every race about a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict

import orjson
import sqlalchemy as sa

from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.message import MessageState
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction, by_tenant
from orchestrator.repository.tables import addresses as table
from orchestrator.repository.tables import campaigns as campaigns_
from orchestrator.repository.tables import messages

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

    def suppressed(self, now: datetime) -> SuppressionReason | None:
        """Return why the address must not be written to at `now`, or None. A suppression may have ended by itself."""
        ended = self.suppressed_until is not None and self.suppressed_until <= now
        return None if ended else self.suppression_reason


class Suppression(TypedDict):
    """What an address row says of its suppression; the fields are columns."""

    suppressed_at: datetime | None
    suppression_reason: SuppressionReason | None
    suppression_source: str | None
    suppressed_until: datetime | None


class Gate(NamedTuple):
    """What is in the way of a mail to an address: why it is suppressed, why it is held; None where nothing is.

    And when it was last written to, for which campaign: the one that asked, if nothing is in its way.
    """

    suppression: str | None
    hold: str | None
    last_handed_at: datetime | None = None
    last_campaign_id: str | None = None


_COLUMNS = column_names(table)
_NEW_ADDRESSES = {
    True: """
        SELECT tenant_id, address_key, CAST(:now AS timestamptz), campaign_id, 0
        FROM json_to_recordset(CAST(:keys AS json)) AS r(tenant_id uuid, address_key text, campaign_id uuid)
        ORDER BY tenant_id, address_key COLLATE "C"
        """,
    False: """
        SELECT value->>'tenant_id', value->>'address_key', :now, value->>'campaign_id', 0
        FROM json_each(:keys) WHERE true""",
}
# Rows that are there and rows that are not are locked in one go and one order: those who did the one after the other
# could wait in a circle with those who do not.
_LOCK = {
    is_postgresql: f"""
        INSERT INTO addresses (tenant_id, address_key, last_handed_at, last_campaign_id, soft_bounces) {source}
        ON CONFLICT (tenant_id, address_key) DO UPDATE SET"""
    for is_postgresql, source in _NEW_ADDRESSES.items()
}
_AND_NO_MORE = " address_key = excluded.address_key"
_OPEN = """
                (addresses.suppressed_at IS NULL OR addresses.suppressed_until <= excluded.last_handed_at)
                    AND addresses.hold_reason IS NULL"""
# The campaign that wrote last may try again: another attempt of its own is no second mail.
_IN_TIME = """
                    AND (addresses.last_handed_at IS NULL OR addresses.last_handed_at <= :before
                        OR addresses.last_campaign_id = excluded.last_campaign_id)"""
# No IS NULL in what is returned: SQLite 3.40 takes it for never true there.
_AND_NOTE = """
            last_handed_at = CASE WHEN{open}
                THEN excluded.last_handed_at ELSE addresses.last_handed_at END,
            last_campaign_id = CASE WHEN{open}
                THEN excluded.last_campaign_id ELSE addresses.last_campaign_id END
        RETURNING CAST(tenant_id AS text) AS tenant_id, address_key,
            CASE WHEN suppressed_until <= :now THEN NULL ELSE suppression_reason END AS suppression,
            hold_reason, last_handed_at, CAST(last_campaign_id AS text) AS last_campaign_id"""
_AND_NOTE_ANY = _AND_NOTE.format(open=_OPEN)
_AND_NOTE_IN_TIME = _AND_NOTE.format(open=_OPEN + _IN_TIME)
# By way of the campaigns, which are found by their address. A campaign whose mail has left keeps its address.
_LAST_LEFT = (
    sa.select(messages.c.handed_at, messages.c.campaign_id)
    .join(campaigns_, (campaigns_.c.tenant_id == messages.c.tenant_id) & (campaigns_.c.id == messages.c.campaign_id))
    .where(
        campaigns_.c.tenant_id == sa.bindparam("tenant_id", type_=table.c.tenant_id.type),
        campaigns_.c.owner_address_key == sa.bindparam("address_key"),
        messages.c.address_key == sa.bindparam("address_key"),
        messages.c.handed_at.is_not(None),
        messages.c.accepted_at.is_not(None) | messages.c.state.in_([MessageState.HANDED, MessageState.IN_DOUBT]),
    )
    .order_by(messages.c.handed_at.desc())
    .limit(1)
)
_NO_SUPPRESSION = Suppression(
    suppressed_at=None, suppression_reason=None, suppression_source=None, suppressed_until=None
)


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
        _lock(tx, dict.fromkeys(wanted), None, sa.text(_LOCK[tx.dialect.is_postgresql] + _AND_NO_MORE))


def _lock(
    tx: Transaction, campaigns: Mapping[AddressKey, str | None], at: datetime | None, statement: sa.TextClause
) -> sa.CursorResult[*tuple[Any, ...]]:
    rows = [{"tenant_id": t, "address_key": key, "campaign_id": campaigns[t, key]} for t, key in sorted(campaigns)]
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


def lock_to_write(
    tx: Transaction, campaigns: Mapping[AddressKey, str], now: datetime, gap: timedelta = timedelta(0)
) -> dict[AddressKey, Gate]:
    """Lock the rows of some addresses, as `lock` does, and say what is in the way of a mail to each.

    Where nothing is, the address was last written to `now`, and for this campaign. One statement does all three, and
    is no exception to the rule that gates are read after the lock: what it returns are the locked rows themselves, as
    they are once they are ours.

    Args:
        tx: The transaction.
        campaigns: By address, the campaign that is to write to it.
        now: When.
        gap: The least time since a mail of another campaign; zero: any.
    """
    statement = sa.text(_LOCK[tx.dialect.is_postgresql] + (_AND_NOTE_IN_TIME if gap else _AND_NOTE_ANY))
    if gap:
        statement = statement.bindparams(sa.bindparam("before", now - gap, table.c.last_handed_at.type))
    found = _lock(tx, campaigns, now, statement)
    moment = table.c.last_handed_at.type.result_processor(found.dialect, None) or (lambda at: at)
    return {(row[0], row[1]): Gate(row[2], row[3], moment(row[4]), row[5]) for row in found}


def forget_last(tx: Transaction, campaigns: Mapping[AddressKey, str]) -> None:
    """Take back that campaigns were the last to write to addresses: their mails have certainly not left.

    What did leave, by the ledger, is the last mail then. The rows must be locked.

    Args:
        tx: The transaction, which has written down in the ledger that the mails have not left.
        campaigns: By address, the campaign that was to write to it.
    """
    for (tenant_id, key), campaign_id in campaigns.items():
        mine = sa.and_(table.c.tenant_id == tenant_id, table.c.address_key == key)
        last = tx.execute(_LAST_LEFT, {"tenant_id": tenant_id, "address_key": key}).first()
        handed_at, by = last or (None, None)
        still = table.update().where(mine, table.c.last_campaign_id == campaign_id)
        tx.execute(still.values(last_handed_at=handed_at, last_campaign_id=by))


def set_suppressions(tx: Transaction, sums: Mapping[AddressKey, Suppression | None]) -> None:
    """Write what the suppression list comes to for these addresses; None: nothing. The rows must be locked."""
    rows = [{"tenant_id": key[0], "address_key": key[1], **(sums[key] or _NO_SUPPRESSION)} for key in sorted(sums)]
    tx.bulk.update(table, ("tenant_id", "address_key"), rows)


def note_soft_bounces(tx: Transaction, counts: Mapping[AddressKey, int]) -> None:
    """Write how many mails to these addresses have expired in a row by now. The rows must be locked."""
    rows = [{"tenant_id": key[0], "address_key": key[1], "soft_bounces": counts[key]} for key in sorted(counts)]
    tx.bulk.update(table, ("tenant_id", "address_key"), rows)


def ended(tx: Transaction, now: datetime, limit: int) -> list[AddressKey]:
    """Return up to `limit` addresses whose suppression was over by `now`, the longest over first."""
    query = sa.select(table.c.tenant_id, table.c.address_key).where(table.c.suppressed_until <= now)
    return [(tenant_id, key) for tenant_id, key in tx.execute(query.order_by(table.c.suppressed_until).limit(limit))]


def hold(tx: Transaction, key: AddressKey, reason: str | None) -> None:
    """Let nothing be sent to this address by itself, for `reason`; None ends that. The row must be locked."""
    statement = table.update().where(table.c.tenant_id == key[0], table.c.address_key == key[1])
    tx.execute(statement.values(hold_reason=reason))
