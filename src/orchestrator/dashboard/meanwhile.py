"""What changed between looking and pressing: whoever acts on what is no longer so is told, and decides again.

A form carries a mark of what its page showed. Commands themselves are serialised below; this only keeps one person's
decision from silently replacing another's, made while the first one's page was open.
"""

from __future__ import annotations

import hashlib

from orchestrator import errors
from orchestrator.domain.campaign import OutreachCampaign

_FIX = "Look at it as it is now, and decide again."


def mark(*shown: object) -> str:
    """Return a short mark of what a page shows: the same for the same, and another one for anything else."""
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def mark_of(campaign: OutreachCampaign) -> str:
    """Return the mark of what people decide about a campaign by."""
    return mark(str(campaign.status), campaign.hold_reason, campaign.scheduled_at)


def check_campaign(seen: str, campaign: OutreachCampaign | None) -> None:
    """Raise `InvalidState` when a campaign is not as it was seen; whoever says nothing of what was seen may act."""
    if not seen or campaign is None or seen == mark_of(campaign):
        return
    now = f"held: {campaign.hold_reason}" if campaign.hold_reason else str(campaign.status)
    raise errors.InvalidState(f"Meanwhile this campaign was changed. It is {now}.", fix=_FIX)


def check(seen: str, now: str, words: str) -> None:
    """Raise `InvalidState` with `words` when the mark of what is now is not the one that was seen."""
    if seen and seen != now:
        raise errors.InvalidState(words, fix=_FIX)
