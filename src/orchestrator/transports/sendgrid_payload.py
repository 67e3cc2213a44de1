"""A mail as the JSON body of SendGrid's ``POST /v3/mail/send``."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from orchestrator import errors
from orchestrator.domain.message import OutgoingMail

#: Header names SendGrid sets itself and refuses from the caller (Mail Send reference, ``headers``).
RESERVED_HEADERS = frozenset(
    {
        "x-sg-id",
        "x-sg-eid",
        "received",
        "dkim-signature",
        "content-type",
        "content-transfer-encoding",
        "to",
        "from",
        "subject",
        "reply-to",
        "cc",
        "bcc",
    }
)

#: Printable ASCII without the colon (RFC 5322 §2.2).
_HEADER_NAME = re.compile(r"[!-9;-~]+")

#: Opens and HTML clicks are tracked. Links in the text part are not rewritten: people read them. SendGrid's own
#: unsubscribe footer is switched off in so many words, because an account's default may be on and the mail has its own.
TRACKING = {
    "click_tracking": {"enable": True, "enable_text": False},
    "open_tracking": {"enable": True},
    "subscription_tracking": {"enable": False},
}


def payload(mail: OutgoingMail, sandbox_mode: bool = False) -> dict[str, Any]:
    """Return the request body for one mail to one person.

    ``custom_args`` stand at the top level: a request has one recipient, so there is nothing to tell apart, and the
    ids belong to the message as a whole. Every event SendGrid sends about the mail repeats them.

    Args:
        mail: What to send. Names lose control characters, commas and semicolons; the subject loses line breaks.
        sandbox_mode: SendGrid's own sandbox flag: the request is validated and nothing is sent.

    Raises:
        ValidationError: A header is reserved by SendGrid, or its name or value is not legal (RFC 5322 §2.2).
    """
    body: dict[str, Any] = {
        "personalizations": [{"to": [_person(mail.to_email, mail.to_name)]}],
        "from": _person(mail.from_email, mail.from_name),
        "subject": _one_line(mail.subject),
        # RFC 1341 §7.2, enforced by SendGrid: the plainest alternative comes first.
        "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
        "custom_args": {
            "campaign_id": str(mail.campaign_id),
            "tenant_id": str(mail.tenant_id),
            "property_id": str(mail.property_id),
            "outreach_message_id": str(mail.message_id),
        },
        "tracking_settings": TRACKING,
    }
    if mail.reply_to:
        body["reply_to"] = {"email": mail.reply_to}
    if mail.headers:
        body["headers"] = {name: _header(name, value) for name, value in mail.headers.items()}
    if mail.categories:
        body["categories"] = list(mail.categories)
    if sandbox_mode:
        body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return body


def _person(email: str, name: str | None) -> dict[str, str]:
    cleaned = _display_name(name) if name else ""
    return {"email": email, "name": cleaned} if cleaned else {"email": email}


def _display_name(name: str) -> str:
    # SendGrid's limits forbid "," and ";" in names, its newer pages are silent; a space is legal under both.
    return _one_line(name.replace(",", " ").replace(";", " "))


def _one_line(text: str) -> str:
    """Replace control characters, line separators and lone surrogates by spaces, then squeeze the spaces."""
    if not text.isprintable():
        text = "".join(" " if _breaks(char) else char for char in text)
    return " ".join(text.split())


def _breaks(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def _header(name: str, value: str) -> str:
    if name.lower() in RESERVED_HEADERS:
        raise errors.ValidationError(
            f"headers.{name}", "SendGrid sets this header itself and refuses it", fix="Leave this header out."
        )
    if not _HEADER_NAME.fullmatch(name):
        raise errors.ValidationError(f"headers.{name!r}", "a header name is printable ASCII without space or colon")
    if not value.isprintable() and any(_breaks(char) for char in value):
        raise errors.ValidationError(f"headers.{name}", "a header value is one line without control characters")
    return value
