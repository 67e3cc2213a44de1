"""What the rest of the platform is told, as CloudEvents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orchestrator.clock import new_id
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.cloudevents import cloud_event

SOURCE = "/outreach-orchestrator"
#: What the rest of the platform hears when a timestamp is set for the first time, in the order they are told.
PUBLISHED = {
    "sent_at": "event.outreach.sent",
    "delivered_at": "event.outreach.delivered",
    "opened_at": "event.outreach.opened",
    "clicked_at": "event.outreach.clicked",
    "responded_at": "event.outreach.response",
    "failed_at": "event.outreach.failed",
    "bounced_at": "event.outreach.bounced",
    "unsubscribed_at": "event.outreach.unsubscribed",
    "complained_at": "event.outreach.complained",
}


def announcement(campaign: OutreachCampaign, type_: str, at: datetime) -> dict[str, Any]:
    """Return the CloudEvent that tells of `campaign`."""
    correlation_id = str((campaign.context or {}).get("correlation_id") or campaign.id)
    return cloud_event(
        id=new_id(),
        type=type_,
        source=SOURCE,
        time=at,
        subject=f"campaign/{campaign.id}",
        tenant_id=campaign.tenant_id,
        correlation_id=correlation_id,
        data={
            "tenant_id": campaign.tenant_id,
            "campaign_id": campaign.id,
            "property_id": campaign.property_id,
            "status": str(campaign.status),
            "correlation_id": correlation_id,
        },
    )
