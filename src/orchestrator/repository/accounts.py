"""What all workers that send through one SendGrid account share: its rate, its holding off, its pause.

One row is exact across processes and machines, because only the database's clock is asked. The row `EVERY` speaks for
all accounts: for operators, who need no key to stop everything, and for events that name no account.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from orchestrator.domain.pacing import slot_distance
from orchestrator.repository.columns import column_names
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import accounts as table

#: The name of the row that speaks for all accounts.
EVERY = "*"
#: Slots further away than this were not taken by anybody: some clock was set back.
FURTHEST = timedelta(minutes=1)


class PauseKind(StrEnum):
    """Who paused an account, weakest first: a stronger pause takes the place of a weaker one, never the other way."""

    #: SendGrid answered 401 or 403 (or a redirect). One mail every few minutes tries whether that is over.
    REFUSED = "refused"
    #: SendGrid reported that it suspended, deactivated or banned the account.
    COMPLIANCE = "compliance"
    #: A person.
    OPERATOR = "operator"


_STRENGTH = list(PauseKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One row of ``accounts``; None where nothing is known."""

    account: str
    #: When the next mail may leave under the rate.
    next_free_at: datetime | None = None
    #: SendGrid asked for nothing before.
    not_before: datetime | None = None
    paused_at: datetime | None = None
    pause_kind: PauseKind | None = None
    pause_reason: str | None = None
    #: When one mail may try whether a refusal is over.
    probe_at: datetime | None = None
    #: SendGrid's events tell of mails up to then.
    reported_through: datetime | None = None


_COLUMNS = column_names(table)


def _account(row: sa.Row[Any]) -> Account:
    values = dict(zip(_COLUMNS, row, strict=True))
    if values["pause_kind"] is not None:
        values["pause_kind"] = PauseKind(values["pause_kind"])
    return Account(**values)


def get(tx: Transaction, account: str) -> Account:
    """Return what is known of `account`, with the stronger of its own pause and that of every account."""
    rows = {
        a.account: a for a in map(_account, tx.execute(sa.select(table).where(table.c.account.in_([account, EVERY]))))
    }
    own, every = rows.get(account, Account(account=account)), rows.get(EVERY)
    if every is None or every.pause_kind is None or _weaker(every.pause_kind, own.pause_kind):
        return own
    return replace(
        own,
        paused_at=every.paused_at,
        pause_kind=every.pause_kind,
        pause_reason=every.pause_reason,
        probe_at=every.probe_at,
    )


def _weaker(kind: PauseKind, other: PauseKind | None) -> bool:
    return other is not None and _STRENGTH.index(kind) < _STRENGTH.index(other)


def spoken(account: str) -> str:
    """Return the name of an account as people are told it."""
    return "every account" if account == EVERY else f"account {account}"


def holding_off(tx: Transaction) -> list[tuple[str, datetime]]:
    """Return (account, until when) wherever SendGrid asked for nothing before a time that has not come."""
    now = sa.literal(tx.now(), table.c.not_before.type)
    query = sa.select(table.c.account, table.c.not_before).where(table.c.not_before > now)
    return [tuple(row) for row in tx.execute(query.order_by(table.c.account))]


def known(tx: Transaction) -> list[Account]:
    """Return every row, that of every account among them, by name."""
    return [_account(row) for row in tx.execute(sa.select(table).order_by(table.c.account))]


def lock(tx: Transaction, account: str) -> Account:
    """Lock the row of `account`, making it where missing, and return it. Ask for the time after this, not before."""
    query = tx.dialect.locking(sa.select(table).where(table.c.account == account))
    row = tx.execute(query).first()
    if row is None:
        tx.bulk.insert_missing(table, [{"account": account}])
        row = tx.execute(query).one()
    return _account(row)


def take(
    tx: Transaction,
    account: str,
    n: int,
    rate: float,
    *,
    notice: timedelta = timedelta(0),
    horizon: timedelta | None = None,
) -> datetime | None:
    """Take `n` slots in a row and return when the first one is; those that follow are `slot_distance(rate)` apart.

    The generic cell rate algorithm (ITU-T I.371) without tolerance for bursts: time that passed unused is gone. Do
    nothing else in this transaction: everybody who sends waits for it.

    Args:
        tx: The transaction.
        account: Whose slots.
        n: How many.
        rate: Mails per second.
        notice: The first slot is no sooner than this, so that the mails can be made ready.
        horizon: Take nothing, and return None, when the first slot is further away than this.
    """
    row = lock(tx, account)
    now, distance = tx.now(), slot_distance(rate)
    free = row.next_free_at
    if free is None or free > now + FURTHEST + distance * 2:
        free = now
    start = max(free, now + notice)
    if horizon is not None and start > now + horizon:
        return None
    tx.execute(table.update().where(table.c.account == account).values(next_free_at=start + n * distance))
    return start


def hold_off(tx: Transaction, account: str, until: datetime) -> None:
    """Let nothing be claimed before `until`; what was asked for before and is later stays."""
    row = lock(tx, account)
    if row.not_before is None or row.not_before < until:
        tx.execute(table.update().where(table.c.account == account).values(not_before=until))


def pause(tx: Transaction, account: str, kind: PauseKind, reason: str, probe_at: datetime | None = None) -> bool:
    """Let nothing be claimed for `account` until it is resumed; False when a stronger pause stands and stays."""
    row = lock(tx, account)
    if _weaker(kind, row.pause_kind):
        return False
    values = {
        "paused_at": row.paused_at if row.pause_kind is kind else tx.now(),
        "pause_kind": kind,
        "pause_reason": reason,
        "probe_at": probe_at,
    }
    tx.execute(table.update().where(table.c.account == account).values(values))
    return True


def resume(tx: Transaction, account: str, kind: PauseKind | None = None) -> bool:
    """End the pause of `account`, if it is of `kind`; None: whatever it is, also holding off. False: there was none."""
    now = sa.literal(tx.now(), table.c.not_before.type)
    anything = sa.or_(table.c.pause_kind.is_not(None), table.c.not_before > now)
    condition = anything if kind is None else table.c.pause_kind == kind
    ended = {"paused_at": None, "pause_kind": None, "pause_reason": None, "probe_at": None, "not_before": None}
    return tx.execute(table.update().where(table.c.account == account, condition).values(ended)).rowcount == 1


def begin_probe(tx: Transaction, account: str, next_at: datetime) -> bool:
    """Take the turn to try whether a refusal is over; False when it is not time, or somebody else has the turn."""
    now = sa.literal(tx.now(), table.c.probe_at.type)
    mine = table.update().where(
        table.c.account == account, table.c.pause_kind == PauseKind.REFUSED, table.c.probe_at <= now
    )
    return tx.execute(mine.values(probe_at=next_at)).rowcount == 1


def return_probe(tx: Transaction, account: str) -> None:
    """Give the turn back: there was nothing to try with."""
    refused = table.update().where(table.c.account == account, table.c.pause_kind == PauseKind.REFUSED)
    tx.execute(refused.values(probe_at=tx.now()))
