"""A mail of ours as the owner has it in the mailbox: what an answer quotes, and where it goes."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from orchestrator.sandbox.message import Message
from orchestrator.sandbox.owners import mime

#: Owners live five hours west of Greenwich; their mail programs write the local time.
HOME = timezone(timedelta(hours=-5))
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Original:
    """What the owner got.

    Args:
        from_name: Sender's name or None.
        from_email: Sender's address.
        answers_to: Addresses an answer goes to: those of Reply-To, else the sender's.
        to_name: Owner's name or None.
        to_email: Owner's address.
        subject: Subject.
        text: Plain text.
        html: HTML or None.
        message_id: Value of the Message-ID header, angle brackets included.
        sent_at: When it was sent, by the owner's clock.
        headers: What the sender set: List-Unsubscribe and the like.
    """

    from_name: str | None
    from_email: str
    answers_to: tuple[str, ...]
    to_name: str | None
    to_email: str
    subject: str
    text: str
    html: str | None
    message_id: str
    sent_at: datetime
    headers: dict[str, str]

    @property
    def who(self) -> str:
        """The sender as mail programs name him above a quote."""
        return f"{self.from_name} <{self.from_email}>" if self.from_name else self.from_email

    def header(self, name: str) -> str | None:
        """Return a header that the sender set, or None."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    def as_received(self) -> mime.Headers:
        """Return the headers the owner's mailbox holds, for reports that send them back."""
        own = [(name, value) for name, value in self.headers.items() if name.lower() != "message-id"]
        return [
            ("From", mime.address(self.from_name, self.from_email)),
            ("To", mime.address(self.to_name, self.to_email)),
            ("Subject", mime.words(self.subject)),
            ("Date", rfc_date(self.sent_at)),
            ("Message-ID", self.message_id),
            ("MIME-Version", "1.0"),
            *own,
        ]


def rfc_date(at: datetime) -> str:
    """Return a moment as a Date header has it (RFC 5322)."""
    return format_datetime(at)


def local(unix_time: int) -> datetime:
    """Return a moment by the owners' clock."""
    return datetime.fromtimestamp(unix_time, HOME)


def original_of(message: Message) -> Original:
    """Return a mail as its owner has it."""
    payload = message.payload
    one = payload.get("reply_to")
    asked = [one] if one else payload.get("reply_to_list") or []
    markup = message.body("text/html")
    text = message.body("text/plain")
    sender = message.sender
    return Original(
        from_name=sender.get("name"),
        from_email=sender["email"],
        answers_to=tuple(person["email"] for person in asked) or (sender["email"],),
        to_name=message.name,
        to_email=message.email,
        subject=message.subject or "",
        text=text if text is not None else _plain(markup or ""),
        html=markup,
        message_id=message.smtp_id,
        sent_at=local(message.accepted_at),
        headers=message.headers,
    )


def _plain(markup: str) -> str:
    lines = (line.strip() for line in html.unescape(_TAG.sub("", markup)).splitlines())
    return "\n".join(line for line in lines if line)
