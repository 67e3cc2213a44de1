"""Why a campaign has not gone out, or will: every gate asked about it, with nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from orchestrator import errors
from orchestrator.domain.schedule import MissedRule
from orchestrator.repository import Transaction, accounts, addresses, campaigns, messages, tenants
from orchestrator.services import gates
from orchestrator.services.gates import Situation, Verdict
from orchestrator.services.standing import Key

Read = Callable[[], AbstractContextManager[Transaction]]


def explain(read: Read, key: Key, account: str, usual: MissedRule) -> list[Verdict]:
    """Return what each gate says of a campaign now, in the order in which they are asked.

    Args:
        read: Opens a transaction that only reads.
        key: (tenant_id, campaign_id).
        account: The account its mail would leave through.
        usual: What happens to mail that missed its time, where its tenant has not decided otherwise.

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
            missed=gates.rule_of(tenant, usual),
            address=addresses.get_many(tx, [address]).get(address),
            tenant=tenant,
            account_pause=_pause(tx, account),
            attempts=messages.of_campaigns(tx, [key])[key],
        )
    return gates.explain(situation)


def _pause(tx: Transaction, account: str) -> str | None:
    known = accounts.get(tx, account)
    if known.pause_reason is None and known.not_before is not None and known.not_before > tx.now():
        return f"SendGrid asked for nothing before {known.not_before:%Y-%m-%d %H:%M:%S} UTC"
    return known.pause_reason
