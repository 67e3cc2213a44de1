"""The send ledger's moves: claim, hand, settle. Each is one transaction, and none holds one open over the network.

Locks go address → campaign → message, as everywhere. The address lock decides every race with an opt-out: `hand` takes
it and reads the gates in a following statement, so a mail whose opt-out has committed does not leave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.domain import lifecycle, suppression
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.message import (
    LIVE_STATES,
    MessageState,
    OutgoingMail,
    OutreachMessage,
)
from orchestrator.domain.policy import LENIENT
from orchestrator.repository import Transaction, addresses, campaigns, messages
from orchestrator.services.gates import rules
from orchestrator.services.recording import facts, suppressing
from orchestrator.services.recording.standing import Standings

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


WITHDRAWN = Answer("withdrawn", reason="the campaign was changed, cancelled or claimed by somebody else meanwhile")


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
    standings = locked(tx, key, records=True)
    if due_only and not _is_due(tx, standings.campaign(key)):
        return Answer("not_due")
    known = addresses.get_many(tx, [address_key])
    covered = suppressing.covered(tx, [standings.campaign(key)])
    refusal = rules.suppression(known[address_key], covered.get(key), tx.now())
    if due_only:
        refusal = rules.refusals(tx, {key: standings.campaign(key)}, known, LENIENT).get(key)
    decided = decide(tx, standings, key, refusal)
    facts.write(tx, standings)
    return decided


def decide(tx: Transaction, standings: Standings, key: Key, refusal: rules.Refusal | None) -> Claim | Answer:
    """Reserve a locked campaign's next attempt, or say why there is none; the caller writes `standings`.

    Args:
        tx: The transaction that holds the lock.
        standings: The campaign with its attempts.
        key: (tenant_id, campaign_id).
        refusal: What `gates` have to say against it, or None. An attempt on its way is answered first.

    Raises:
        InvalidState: The campaign was cancelled.
    """
    answer = _live_answer(tx, standings, key)
    if answer is not None:
        return answer
    if refusal is not None:
        rules.apply(standings, key, refusal)
        return Answer(str(refusal.effect), reason=refusal.reason)
    lifecycle.require(lifecycle.Command.SEND, standings.campaign(key).status)
    return _reserve(tx, standings, key)


def hand(tx: Transaction, claimed: Claim, mail: OutgoingMail, account: str) -> Answer | None:
    """Mark the attempt as given to the network; None means: send it now.

    Called again before each retry, so that an opt-out between two tries is obeyed.
    """
    campaign, message = claimed.campaign, claimed.message
    key = (campaign.tenant_id, campaign.id)
    address_key = (campaign.tenant_id, campaign.owner_address_key)
    gate = addresses.lock_to_write(tx, {address_key: campaign.id}, tx.now())[address_key]
    campaigns.lock_many(tx, [key])
    reason = gate.suppression or suppressing.covered(tx, [campaign]).get(key)
    until = tx.now() + LEASE
    if reason is None and messages.hand(tx, message, lease_until=until, subject=mail.subject, account=account):
        return None
    answer = WITHDRAWN if reason is None else _stop(tx, claimed, reason)
    addresses.forget_last(tx, {address_key: campaign.id})  # others need not wait because of it
    return answer


def _stop(tx: Transaction, claimed: Claim, reason: str) -> Answer:
    """Withdraw a claimed mail for what the suppression list says; its address and its campaign are locked."""
    key, message = (claimed.campaign.tenant_id, claimed.campaign.id), claimed.message
    ours = messages.release(tx, message, MessageState.VOIDED, suppression.last_error(reason))
    standings = locked(tx, key)
    voided = any(m.id == message.id and m.state is MessageState.VOIDED for m in standings.attempts(key))
    # Or it was corrected meanwhile.
    same = standings.campaign(key).owner_address_key == claimed.campaign.owner_address_key
    return _refuse(tx, standings, key, reason) if ours or (voided and same) else WITHDRAWN


def take_back(tx: Transaction, claimed: Claim) -> bool:
    """Mark an attempt that certainly was not sent as only reserved again; False when it is ours no more."""
    campaigns.lock_many(tx, [(claimed.message.tenant_id, claimed.message.campaign_id)])
    return messages.take_back(tx, claimed.message, lease_until=tx.now() + LEASE)


def look(tx: Transaction, claimed: Claim) -> Answer:
    """Say where an attempt stands whose lease is ours no more."""
    key = (claimed.message.tenant_id, claimed.message.campaign_id)
    return _live_answer(tx, locked(tx, key), key) or Answer("withdrawn", reason="it was withdrawn meanwhile")


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
                _doubt_expired(standings, key, message, tx.now())
    facts.write(tx, standings)
    return back, doubtful


def locked(tx: Transaction, key: Key, *, records: bool = False) -> Standings:
    """Lock a campaign and return it with its attempts. Raises `CampaignNotFound`."""
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
            _doubt_expired(standings, key, message, tx.now())
            return Answer("in_doubt", reason="the worker that was sending it died")
        else:
            _void_expired(tx, standings, key, message)
    return None


def _void_expired(tx: Transaction, standings: Standings, key: Key, message: OutreachMessage) -> None:
    standings.change_attempt(
        key, message.id, state=MessageState.VOIDED, error="its worker died", lease_token=None, lease_until=None
    )
    standings.requeue(key, tx.now())


def _doubt_expired(standings: Standings, key: Key, message: OutreachMessage, now: datetime) -> None:
    reason = "the worker that was sending it died"
    # The token stays: should its holder be alive after all and know what happened, that truth ends the doubt.
    standings.change_attempt(
        key, message.id, state=MessageState.IN_DOUBT, error=reason, lease_until=None, doubted_at=now, check_at=now
    )
    standings.change(key, last_error=reason)
    standings.tell(key, "in_doubt", reason=reason)


def _refuse(tx: Transaction, standings: Standings, key: Key, reason: str) -> Answer:
    standings.suppress(key, reason)
    facts.write(tx, standings)
    return Answer("suppressed", reason=reason)


def first_attempt(tx: Transaction, campaign: OutreachCampaign) -> OutreachMessage:
    """Return a campaign's first attempt at its present step, reserved under a new lease and not written yet."""
    return OutreachMessage(
        id=new_id(),
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        step=campaign.step,
        attempt=1,
        state=MessageState.RESERVED,
        address_key=campaign.owner_address_key,
        created_at=tx.now(),
        lease_token=new_id(),
        lease_until=tx.now() + LEASE,
    )


def _reserve(tx: Transaction, standings: Standings, key: Key) -> Claim:
    campaign = standings.campaign(key)
    earlier = [message for message in standings.attempts(key) if message.step == campaign.step]
    for message in earlier:
        if message.state is MessageState.ACCEPTED:
            standings.change_attempt(key, message.id, state=MessageState.SUPERSEDED)
    message = first_attempt(tx, campaign)
    if earlier:
        message = replace(message, attempt=max(attempt.attempt for attempt in earlier) + 1)
    standings.add_attempt(message)
    standings.change(key, status=OutreachStatus.SCHEDULED)
    standings.restand(key)
    standings.change(key, next_send_at=None)
    return Claim(standings.campaign(key), message, campaign.next_send_at)
