"""The send ledger's moves: claim, hand, settle. Each is one transaction, and none holds one open over the network.

Locks go address → campaign → message, as everywhere. The address lock decides every race with an opt-out: `hand` takes
it and reads the gates in a following statement, so a mail whose opt-out has committed does not leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.domain import lifecycle
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.events import Fact
from orchestrator.domain.message import (
    LIVE_STATES,
    Accepted,
    MessageState,
    NotSent,
    OutgoingMail,
    OutreachMessage,
    Rejected,
    Unknown,
)
from orchestrator.repository import Transaction, addresses, campaigns, messages
from orchestrator.services import facts
from orchestrator.services.standing import Standings

Key = tuple[str, str]

#: How long a worker may hold an attempt before others think it dead. Longer than any transport's total time-out.
LEASE = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that is ours to send."""

    campaign: OutreachCampaign
    message: OutreachMessage
    #: When it was due before it was claimed.
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Why there is nothing to send: the campaign's situation, in one of the words of ``send_campaign``."""

    status: str
    message_id: str | None = None
    reason: str | None = None


_WITHDRAWN = Answer("withdrawn", reason="the campaign was changed, cancelled or claimed by somebody else meanwhile")


def claim(tx: Transaction, key: Key, *, due_only: bool) -> Claim | Answer:
    """Reserve the campaign's next attempt under a lease, or say why there is none.

    Args:
        key: (tenant_id, campaign_id).
        due_only: Claim only what is due and not held; otherwise schedule and hold do not matter.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
        InvalidState: The campaign was cancelled.
    """
    seen = campaigns.address_keys(tx, [key])
    if key not in seen:
        raise errors.CampaignNotFound(key[1])
    address_key = (key[0], seen[key])
    addresses.lock(tx, [address_key])
    standings = _locked(tx, key, records=True)
    campaign = standings.campaign(key)
    if due_only and not _is_due(tx, campaign):
        return Answer("not_due")
    answer = _live_answer(tx, standings, key)
    if answer is not None:
        facts.write(tx, standings)
        return answer
    address = addresses.get_many(tx, [address_key])[address_key]
    if address.suppressed_at is not None:
        return _refuse(tx, standings, key, str(address.suppression_reason))
    lifecycle.require(lifecycle.Command.SEND, campaign.status)
    return _reserve(tx, standings, key)


def hand(tx: Transaction, claimed: Claim, mail: OutgoingMail, account: str) -> Answer | None:
    """Mark the attempt as given to the network; None means: send it now.

    Called again before each retry, so that an opt-out between two tries is obeyed.
    """
    campaign, message = claimed.campaign, claimed.message
    key = (campaign.tenant_id, campaign.id)
    address_key = (campaign.tenant_id, campaign.owner_address_key)
    addresses.lock(tx, [address_key])
    address = addresses.get_many(tx, [address_key])[address_key]
    campaigns.lock_many(tx, [key])
    if address.suppressed_at is not None:
        reason = str(address.suppression_reason)
        ours = messages.release(tx, message, MessageState.VOIDED, f"address suppressed: {reason}")
        standings = _locked(tx, key)
        voided = any(m.id == message.id and m.state is MessageState.VOIDED for m in standings.attempts(key))
        return _refuse(tx, standings, key, reason) if ours or voided else _WITHDRAWN
    until = tx.now() + LEASE
    if not messages.hand(tx, message, lease_until=until, subject=mail.subject, account=account):
        return _WITHDRAWN
    addresses.note_handed(tx, address_key, tx.now())
    return None


def take_back(tx: Transaction, claimed: Claim) -> bool:
    """Mark an attempt that certainly was not sent as only reserved again; False when it is ours no more."""
    campaigns.lock_many(tx, [(claimed.message.tenant_id, claimed.message.campaign_id)])
    return messages.take_back(tx, claimed.message, lease_until=tx.now() + LEASE)


def settle_accepted(tx: Transaction, claimed: Claim, outcome: Accepted) -> OutreachStatus:
    """Write down that SendGrid has the mail. A 202 is a fact: it counts whoever holds the lease by now."""
    message = claimed.message
    report = facts.Report(
        tenant_id=message.tenant_id,
        campaign_id=message.campaign_id,
        message_id=message.id,
        fact=Fact.ACCEPTED,
        event_type="sent",
        dedupe_key=facts.own_key("accepted", message.id),
        data={"outreach_message_id": message.id, "attempt": message.attempt, "x_message_id": outcome.message_id},
        sendgrid_message_id=outcome.message_id,
    )
    return facts.record(tx, [report]).statuses[message.tenant_id, message.campaign_id]


def settle_failed(tx: Transaction, claimed: Claim, outcome: NotSent | Rejected) -> bool:
    """Write down that the mail did not go out; False when evidence or another worker has decided otherwise."""
    message = claimed.message
    campaigns.lock_many(tx, [(message.tenant_id, message.campaign_id)])
    state = MessageState.NOT_SENT if isinstance(outcome, NotSent) else MessageState.REJECTED
    if not messages.release(tx, message, state, outcome.reason, outcome_known=True):
        return False
    report = facts.Report(
        tenant_id=message.tenant_id,
        campaign_id=message.campaign_id,
        message_id=message.id,
        fact=Fact.REJECTED,
        event_type="failed",
        dedupe_key=facts.own_key("failed", message.id),
        data={"outreach_message_id": message.id, "status": outcome.status, "reason": outcome.reason},
        reason=outcome.reason,
    )
    facts.record(tx, [report])
    return True


def settle_unknown(tx: Transaction, claimed: Claim, outcome: Unknown) -> bool:
    """Write down that nobody knows; False when evidence has decided meanwhile."""
    key = (claimed.message.tenant_id, claimed.message.campaign_id)
    standings = _locked(tx, key)
    if not messages.release(tx, claimed.message, MessageState.IN_DOUBT, outcome.reason):
        return False
    standings.change(key, last_error=outcome.reason)
    standings.history.append((key, "in_doubt"))
    facts.write(tx, standings)
    return True


def give_back(tx: Transaction, claimed: Claim, reason: str, delay: timedelta | None = None) -> None:
    """Put a mail that was certainly not sent back where it was: due after `delay`, due as before, or failed."""
    key = (claimed.message.tenant_id, claimed.message.campaign_id)
    campaigns.lock_many(tx, [key])
    if not messages.release(tx, claimed.message, MessageState.VOIDED, reason, outcome_known=True):
        return
    standings = _locked(tx, key)
    at = tx.now() + delay if delay is not None else claimed.due_at or claimed.campaign.scheduled_at or tx.now()
    standings.requeue(key, at)
    standings.change(key, last_error=reason)
    facts.write(tx, standings)


def look(tx: Transaction, claimed: Claim) -> Answer:
    """Say where an attempt stands whose lease is ours no more."""
    key = (claimed.message.tenant_id, claimed.message.campaign_id)
    return _live_answer(tx, _locked(tx, key), key) or Answer("withdrawn", reason="it was withdrawn meanwhile")


def recover(tx: Transaction, limit: int = 500) -> tuple[int, int]:
    """Deal with attempts whose worker died: (put back into the queue, put in doubt).

    What was only reserved has certainly not left and becomes due again; what was handed may have left.
    """
    dead = messages.expired(tx, tx.now(), limit)
    keys = sorted({(message.tenant_id, message.campaign_id) for message in dead})
    locked = campaigns.lock_many(tx, keys)
    standings = Standings(locked, messages.of_campaigns(tx, locked))
    back = doubtful = 0
    for key in keys:
        for message in standings.attempts(key):
            if message.lease_until is None or message.lease_until >= tx.now():
                continue
            if message.state is MessageState.RESERVED:
                back += 1
                _void_expired(tx, standings, key, message)
            elif message.state is MessageState.HANDED:
                doubtful += 1
                _doubt_expired(standings, key, message)
    facts.write(tx, standings)
    return back, doubtful


def _locked(tx: Transaction, key: Key, *, records: bool = False) -> Standings:
    known = campaigns.lock_many(tx, [key], records=records)
    if key not in known:
        raise errors.CampaignNotFound(key[1])
    return Standings(known, messages.of_campaigns(tx, known))


def _is_due(tx: Transaction, campaign: OutreachCampaign) -> bool:
    at = campaign.next_send_at
    return at is not None and at <= tx.now()


def _live_answer(tx: Transaction, standings: Standings, key: Key) -> Answer | None:
    """Say what stands in the way of a new attempt; deals with dead leases on the way."""
    campaign = standings.campaign(key)
    for message in standings.attempts(key):
        if message.step != campaign.step or message.state not in LIVE_STATES:
            continue
        if message.state is MessageState.ACCEPTED:
            if campaign.status is not OutreachStatus.FAILED:  # a failed one may be tried again: `_reserve`
                return Answer("already_sent", message.sendgrid_message_id)
        elif message.state is MessageState.IN_DOUBT:
            return Answer("in_doubt", reason=message.error)
        elif message.lease_until is not None and message.lease_until >= tx.now():
            return Answer("sending")
        elif message.state is MessageState.HANDED:
            _doubt_expired(standings, key, message)
            return Answer("in_doubt", reason="the worker that was sending it died")
        else:
            _void_expired(tx, standings, key, message)
    return None


def _void_expired(tx: Transaction, standings: Standings, key: Key, message: OutreachMessage) -> None:
    standings.change_attempt(
        key, message.id, state=MessageState.VOIDED, error="its worker died", lease_token=None, lease_until=None
    )
    standings.requeue(key, tx.now())


def _doubt_expired(standings: Standings, key: Key, message: OutreachMessage) -> None:
    reason = "the worker that was sending it died"
    # The token stays: should its holder be alive after all and know what happened, that truth ends the doubt.
    standings.change_attempt(key, message.id, state=MessageState.IN_DOUBT, error=reason, lease_until=None)
    standings.change(key, last_error=reason)
    standings.history.append((key, "in_doubt"))


def _refuse(tx: Transaction, standings: Standings, key: Key, reason: str) -> Answer:
    standings.suppress(key, reason)
    facts.write(tx, standings)
    return Answer("suppressed", reason=reason)


def _reserve(tx: Transaction, standings: Standings, key: Key) -> Claim:
    campaign = standings.campaign(key)
    earlier = [message for message in standings.attempts(key) if message.step == campaign.step]
    for message in earlier:
        if message.state is MessageState.ACCEPTED:
            standings.change_attempt(key, message.id, state=MessageState.SUPERSEDED)
    message = OutreachMessage(
        id=new_id(),
        tenant_id=key[0],
        campaign_id=key[1],
        step=campaign.step,
        attempt=max((message.attempt for message in earlier), default=0) + 1,
        state=MessageState.RESERVED,
        address_key=campaign.owner_address_key,
        created_at=tx.now(),
        lease_token=new_id(),
        lease_until=tx.now() + LEASE,
    )
    standings.add_attempt(message)
    standings.change(key, status=OutreachStatus.SCHEDULED)
    standings.restand(key)
    standings.change(key, next_send_at=None)
    facts.write(tx, standings)
    return Claim(standings.campaign(key), message, campaign.next_send_at)
