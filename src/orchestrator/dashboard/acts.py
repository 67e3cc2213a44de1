"""What may be done to a campaign as it stands: a button is there exactly where the command would do something."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from orchestrator.domain import consent, lifecycle
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.lifecycle import Command
from orchestrator.domain.message import HELD_IN_DOUBT, MessageState, OutreachMessage


class Act(NamedTuple):
    """One button: the form's word, the button's, and whether it destroys something."""

    name: str
    words: str
    destroys: bool = False


_ACTS = (
    Act("send", "Send now"),
    Act("again", "Queue now"),
    Act("hold", "Hold"),
    Act("release", "Release"),
    Act("cancel", "Cancel campaign", destroys=True),
)
#: Gates that also bind what a person sends by hand (`OutreachOrchestrator.send_campaign`).
_BIND_A_PERSON = frozenset({"account", "tenant", "suppression"})
#: Attempts past calling back; of a reserved one a worker may post the mail at any moment.
_LEFT = frozenset({MessageState.HANDED, MessageState.IN_DOUBT})


def possible(campaign: OutreachCampaign, attempts: Iterable[OutreachMessage], closed: Collection[str]) -> list[Act]:
    """Return what a person can do to a campaign that would change anything, in the order of the buttons.

    Args:
        campaign: As it stands.
        attempts: Every attempt to send it.
        closed: Names of the gates that are closed for it.
    """
    states = {attempt.state for attempt in attempts}
    offered = {
        "send": _may(campaign, Command.SEND) and _sendable(campaign, states) and not _BIND_A_PERSON & set(closed),
        "again": campaign.status in (OutreachStatus.CANCELLED, OutreachStatus.FAILED) and not states & _LEFT,
        "hold": _may(campaign, Command.HOLD) and campaign.hold_reason is None,
        "release": _may(campaign, Command.RELEASE) and _releasable(campaign),
        "cancel": _may(campaign, Command.CANCEL)
        and campaign.status is not OutreachStatus.CANCELLED
        and not states & _LEFT,
    }
    return [act for act in _ACTS if offered[act.name]]


def _may(campaign: OutreachCampaign, command: Command) -> bool:
    return campaign.status in lifecycle.ALLOWED[command]


def _sendable(campaign: OutreachCampaign, states: Collection[MessageState]) -> bool:
    gone = lifecycle.was_sent(campaign.status) or campaign.status is OutreachStatus.SUPPRESSED
    return not gone and not (_LEFT | {MessageState.RESERVED}) & set(states)


def _releasable(campaign: OutreachCampaign) -> bool:
    reason = campaign.hold_reason
    if reason is None or reason == HELD_IN_DOUBT:
        return False
    return not (reason.startswith(consent.HELD) and consent.missing(campaign.country, campaign.consent_basis))
