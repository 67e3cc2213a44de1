"""Holding campaigns back, and letting them go: the one way a ``hold_reason`` comes and goes.

A held campaign keeps its status and is never due. People hold with a reason of their own; gates hold for what they
find. A hold that a gate made never takes the place of a person's, and only the cause's end or a person lifts one.
"""

from __future__ import annotations

from datetime import datetime

from orchestrator.domain import consent, greeting, memo_link
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.message import HELD_IN_DOUBT, MessageState, OutreachMessage
from orchestrator.services.recording.standing import Key, Standings

#: What the reason of a hold begins with that an address brings upon its campaigns.
OWNER_HELD = "owner held: "
#: What the reason of a hold begins with that the missed-schedule policy made.
MISSED = "it missed its time: "

_ON_ITS_WAY = frozenset({MessageState.RESERVED, MessageState.HANDED, MessageState.IN_DOUBT})


def hold(standings: Standings, key: Key, reason: str) -> None:
    """Take a campaign off the queue until somebody releases it, and void what was reserved; said once, it is done."""
    withdrawn = standings.withdraw_reserved(key)
    if standings.campaign(key).hold_reason == reason and not withdrawn:
        return
    standings.change(key, hold_reason=reason, next_send_at=None)
    standings.tell(key, "held", reason=reason)


def release(standings: Standings, key: Key, at: datetime) -> None:
    """End a hold; the campaign is due at `at`, unless a mail of it is on its way, or its fate unknown."""
    reason = standings.campaign(key).hold_reason
    if reason is None or reason == HELD_IN_DOUBT:  # releasing decides nothing about a mail in doubt
        return
    campaign = standings.campaign(key)
    if reason.startswith(consent.HELD) and consent.missing(campaign.country, campaign.consent_basis):
        return  # nor is it a consent
    standings.change(key, hold_reason=None)
    if on_its_way(standings, key) is None:
        standings.requeue(key, at)
    standings.tell(key, "released", reason=reason)


def on_its_way(standings: Standings, key: Key) -> OutreachMessage | None:
    """Return a mail of the campaign that was claimed, or may have left; while there is one, it is not due."""
    return next((message for message in standings.attempts(key) if message.state in _ON_ITS_WAY), None)


def obey_memo_link(standings: Standings, key: Key, before: str, at: datetime) -> None:
    """Hold a campaign whose memo link will not last, or end such a hold when it does.

    Args:
        standings: The campaign, with its new link and not yet due.
        key: (tenant_id, campaign_id).
        before: The link it had before; a hold made for that one ends.
        at: When it goes out.
    """
    campaign = standings.campaign(key)
    if campaign.status is not OutreachStatus.SCHEDULED:
        return
    end = memo_link.expires_at(before)
    for_its_link = end is not None and campaign.hold_reason == memo_link.words(end)
    if campaign.hold_reason is not None and not for_its_link:
        return  # a person's word, or another cause
    reason = memo_link.problem(campaign.memo_url, at, memo_link.DELIVERY)
    if reason is not None:
        hold(standings, key, reason)
    elif for_its_link:
        release(standings, key, at)


def obey_recipient(standings: Standings, key: Key, at: datetime, *, renamed: bool) -> None:
    """Hold a campaign to an estate, or end a hold for what is not so any more: an estate, or a missing consent.

    Args:
        standings: The campaign, with what is known of its recipient now.
        key: (tenant_id, campaign_id).
        at: When it goes out.
        renamed: Whether the owner's name is a new one.
    """
    campaign = standings.campaign(key)
    if campaign.status is not OutreachStatus.SCHEDULED:
        return
    reason, death = campaign.hold_reason, greeting.estate(campaign.owner_name)
    if reason is None:
        if death is not None and renamed:
            hold(standings, key, death)
        return
    consented = consent.missing(campaign.country, campaign.consent_basis) is None
    if (reason.startswith(consent.HELD) and consented) or (reason.startswith(greeting.ESTATE) and death is None):
        release(standings, key, at)


def forget_missed(standings: Standings, key: Key) -> None:
    """End a hold for a missed time, because the campaign gets a new one."""
    reason = standings.campaign(key).hold_reason
    if reason is not None and reason.startswith(MISSED):
        standings.change(key, hold_reason=None)


def skip(standings: Standings, key: Key, reason: str) -> None:
    """Cancel a scheduled campaign that missed its time."""
    standings.withdraw_reserved(key)
    standings.change(key, status=OutreachStatus.CANCELLED, next_send_at=None, last_error=reason)
    standings.restand(key)
    standings.tell(key, "cancelled", reason=reason)
