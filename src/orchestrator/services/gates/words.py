"""What is said of gates that are open, and how moments and spans are written in what is said of closed ones."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.domain import consent, memo_link
from orchestrator.domain.schedule import MissedPolicy, MissedRule
from orchestrator.services.gates.situation import Situation


def moment(at: datetime) -> str:
    """Return a moment as people read it, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(rule: MissedRule) -> str:
    """Return how late mail must be to have missed its time."""
    seconds = int(rule.after.total_seconds())
    unit, size = next(((name, size) for name, size in (("h", 3600), ("min", 60)) if seconds % size == 0), ("s", 1))
    return f"{seconds // size} {unit}"


def hours(gap: timedelta) -> str:
    """Return a gap in hours."""
    return f"{gap.total_seconds() / 3600:g} h"


def address_gap(situation: Situation) -> str:
    """Say what holds of mails to one address."""
    if not situation.gap:
        return "any number of mails may go to one address"
    return f"no other mail goes to this address within {hours(situation.gap)}"


def consent_basis(situation: Situation) -> str:
    """Say why no consent is missing."""
    campaign = situation.campaign
    if campaign.country not in consent.NEEDS_CONSENT:
        return f"mail to a recipient in {campaign.country or 'the United States'} needs none"
    return f"its basis is recorded: {campaign.consent_basis}"


def rate(situation: Situation) -> str:
    """Say how fast the account may send."""
    if situation.rate is None:
        return "the account has no rate"
    return f"the account sends up to {situation.rate:g} mails a second"


def missed(situation: Situation) -> str:
    """Say what becomes of mail that missed its time."""
    rule = situation.missed
    if rule.policy is MissedPolicy.SEND:
        return "what missed its time is sent late"
    return f"it has not missed its time, which it would more than {span(rule)} late (then: {rule.policy})"


def link(situation: Situation) -> str:
    """Say how long the memo link works."""
    end = memo_link.expires_at(situation.campaign.memo_url)
    return "the memo link has no end that can be read" if end is None else f"the memo link works until {moment(end)}"


def due(situation: Situation) -> str:
    """Say since when a campaign is due."""
    due_at = situation.campaign.next_send_at
    return "" if due_at is None else f"it has been due since {moment(due_at)}"
