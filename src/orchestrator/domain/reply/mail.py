"""A mail that came in, as the rest of the program sees it, and the words for what it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class ReplyKind(StrEnum):
    """What a mail that came in is. Only `HUMAN` is a reply."""

    HUMAN = "human"
    #: Out of office and every other answer that a machine wrote (RFC 3834).
    AUTOMATIC = "automatic"
    #: A delivery status notification: the mail, or a copy of it, did not arrive (RFC 3464).
    BOUNCE = "bounce"
    #: A message disposition notification: somebody's program reports that the mail was displayed (RFC 8098).
    RECEIPT = "receipt"
    #: A feedback report: somebody called the mail spam (RFC 5965).
    COMPLAINT = "complaint"
    #: Sent to the address of the ``mailto:`` opt-out (RFC 2369). Nothing in the mail says so: its recipient does.
    OPT_OUT = "opt_out"


class ReplyLabel(StrEnum):
    """What a human reply says, as a rule or a person judged it."""

    OPT_OUT = "opt_out"
    NOT_INTERESTED = "not_interested"
    SOLD = "sold"
    WRONG_PERSON = "wrong_person"
    LEGAL = "legal"
    QUESTION = "question"
    INTERESTED = "interested"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail; its bytes are not kept."""

    name: str
    type: str
    #: Bytes, as the recipient would save them.
    size: int


@dataclass(frozen=True, slots=True)
class ReportPart:
    """What a report holds for programs: its own fields, or the headers of the mail it is about."""

    type: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMail:
    """A mail that came in. Every text is storable: no NUL, no lone surrogates, header values on one line each."""

    #: Who sent it by SMTP; None when the envelope names nobody, as bounces do, or is missing.
    envelope_from: str | None = None
    #: Whom it was delivered to by SMTP: route on these, never on `to_email`, which the writer chose freely.
    envelope_to: tuple[str, ...] = ()
    #: Whether the POST told of an SMTP envelope; without one an empty `envelope_from` means nothing.
    has_envelope: bool = False
    from_email: str | None = None
    from_name: str | None = None
    to_email: str | None = None
    subject: str = ""
    #: The whole mail as plain text, quotes and all.
    text: str = ""
    #: Name and value in the order received, repeated ones too.
    headers: tuple[tuple[str, str], ...] = ()
    message_id: str | None = None
    #: Ids from In-Reply-To, References and reports, without angle brackets, the nearest first.
    in_reply_to: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    reports: tuple[ReportPart, ...] = ()
    #: The same for every delivery of this mail to these recipients.
    dedupe_key: str = ""
    raw_headers: str = ""
    date: datetime | None = None

    def header(self, name: str) -> str | None:
        """Return the first value of header `name` (any case), or None."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Return every value of header `name` (any case) in the order received."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Automatic:
    """A mail that no person wrote, and how that is known."""

    kind: ReplyKind
    #: What in the mail says so, such as ``Auto-Submitted: auto-replied``.
    evidence: str
    #: The day from which an absent person reads mail again, where the text tells.
    returns_on: date | None = None
    #: Of a bounce: the enhanced status code (RFC 3463), such as ``5.1.1``.
    status: str | None = None
    #: Of a bounce or a complaint: the address it is about.
    recipient: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """What a rule makes of a reply."""

    label: ReplyLabel
    #: The very words of the text that made the rule fire, as they were written.
    words: tuple[str, ...] = ()
    #: Name of the rule, such as ``opt_out.stop_writing``; ``none`` when no rule fired.
    rule: str = "none"


_INTEREST = {
    ReplyLabel.INTERESTED: True,
    ReplyLabel.OPT_OUT: False,
    ReplyLabel.NOT_INTERESTED: False,
    ReplyLabel.SOLD: False,
    ReplyLabel.WRONG_PERSON: False,
    ReplyLabel.LEGAL: False,
}


def interest(label: ReplyLabel) -> bool | None:
    """Return whether `label` says that the owner wants to go on talking; None where it does not say."""
    return _INTEREST.get(label)
