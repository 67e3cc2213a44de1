"""Probes: mails to the operator's own address, so that an account's last mail has a later one to be judged by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import orjson
import sqlalchemy as sa

from orchestrator.repository.accounts import EVERY
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import accounts, instance

_PROBE = "probe:"


def open_one(tx: Transaction, account: str, probe_id: str, every: timedelta) -> bool:
    """Enter a probe that is sent now; False when the last one is younger than `every`, or the account is paused."""
    name, now = _PROBE + account, tx.now()
    row = {"name": name, "value": orjson.dumps({"id": probe_id, "handed_at": now}).decode(), "updated_at": now}
    mine_or_all = accounts.c.account.in_([account, EVERY])
    if tx.execute(sa.select(accounts.c.account).where(mine_or_all, accounts.c.paused_at.is_not(None))).first():
        return False
    tx.bulk.insert_missing(instance, [row])
    mine = instance.update().where(instance.c.name == name, instance.c.updated_at <= now - every)
    if tx.execute(mine.values(value=row["value"], updated_at=now)).rowcount:
        return True
    return tx.execute(sa.select(instance.c.value).where(instance.c.name == name)).scalar_one() == row["value"]


def handed(tx: Transaction, probe_ids: Iterable[str | None]) -> dict[str, datetime]:
    """Return, by account, when those of `probe_ids` were sent that are the account's last probe."""
    wanted = set(probe_ids)
    rows = tx.execute(sa.select(instance.c.name, instance.c.value).where(instance.c.name.startswith(_PROBE)))
    known = {name.removeprefix(_PROBE): orjson.loads(value) for name, value in rows}
    return {
        account: datetime.fromisoformat(probe["handed_at"]) for account, probe in known.items() if probe["id"] in wanted
    }
