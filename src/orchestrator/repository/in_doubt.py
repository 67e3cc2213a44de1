"""What reconciling asks the database: which attempts wait for a decision, and what is known around each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from orchestrator.domain.message import MessageState, OutreachMessage
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import accounts
from orchestrator.repository.tables import messages as table

#: An account's row is written when its time advances by so much, and for less only when somebody waits for it.
COARSE = timedelta(seconds=1)
#: Most neighbours that are looked at; that many unreported ones say enough.
MOST_NEIGHBOURS = 500
#: An attempt is handed over at most so long after its id was made: a lease, and a little for clocks that differ.
_CLAIM_TO_HAND = timedelta(seconds=100)
_REPORTED_THROUGH = sa.select(accounts.c.account, accounts.c.reported_through).where(
    accounts.c.account.in_(sa.bindparam("names", expanding=True)), accounts.c.reported_through.is_not(None)
)


def due(tx: Transaction, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Return the keys (tenant, campaign) of up to `limit` attempts that are to be looked at, longest waiting first."""
    query = sa.select(table.c.tenant_id, table.c.campaign_id).where(
        table.c.check_at.is_not(None), table.c.check_at <= now
    )
    return [
        (tenant_id, campaign_id) for tenant_id, campaign_id in tx.execute(query.order_by(table.c.check_at).limit(limit))
    ]


def key_of(tx: Transaction, message_id: str, tenant_id: str | None) -> tuple[str, str] | None:
    """Return the key (tenant, campaign) of an attempt, or None; without `tenant_id` that is a look through all."""
    query = sa.select(table.c.tenant_id, table.c.campaign_id).where(table.c.id == message_id)
    if tenant_id is not None:
        query = query.where(table.c.tenant_id == tenant_id)
    row = tx.execute(query.limit(1)).first()
    return (row[0], row[1]) if row else None


def reported_through(tx: Transaction, names: Iterable[str]) -> dict[str, datetime]:
    """Return, by account, the hand-over time of the latest mail that the provider has reported about."""
    return dict(tx.execute(_REPORTED_THROUGH, {"names": sorted(set(names))}).all())


def worth_writing(tx: Transaction, reported: Mapping[str, datetime]) -> dict[str, datetime]:
    """Return those of `reported` ({account: time}) that `advance` should write, without touching a hot row for it.

    A second more or less decides about nothing, except for an attempt that was handed over within it and whose fate
    is open: nothing might ever be sent after it to tell of it.
    """
    if not reported:
        return {}
    known = reported_through(tx, reported)
    return {
        account: at
        for account, at in reported.items()
        if account not in known
        or at - known[account] >= COARSE
        or (at > known[account] and _any_undecided(tx, account, known[account], at))
    }


def _undecided() -> sa.Select[bool]:
    since, until = (sa.bindparam(name, type_=table.c.handed_at.type) for name in ("since", "until"))
    handed = sa.and_(table.c.account == sa.bindparam("account"), table.c.handed_at >= since, table.c.handed_at < until)
    doubted = sa.select(table.c.id).where(table.c.check_at.is_not(None), handed)
    flying = sa.select(table.c.id).where(table.c.lease_until.is_not(None), handed)
    return sa.select(sa.or_(sa.exists(doubted), sa.exists(flying)))


_ANY_UNDECIDED = _undecided()  # once: to build it takes longer than to ask it, and every batch of events asks


def _any_undecided(tx: Transaction, account: str, since: datetime, until: datetime) -> bool:
    return bool(tx.execute(_ANY_UNDECIDED, {"account": account, "since": since, "until": until}).scalar_one())


def advance(tx: Transaction, reported: Mapping[str, datetime]) -> None:
    """Write how far each account's reports reach; never backwards. Lock nothing else: senders need these rows."""
    tx.bulk.insert_missing(accounts, [{"account": account} for account in sorted(reported)])
    for account, at in sorted(reported.items()):
        earlier = sa.or_(accounts.c.reported_through.is_(None), accounts.c.reported_through < at)
        tx.execute(accounts.update().where(accounts.c.account == account, earlier).values(reported_through=at))


def unreported_near(
    tx: Transaction, tenant_id: str, account: str, attempts: Sequence[OutreachMessage], within: timedelta
) -> list[datetime]:
    """Return hand-over times of mails beside `attempts` that SendGrid has taken and not yet reported about.

    They are found by their ids, which sort by the time they were made: no index knows hand-over times.

    Args:
        tx: The transaction.
        tenant_id: Whose mails.
        account: What they left through.
        attempts: Attempts of that tenant and account, all of them handed over.
        within: How far from one of them a mail is still beside it.

    Returns:
        Times in no order, not more than `MOST_NEIGHBOURS` for each group of attempts that stand together.
    """
    found: list[datetime] = []
    for group in _groups(attempts, within):
        first, last = _handed(group[0]), _handed(group[-1])
        earliest = min(map(_made_to_hand, group))
        query = sa.select(table.c.handed_at).where(
            table.c.tenant_id == tenant_id,
            table.c.id >= _id_of(earliest - within - _CLAIM_TO_HAND, "0"),
            table.c.id <= _id_of(max(map(_made_to_hand, group)) + within + _CLAIM_TO_HAND, "f"),
            table.c.account == account,
            table.c.state == MessageState.ACCEPTED,
            table.c.reported_at.is_(None),
            table.c.handed_at.between(first - within, last + within),
        )
        found += tx.execute(query.limit(MOST_NEIGHBOURS)).scalars()
    return found


def _groups(attempts: Sequence[OutreachMessage], within: timedelta) -> Iterator[list[OutreachMessage]]:
    """Yield attempts whose neighbourhoods touch, together: those of a bad moment are looked at in one go."""
    group: list[OutreachMessage] = []
    for attempt in sorted(attempts, key=_handed):
        if group and _handed(attempt) - _handed(group[-1]) > within * 2:
            yield group
            group = []
        group.append(attempt)
    if group:
        yield group


def _handed(attempt: OutreachMessage) -> datetime:
    return attempt.handed_at or attempt.created_at


def _made_to_hand(attempt: OutreachMessage) -> timedelta:
    """Return when `attempt` was handed over by the clock that ids are made by, since the epoch.

    Only a span is taken from the database's clock: the two are never compared.
    """
    made = timedelta(milliseconds=int(attempt.id.replace("-", "")[:12], 16))
    return made + (_handed(attempt) - attempt.created_at)


def _id_of(since_epoch: timedelta, filling: str) -> str:
    """Return the least or the greatest UUIDv7 of a millisecond (RFC 9562 §5.7)."""
    digits = f"{max(int(since_epoch / timedelta(milliseconds=1)), 0):012x}" + filling * 20
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
