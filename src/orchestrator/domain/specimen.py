"""A test mail: a real mail that belongs to no campaign, sent to a colleague who wants to see it in a real mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: What begins the subject of a test mail.
PREFIX = "[Test] "
#: What stands in a test mail where a signed token names the campaign in others: in the opt-out link, in the local parts
#: of its reply and opt-out addresses. It is no token, so nothing that it could name would ever be found.
TOKEN = "test"  # noqa: S105 -- the very opposite of a secret
#: The category that SendGrid keeps test mails under.
CATEGORY = "outreach-test"


class Origin(StrEnum):
    """Whose templates a test mail was written with."""

    #: Those that mails go out with.
    IN_USE = "in_use"
    #: Those that somebody typed into the page, and that stand in no file.
    EDIT = "edit"
    #: Those of a folder that was named.
    FOLDER = "folder"


class SpecimenState(StrEnum):
    """What became of a test mail."""

    #: It is being handed over. Should that stay so, a crash has kept the outcome from being written down.
    SENDING = "sending"
    #: SendGrid has it.
    ACCEPTED = "accepted"
    #: SendGrid refused it.
    REJECTED = "rejected"
    #: It certainly did not go out.
    NOT_SENT = "not_sent"
    #: Nobody knows whether it went out; it is not sent again by itself.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One test mail, and what became of it.

    Exactly one of `campaign_id`, whose records it was written from, and `sample`, a made-up mail's name, is set.
    ``templates`` is the SHA-256 of the two templates, in hexadecimal. ``reported`` is the last thing that SendGrid said
    of the way to the mailbox, a `Fact`; opens and clicks of test mails are not kept.
    """

    id: str
    tenant_id: str
    asked_at: datetime
    asked_by: str | None
    to_email: str
    campaign_id: str | None
    sample: str | None
    subject: str
    templates: str
    origin: Origin
    state: SpecimenState = SpecimenState.SENDING
    reason: str | None = None
    sendgrid_message_id: str | None = None
    reported: str | None = None
    reported_at: datetime | None = None
