"""Letting an owner's other mail go when the one that was to go first will not leave after all.

Of several mails to one address one goes first, and the others wait for hours after it (domain/policy.py). It keeps its
turn while SendGrid turns it down for the moment. When somebody calls it off or holds it then, nothing has been sent,
and there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.message import LIVE_STATES
from orchestrator.repository import Transaction, addresses, campaigns, messages
from orchestrator.services.recording import facts
from orchestrator.services.recording.standing import Key, Standings

Begin = Callable[[], AbstractContextManager[Transaction]]


def let_others_go(begin: Begin, key: Key) -> int:
    """Give back the turn that a campaign took and does not use; return how many campaigns may go earlier for it.

    Nothing changes where a mail of it has left, or may have, or it still goes first.

    Args:
        begin: Opens a write transaction, apart from the one that called the campaign off: addresses are locked first.
        key: (tenant_id, campaign_id).
    """
    with begin() as tx:
        owner = campaigns.address_keys(tx, [key]).get(key)
        address = (key[0], owner or "")
        if owner is None or not _has_the_turn(tx, address, key[1]):
            return 0
        locked = campaigns.lock_many(tx, {key, *campaigns.scheduled_to(tx, key[0], [owner])})
        standings = Standings(locked, messages.of_campaigns(tx, locked))
        if key not in locked or _goes_first(standings, key):
            return 0
        addresses.forget_last(tx, {address: key[1]})
        earlier = [other for other in locked if other != key and _waits(tx, standings, other)]
        for other in earlier:
            standings.requeue(other, max(standings.campaign(other).scheduled_at or tx.now(), tx.now()))
        facts.write(tx, standings)
        return len(earlier)


def _has_the_turn(tx: Transaction, address: addresses.AddressKey, campaign_id: str) -> bool:
    addresses.lock(tx, [address])
    known = addresses.get_many(tx, [address]).get(address)
    return known is not None and known.last_campaign_id == campaign_id


def _goes_first(standings: Standings, key: Key) -> bool:
    campaign = standings.campaign(key)
    due = campaign.status is OutreachStatus.SCHEDULED and campaign.hold_reason is None
    return due or any(attempt.state in LIVE_STATES for attempt in standings.attempts(key))


def _waits(tx: Transaction, standings: Standings, key: Key) -> bool:
    """Whether a campaign goes out later than it was to; what SendGrid put off itself keeps its pause."""
    campaign = standings.campaign(key)
    at = campaign.next_send_at
    return at is not None and at > max(campaign.scheduled_at or tx.now(), tx.now()) and campaign.last_error is None
