"""The suppression list: every reason not to write, to an address, about a property, or to a domain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from orchestrator.domain.events import STRENGTH, SuppressionReason
from orchestrator.domain.suppression import Kind
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction
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
    def subject(self) -> Subject:
        return Subject(self.tenant_id, self.kind, self.value)


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


def _entry(row: sa.Row[Any]) -> Entry:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Entry(**values | {"kind": Kind(values["kind"]), "reason": SuppressionReason(values["reason"])})


def covering(tx: Transaction, targets: Iterable[Target]) -> dict[Target, SuppressionReason]:
    """Return those of `targets` whose property or domain must not be written to, with the strongest reason why.

    One statement, whatever the number of targets and tenants. What stands in the way of an address itself is in its
    own row (`addresses`).
    """
    asked = set(targets)
    subjects = {s for t in asked for s in (_property(t), _domain(t))}
    found = strongest(about(tx, subjects), tx.now())
    if not found:
        return {}
    reasons = {t: [found[s].reason for s in (_property(t), _domain(t)) if s in found] for t in asked}
    return {target: max(among, key=STRENGTH.index) for target, among in reasons.items() if among}


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
    return [_entry(row) for row in rows]


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
