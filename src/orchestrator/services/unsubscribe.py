"""Opting out by link: whoever holds the link of a mail may stop all mail to its address."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator import errors
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.events import Fact
from orchestrator.repository import Transaction, campaigns
from orchestrator.services import facts
from orchestrator.tokens import Signer

Begin = Callable[[], AbstractContextManager[Transaction]]
PURPOSE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class OptOuts:
    """Reads and executes opt-out links. `signer` returns the signer that made them; the rest is for the page."""

    begin: Begin
    read: Begin
    signer: Callable[[], Signer]
    company_name: str | None
    postal_address: str | None

    def find(self, token: str) -> OutreachCampaign | None:
        """Return the campaign whose mail carried `token`, or None; changes nothing."""
        ids = self._ids(token)
        if ids is None:
            return None
        tenant_id, campaign_id, _ = ids
        with self.read() as tx:
            return campaigns.get(tx, (tenant_id, campaign_id))

    def describe(self, token: str) -> dict[str, str | None] | None:
        """Return what the page that asks shows; None when the token is not one of ours."""
        campaign = self.find(token)
        if campaign is None:
            return None
        address = (campaign.property_record or {}).get("address") or {}
        return {
            "company_name": self.company_name,
            "postal_address": self.postal_address,
            "property_address": address.get("line1"),
        }

    def opt_out(self, token: str) -> bool:
        """Stop all mail of the tenant to the address that `token` was sent to; repeating it changes nothing.

        Returns:
            Whether the token is one of ours. Callers on the network answer the same either way.
        """
        ids = self._ids(token)
        if ids is None:
            return False
        tenant_id, campaign_id, message_id = ids
        report = facts.Report(
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            message_id=message_id,
            fact=Fact.UNSUBSCRIBED,
            event_type="unsubscribed",
            dedupe_key=facts.own_key("unsubscribed", "link", campaign_id),
            data={"via": "link", "outreach_message_id": message_id},
        )
        with self.begin() as tx:
            return bool(facts.record(tx, [report]).statuses)

    def _ids(self, token: str) -> tuple[str, str, str] | None:
        """Return (tenant, campaign, message) of a token of ours; None for anything else, whatever it is."""
        if not isinstance(token, str):
            return None
        try:
            tenant_id, campaign_id, message_id = self.signer().verify(PURPOSE, token)
        except (errors.TokenError, ValueError):
            return None
        return tenant_id, campaign_id, message_id
