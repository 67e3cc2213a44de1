"""A message: one attempt to send one mail, as the send ledger knows it, and what may come of a POST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.words import Word


class MessageState(Word):
    """State of one ledger row. At most one attempt per (campaign, step) is in a live state."""

    #: Claimed by a worker, not yet handed to the network. If the worker dies the lease ends and it is claimed again.
    RESERVED = "reserved"
    #: Given to the network under a lease. If the worker dies nobody knows the outcome: it becomes in doubt.
    HANDED = "handed"
    #: The outcome is unknown. Evidence from webhooks, or a person, decides.
    IN_DOUBT = "in_doubt"
    #: SendGrid has it (202, or any event about it).
    ACCEPTED = "accepted"
    #: SendGrid refused it, or it could not be rendered.
    REJECTED = "rejected"
    #: It certainly did not go out.
    NOT_SENT = "not_sent"
    #: It was in doubt, and strong evidence says that it never arrived; another attempt may take its place.
    LOST = "lost"
    #: Withdrawn before it was handed: cancelled, opted out, held.
    VOIDED = "voided"
    #: A later attempt took its place by command; its facts up to "clicked" no longer count.
    SUPERSEDED = "superseded"


#: States in which a second attempt of the same step must not exist (design §4: partial unique index).
LIVE_STATES = (MessageState.RESERVED, MessageState.HANDED, MessageState.IN_DOUBT, MessageState.ACCEPTED)

#: Why a campaign is held whose mail stays in doubt: only a person can find out, and say so with ``outreach resolve``.
HELD_IN_DOUBT = "in doubt: nothing tells whether the mail went out"


#: What a mail names as its campaign that belongs to none, a probe or a test mail (RFC 9562 §5.9).
NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutreachMessage:
    """One row of ``outreach_messages``: the ledger entry of one attempt, and the delivery facts of that mail."""

    id: str
    tenant_id: str
    campaign_id: str
    step: int
    attempt: int
    state: MessageState
    created_at: datetime
    account: str | None = None
    #: Whose mail it is: the campaign's owner may be corrected later, and what this mail meets concerns its recipient.
    address_key: str | None = None
    subject: str | None = None
    lease_token: str | None = None
    lease_until: datetime | None = None
    handed_at: datetime | None = None
    accepted_at: datetime | None = None
    sendgrid_message_id: str | None = None
    error: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    machine_opened_at: datetime | None = None
    clicked_at: datetime | None = None
    failed_at: datetime | None = None
    bounced_at: datetime | None = None
    #: When the provider first reported about this mail.
    reported_at: datetime | None = None
    #: Since when nobody knows what became of it; stays when the doubt has ended.
    doubted_at: datetime | None = None
    #: When an attempt in doubt is looked at next; None: never by itself.
    check_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMail:
    """Everything a transport needs to send one mail.

    ``message_id`` is our own id of the attempt (the ``outreach_message_id`` custom argument), not SendGrid's.
    """

    message_id: str
    campaign_id: str
    tenant_id: str
    property_id: str
    to_email: str
    to_name: str | None
    from_email: str
    from_name: str | None
    subject: str
    text: str
    html: str
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """202 (or 200 in validation mode): SendGrid has it. `message_id` is its X-Message-Id, or None when absent."""

    message_id: str | None


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly did not go out.

    `retry_after` is SendGrid's wish in seconds, or None. `account` is true when the whole account is refused (bad key,
    no credits, unverified sender): trying other mails is pointless until a person acts. `late` is true when nothing
    was tried because its deadline had passed.
    """

    reason: str
    retry_after: float | None = None
    account: bool = False
    status: int | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """SendGrid refused this mail for good; `reason` holds its messages with their fields."""

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have been accepted: the answer was lost or ambiguous."""

    reason: str
    status: int | None = None


Outcome = Accepted | NotSent | Rejected | Unknown
