"""What SendGrid, or the owner, reports about a mail, in our own words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestrator.domain.words import Word


class Fact(Word):
    """A thing that happened and cannot un-happen; facts come late, twice and out of order."""

    ACCEPTED = "accepted"  #: SendGrid answered 202 to us
    REJECTED = "rejected"  #: SendGrid refused the request, retries were used up, or the mail could not be rendered
    PROCESSED = "processed"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    BLOCKED = "blocked"  #: ``bounce`` of type blocked: this mail failed, the address is not to blame
    EXPIRED = "expired"  #: ``bounce`` of type expired, a soft bounce: SendGrid tried for days; it tells when repeated
    BOUNCED = "bounced"  #: ``bounce`` of type bounce, or without a type
    MACHINE_OPENED = "machine_opened"
    OPENED = "opened"
    CLICKED = "clicked"
    RESPONDED = "responded"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    NOTED = "noted"  #: stored and nothing else: unknown types, ``group_resubscribe``, a click on our opt-out link


class SuppressionReason(Word):
    """Why an address must not be written to again."""

    BOUNCE = "bounce"
    UNSUBSCRIBE = "unsubscribe"
    COMPLAINT = "complaint"
    INVALID = "invalid"
    MANUAL = "manual"
    SOFT_BOUNCES = "soft_bounces"  #: several mails in a row could not be delivered; ends by itself
    SOLD = "sold"  #: the owner says that the property has been sold; about a property, not an address
    WRONG_PERSON = "wrong_person"  #: whoever reads mail there says the property is not theirs


class Scope(StrEnum):
    """What somebody asks us to stop writing about."""

    ADDRESS = "address"  #: everything, to this address
    PROPERTY = "property"  #: this property, to whomever


#: From the weakest to the strongest. A stronger reason replaces a weaker one whichever came first, so that somebody who
#: later clears an account's bounces does not clear a complaint with them.
STRENGTH = (
    SuppressionReason.SOFT_BOUNCES,
    SuppressionReason.INVALID,
    SuppressionReason.BOUNCE,
    SuppressionReason.MANUAL,
    SuppressionReason.SOLD,
    SuppressionReason.WRONG_PERSON,
    SuppressionReason.UNSUBSCRIBE,
    SuppressionReason.COMPLAINT,
)


@dataclass(slots=True)  # not frozen: thousands are made a second, and that costs three times as much
class DeliveryEvent:
    """One provider event, normalised; `raw` keeps it as it came (made storable).

    The three ids are well-formed UUIDs in canonical text form, or None. `occurred_at` is the event's own time, or None
    when the wire held nothing usable; the lifecycle clamps it. `sendgrid_message_id` is the part of ``sg_message_id``
    before the first dot, which equals the X-Message-Id of our request. `suppress` is set when the event itself says
    that the address is not to be written to again.
    """

    kind: str
    fact: Fact
    event_type: str
    raw: dict[str, Any]
    dedupe_key: str
    occurred_at: datetime | None = None
    tenant_id: str | None = None
    campaign_id: str | None = None
    message_id: str | None = None
    sendgrid_message_id: str | None = None
    sg_event_id: str | None = None
    machine: bool = False
    reason: str | None = None
    suppress: SuppressionReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedEvent:
    """An element of a webhook batch that is no event at all; kept aside with the reason."""

    raw: Any
    reason: str
    dedupe_key: str
