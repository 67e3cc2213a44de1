"""A campaign: one owner of one property, written to once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from orchestrator.domain.words import Word


class OutreachStatus(Word):
    """Where a campaign stands. `lifecycle` says what moves it, and in which rank."""

    #: Created; goes out at ``next_send_at``. A dead process leaves it here, still due.
    SCHEDULED = "scheduled"
    #: The owner's address must not be written to. Nothing moves it but a fact about a mail that had already left.
    SUPPRESSED = "suppressed"
    #: A person called it off before it was sent.
    CANCELLED = "cancelled"
    #: SendGrid has it.
    SENT = "sent"
    #: It did not reach the owner, and the address is not to blame; a person may retry.
    FAILED = "failed"
    #: The owner's mail server took it.
    DELIVERED = "delivered"
    #: A person opened it (a machine's open does not count).
    OPENED = "opened"
    #: A person followed a link.
    CLICKED = "clicked"
    #: The address does not exist or refuses for good; it is suppressed.
    BOUNCED = "bounced"
    #: The owner answered.
    RESPONDED = "responded"
    #: The owner said no; the address is suppressed for the tenant.
    UNSUBSCRIBED = "unsubscribed"
    #: The owner reported spam; the address is suppressed for the tenant.
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutreachCampaign:
    """One row of ``outreach_campaigns``; all times are aware UTC datetimes."""

    id: str
    tenant_id: str
    property_id: str
    owner_name: str | None
    owner_email: str
    status: OutreachStatus
    subject: str
    memo_url: str
    created_at: datetime
    updated_at: datetime
    owner_address_key: str = ""
    sendgrid_message_id: str | None = None
    scheduled_at: datetime | None = None
    next_send_at: datetime | None = None
    hold_reason: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    machine_opened_at: datetime | None = None
    clicked_at: datetime | None = None
    responded_at: datetime | None = None
    bounced_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    complained_at: datetime | None = None
    failed_at: datetime | None = None
    response_text: str | None = None
    is_interested: bool | None = None
    greeting: str | None = None
    country: str | None = None
    consent_basis: str | None = None
    consent_source: str | None = None
    batch: str | None = None
    account: str | None = None
    step: int = 1
    last_error: str | None = None
    property_record: dict[str, Any] | None = None
    score_result: dict[str, Any] | None = None
    context: dict[str, Any] | None = None

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with `changes` applied."""
        return replace(self, **changes)
