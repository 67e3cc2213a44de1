"""What the rest of the platform is told, as CloudEvents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from orchestrator.clock import new_id
from orchestrator.domain.campaign import OutreachStatus
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


class Announced(Protocol):
    """What must be known of a campaign to tell of it."""

    @property
    def id(self) -> str: ...
    @property
    def tenant_id(self) -> str: ...
    @property
    def property_id(self) -> str: ...
    @property
    def status(self) -> OutreachStatus: ...
    @property
    def context(self) -> dict[str, Any] | None: ...


def announcement(campaign: Announced, type_: str, at: datetime, status: OutreachStatus | None = None) -> dict[str, Any]:
    """Return the CloudEvent that tells of `campaign`, which has come to `status` (default: the one it has)."""
    return announcements([campaign], type_, at, status)[0]


def announcements(
    campaigns: Sequence[Announced], type_: str, at: datetime, status: OutreachStatus | None = None
) -> list[dict[str, Any]]:
    """Return the CloudEvents that tell of `campaigns`, to all of which the same happened at the same moment."""
    # Checked once; what differs is filled in for each.
    envelope = cloud_event(
        id="of each",
        type=type_,
        source=SOURCE,
        time=at,
        subject="of each",
        tenant_id="of each",
        correlation_id="of each",
        data={},
    )
    return [{**envelope, **_particulars(campaign, status or campaign.status)} for campaign in campaigns]


def _particulars(campaign: Announced, status: OutreachStatus) -> dict[str, Any]:
    correlation_id = str((campaign.context or {}).get("correlation_id") or campaign.id)
    return {
        "id": new_id(),
        "subject": f"campaign/{campaign.id}",
        "tenantid": campaign.tenant_id,
        "correlationid": correlation_id,
        "data": {
            "tenant_id": campaign.tenant_id,
            "campaign_id": campaign.id,
            "property_id": campaign.property_id,
            "status": str(status),
            "correlation_id": correlation_id,
        },
    }
