"""Commands for all campaigns of one import: a chunk at a time, each in its own transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from orchestrator import contracts, errors
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.lifecycle import ALLOWED, Command
from orchestrator.repository import Transaction, batches, campaigns, messages
from orchestrator.services.campaigns import commands, yielding
from orchestrator.services.recording import facts, holds
from orchestrator.services.recording.standing import Key, Standings

Begin = Callable[[], AbstractContextManager[Transaction]]
Act = Callable[[Transaction, Standings, Key], str]

#: Campaigns changed in one transaction.
CHUNK = 500


def hold(begin: Begin, tenant_id: str, batch: str, reason: str) -> Counter[str]:
    """Keep what has not been sent of an import from going out; counts ``held`` and ``unchanged``.

    Mail that is on its way is not called back, but stays here if it turns out not to have left.

    Raises:
        ValidationError: There is no reason.
    """
    why = contracts.parse_label("reason", reason)
    if why is None:
        raise errors.ValidationError("reason", "is required", fix="Say why, for whoever finds them held.")

    def act(_tx: Transaction, standings: Standings, key: Key) -> str:
        before = standings.campaign(key).hold_reason
        holds.hold(standings, key, why)
        return "unchanged" if before == why else "held"

    return _each(begin, tenant_id, batch, ALLOWED[Command.HOLD], act)


def release(begin: Begin, tenant_id: str, batch: str) -> Counter[str]:
    """End every hold on campaigns of an import; counts ``released`` and ``unchanged``."""

    def act(tx: Transaction, standings: Standings, key: Key) -> str:
        campaign = standings.campaign(key)
        holds.release(standings, key, commands.due_at(tx, campaign.scheduled_at))
        return "unchanged" if standings.campaign(key).hold_reason == campaign.hold_reason else "released"

    return _each(begin, tenant_id, batch, ALLOWED[Command.RELEASE], act)


def cancel(begin: Begin, tenant_id: str, batch: str) -> Counter[str]:
    """Call off what has not been sent of an import; counts ``cancelled`` and what is ``on_its_way`` already."""

    def act(_tx: Transaction, standings: Standings, key: Key) -> str:
        if commands.on_its_way(standings, key) is not None:
            return "on_its_way"
        commands.call_off(standings, key)
        return "cancelled"

    return _each(begin, tenant_id, batch, ALLOWED[Command.CANCEL] - {OutreachStatus.CANCELLED}, act)


def _each(begin: Begin, tenant_id: str, batch: str, statuses: Iterable[OutreachStatus], act: Act) -> Counter[str]:
    words: Counter[str] = Counter()
    for status in sorted(statuses):
        after: str | None = campaigns.NIL
        while after is not None:
            with begin() as tx:
                keys = batches.in_batch(tx, tenant_id, batch, status, after, CHUNK)
                # Read again under the lock: what has moved on meanwhile is no longer ours to change.
                locked = campaigns.lock_many(tx, keys)
                known = {key: campaign for key, campaign in locked.items() if campaign.status is status}
                standings = Standings(known, messages.of_campaigns(tx, known))
                words += Counter(act(tx, standings, key) for key in known)
                facts.write(tx, standings)
                tried = [key for key in known if standings.attempts(key)]
            for key in tried:
                yielding.let_others_go(begin, key)
            after = keys[-1][1] if len(keys) == CHUNK else None
    return words
