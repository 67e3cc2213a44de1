"""Why a campaign has not gone out, or will: every gate asked about it, with nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from orchestrator import errors
from orchestrator.domain import greeting
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.greeting import Greeting
from orchestrator.domain.policy import Policy
from orchestrator.repository import Transaction, accounts, addresses, campaigns, messages, tenants
from orchestrator.services.gates import rules
from orchestrator.services.gates.situation import Effect, Situation, Verdict
from orchestrator.services.recording import suppressing
from orchestrator.services.recording.standing import Key

Read = Callable[[], AbstractContextManager[Transaction]]


@dataclass(frozen=True, slots=True)
class Trace:
    """What stands between a campaign and its leaving.

    ``gates`` are in the order in which they are asked; the first that is closed decides. ``leaves_at`` is the earliest
    time it can leave by itself, as things stand; None: never, unless somebody does something.
    """

    gates: list[Verdict]
    leaves_at: datetime | None
    greeting: Greeting

    @property
    def leaves(self) -> bool:
        """Whether nothing is in its way now."""
        return all(verdict.open for verdict in self.gates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the gates ask of the installation: the account's name and rate, its policy, and what it lacks by law."""

    account: str
    policy: Policy
    rate: float | None = None
    compliance: str | None = None


def explain(read: Read, key: Key, installation: Installation) -> Trace:
    """Return what each gate says of a campaign now, when it can leave, and how it greets.

    Args:
        read: Opens a transaction that only reads.
        key: (tenant_id, campaign_id).
        installation: What it would leave through.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
    """
    with read() as tx:
        campaign = campaigns.get(tx, key)
        if campaign is None:
            raise errors.CampaignNotFound(key[1])
        address = (key[0], campaign.owner_address_key)
        tenant = tenants.get(tx, key[0])
        situation = Situation(
            campaign=campaign,
            now=tx.now(),
            missed=rules.rule_of(tenant, installation.policy.missed),
            gap=installation.policy.gap,
            address=addresses.get_many(tx, [address]).get(address),
            covered=suppressing.covered(tx, [campaign]).get(key),
            tenant=tenant,
            account_pause=_pause(tx, installation.account),
            compliance=installation.compliance,
            rate=installation.rate,
            attempts=messages.of_campaigns(tx, [key])[key],
        )
    verdicts = rules.explain(situation)
    return Trace(verdicts, _leaves_at(verdicts, situation), _greeting(campaign))


def _leaves_at(verdicts: list[Verdict], situation: Situation) -> datetime | None:
    """A campaign leaves when all of its gates have opened by themselves, if they do."""
    closed = [verdict for verdict in verdicts if not verdict.open]
    if any(verdict.effect is not Effect.LATER for verdict in closed):
        return None
    return max((verdict.at for verdict in closed if verdict.at is not None), default=situation.now)


def _greeting(campaign: OutreachCampaign) -> Greeting:
    if campaign.greeting:
        return Greeting(campaign.greeting, "it was given for this campaign")
    return greeting.of_record(campaign.owner_name, campaign.property_record)


def _pause(tx: Transaction, account: str) -> str | None:
    known = accounts.get(tx, account)
    if known.pause_reason is None and known.not_before is not None and known.not_before > tx.now():
        return f"SendGrid asked for nothing before {known.not_before:%Y-%m-%d %H:%M:%S} UTC"
    return known.pause_reason
