"""The suppression list: every reason not to write, to an address, about a property, or to a domain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from orchestrator.clock import new_id
from orchestrator.domain.events import STRENGTH, SuppressionReason
from orchestrator.domain.suppression import Kind
from orchestrator.repository import addresses
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import lifted_suppressions as lifted
from orchestrator.repository.tables import suppressions as table


class Subject(NamedTuple):
    """What an entry is about: an address by its canonical key, a property by its id, a domain by its name."""

    tenant_id: str
    kind: Kind
    value: str


class Target(NamedTuple):
    """A mail as the entries that are no address see it."""

    tenant_id: str
    property_id: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reason not to write. ``ends_at`` is when it ends by itself, or None."""

    tenant_id: str
    kind: Kind
    value: str
    reason: SuppressionReason
    source: str
    created_at: datetime
    ends_at: datetime | None = None

    @property
    def words(self) -> str:
        """Why, for those who ask about a mail: the reason, and what it is about where that is not the address."""
        return str(self.reason) if self.kind is Kind.ADDRESS else f"{self.kind}: {self.reason}"

    @property
    def subject(self) -> Subject:
        return Subject(self.tenant_id, self.kind, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """An entry that somebody took back."""

    reason: SuppressionReason
    source: str
    created_at: datetime
    lifted_at: datetime
    lifted_by: str | None
    why: str


_COLUMNS = column_names(table)
_KEYS = {
    True: """
        SELECT s.* FROM (
            SELECT DISTINCT * FROM json_to_recordset(CAST(:keys AS json))
            AS given(tenant_id uuid, kind text, value text)
        ) AS k JOIN suppressions s ON s.tenant_id = k.tenant_id AND s.kind = k.kind AND s.value = k.value""",
    False: """
        SELECT s.* FROM (
            SELECT DISTINCT value->>'tenant_id' AS tenant_id, value->>'kind' AS kind, value->>'value' AS value
            FROM json_each(:keys)
        ) AS k CROSS JOIN suppressions s ON s.tenant_id = k.tenant_id AND s.kind = k.kind AND s.value = k.value""",
}
_BY_SUBJECT = {is_postgresql: sa.text(sql).columns(*table.columns) for is_postgresql, sql in _KEYS.items()}
_HAVING = {
    True: sa.text("""
        SELECT tenant FROM json_array_elements_text(CAST(:tenants AS json)) AS tenant WHERE EXISTS (
            SELECT 1 FROM suppressions WHERE tenant_id = CAST(tenant AS uuid) AND kind IN ('property', 'domain'))"""),
    False: sa.text("""
        SELECT given.value FROM json_each(:tenants) AS given WHERE EXISTS (
            SELECT 1 FROM suppressions WHERE tenant_id = given.value AND kind IN ('property', 'domain'))"""),
}
#: From so many mails on it is asked first whether their tenants have any such entries; most have none.
_MANY = 200
_DELETE = {
    True: sa.text("""
        DELETE FROM suppressions s USING json_to_recordset(CAST(:keys AS json))
            AS k(tenant_id uuid, kind text, value text, reason text, source text)
        WHERE s.tenant_id = k.tenant_id AND s.kind = k.kind AND s.value = k.value AND s.reason = k.reason
            AND s.source = k.source"""),
    False: sa.text("""
        DELETE FROM suppressions WHERE (tenant_id, kind, value, reason, source) IN (
            SELECT value->>'tenant_id', value->>'kind', value->>'value', value->>'reason', value->>'source'
            FROM json_each(:keys))"""),
}


def entry_of_row(row: sa.Row[Any]) -> Entry:
    """Return the entry that a whole row of the table holds."""
    values = dict(zip(_COLUMNS, row, strict=True))
    return Entry(**values | {"kind": Kind(values["kind"]), "reason": SuppressionReason(values["reason"])})


def covering(tx: Transaction, targets: Iterable[Target]) -> dict[Target, str]:
    """Return those of `targets` whose property or domain must not be written to, with words for the strongest reason.

    One statement for as many as are handed over at once, and whatever the number of tenants. What stands in the way
    of an address itself is in its own row (`addresses`).
    """
    asked = set(targets)
    if len(asked) > _MANY:
        having = _having(tx, {target.tenant_id for target in asked})
        asked = {target for target in asked if target.tenant_id in having}
    subjects = {s for t in asked for s in (_property(t), _domain(t))}
    found = strongest(about(tx, subjects), tx.now())
    if not found:
        return {}
    entries = {t: [found[s] for s in (_property(t), _domain(t)) if s in found] for t in asked}
    return {target: max(among, key=_order).words for target, among in entries.items() if among}


def _having(tx: Transaction, tenant_ids: Collection[str]) -> set[str]:
    """Return those of `tenant_ids` that have any entry that is no address."""
    given = orjson.dumps(sorted(tenant_ids)).decode()
    return set(tx.execute(_HAVING[tx.dialect.is_postgresql], {"tenants": given}).scalars())


def _property(target: Target) -> Subject:
    return Subject(target.tenant_id, Kind.PROPERTY, target.property_id)


def _domain(target: Target) -> Subject:
    return Subject(target.tenant_id, Kind.DOMAIN, target.domain)


def about(tx: Transaction, subjects: Iterable[Subject]) -> list[Entry]:
    """Return every entry about `subjects`, also those that have ended."""
    keys = [subject._asdict() for subject in sorted(set(subjects))]
    if not keys:
        return []
    rows = tx.execute(_BY_SUBJECT[tx.dialect.is_postgresql], {"keys": orjson.dumps(keys).decode()})
    return [entry_of_row(row) for row in rows]


def strongest(entries: Iterable[Entry], now: datetime) -> dict[Subject, Entry]:
    """Return, for each subject, the entry with the strongest reason among those that have not ended at `now`."""
    best: dict[Subject, Entry] = {}
    for entry in entries:
        known = best.get(entry.subject)
        if (entry.ends_at is None or entry.ends_at > now) and (known is None or _order(entry) > _order(known)):
            best[entry.subject] = entry
    return best


def _order(entry: Entry) -> tuple[int, float, str]:
    """A stronger reason wins; of one reason, what has stood longest."""
    return STRENGTH.index(entry.reason), -entry.created_at.timestamp(), entry.source


def add(tx: Transaction, entries: Sequence[Entry]) -> list[Entry]:
    """Enter `entries`; return those that were not on the list yet. The addresses among them must be locked.

    What an address row says of its suppression is written here too, as the sum of its entries.
    """
    known = about(tx, {entry.subject for entry in entries})
    _delete(tx, [entry for entry in known if _has_ended(entry, tx.now())])
    standing = {_key(entry) for entry in known if not _has_ended(entry, tx.now())}
    oldest_last = sorted(entries, key=attrgetter("created_at"), reverse=True)
    new = {_key(entry): entry for entry in oldest_last if _key(entry) not in standing}
    tx.bulk.insert_missing(table, [{name: getattr(new[key], name) for name in _COLUMNS} for key in sorted(new)])
    sum_up(tx, {entry.subject for entry in new.values()})
    return list(new.values())


def remove(tx: Transaction, entries: Collection[Entry], *, why: str, by: str | None) -> None:
    """Take `entries` off the list, keeping a record of each. The addresses among them must be locked."""
    _delete(tx, entries)
    rows = [
        {name: getattr(entry, name) for name in _COLUMNS if name != "ends_at"}
        | {"id": new_id(), "lifted_at": tx.now(), "lifted_by": by, "why": why}
        for entry in entries
    ]
    tx.bulk.insert(lifted, rows)
    sum_up(tx, {entry.subject for entry in entries})


def forget_ended(tx: Transaction, subjects: Collection[Subject]) -> None:
    """Delete the entries about `subjects` whose time is over. The addresses among them must be locked."""
    _delete(tx, [entry for entry in about(tx, subjects) if _has_ended(entry, tx.now())])
    sum_up(tx, subjects)


def sum_up(tx: Transaction, subjects: Iterable[Subject]) -> None:
    """Write into the rows of those of `subjects` that are addresses what their entries come to."""
    keys = {(s.tenant_id, s.value): s for s in subjects if s.kind is Kind.ADDRESS}
    entries = [entry for entry in about(tx, keys.values()) if not _has_ended(entry, tx.now())]
    best = strongest(entries, tx.now())
    standing: dict[Subject, list[Entry]] = {}
    for entry in entries:
        standing.setdefault(entry.subject, []).append(entry)
    addresses.set_suppressions(
        tx, {key: _sum(best.get(subject), standing.get(subject, ())) for key, subject in keys.items()}
    )


def _sum(best: Entry | None, entries: Sequence[Entry]) -> addresses.Suppression | None:
    if best is None:
        return None
    ends = [entry.ends_at for entry in entries if entry.ends_at is not None]
    return addresses.Suppression(
        suppressed_at=min(entry.created_at for entry in entries),
        suppression_reason=best.reason,
        suppression_source=best.source,
        suppressed_until=max(ends) if len(ends) == len(entries) else None,
    )


def page(
    tx: Transaction, tenant_id: str, limit: int, *, after: Entry | None = None, kind: Kind | None = None,
    reason: SuppressionReason | None = None,
) -> list[Entry]:  # fmt: skip
    """Return up to `limit` entries of the tenant's list that come behind `after`, in the list's own order."""
    order = (table.c.kind, table.c.value, table.c.reason, table.c.source)
    query = sa.select(table).where(table.c.tenant_id == tenant_id)
    if after is not None:
        query = query.where(sa.tuple_(*order) > sa.tuple_(after.kind, after.value, after.reason, after.source))
    if kind is not None:
        query = query.where(table.c.kind == kind)
    if reason is not None:
        query = query.where(table.c.reason == reason)
    return [entry_of_row(row) for row in tx.execute(query.order_by(*order).limit(limit))]


def lifted_from(tx: Transaction, subject: Subject) -> list[Lifted]:
    """Return what was ever taken off the list about `subject`, in the order in which it was."""
    query = sa.select(lifted).where(
        lifted.c.tenant_id == subject.tenant_id, lifted.c.kind == subject.kind, lifted.c.value == subject.value
    )
    return [
        Lifted(
            reason=SuppressionReason(row.reason), source=row.source, created_at=row.created_at,
            lifted_at=row.lifted_at, lifted_by=row.lifted_by, why=row.why,
        )
        for row in tx.execute(query.order_by(lifted.c.lifted_at, lifted.c.id))
    ]  # fmt: skip


def _has_ended(entry: Entry, now: datetime) -> bool:
    return entry.ends_at is not None and entry.ends_at <= now


def _key(entry: Entry) -> tuple[Subject, str, str]:
    return entry.subject, str(entry.reason), entry.source


def _delete(tx: Transaction, entries: Collection[Entry]) -> None:
    if not entries:
        return
    keys = [
        {"tenant_id": e.tenant_id, "kind": e.kind, "value": e.value, "reason": e.reason, "source": e.source}
        for e in entries
    ]
    tx.execute(_DELETE[tx.dialect.is_postgresql], {"keys": orjson.dumps(keys).decode()})
