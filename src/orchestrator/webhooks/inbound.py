"""SendGrid's Inbound Parse, put into our own words."""

from __future__ import annotations

import hashlib
import json
from email import message_from_bytes, policy

from orchestrator import errors
from orchestrator.domain.reply import InboundMail


def parse(raw_body: bytes, content_type: str) -> InboundMail:
    """Return the mail of one Inbound Parse POST; never raises for what a stranger wrote in it.

    Raises:
        MalformedPayload: The body is no multipart/form-data at all.
    """
    if not content_type.lower().startswith("multipart/form-data"):
        raise errors.MalformedPayload("The inbound mail's body is not multipart/form-data.")
    form = message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw_body, policy=policy.compat32
    )
    fields = {
        str(part.get_param("name", "", "content-disposition")): part.get_payload(decode=True) or b""
        for part in form.walk()
        if not part.is_multipart()
    }
    texts = {name: bytes(value).decode("utf-8", "replace") for name, value in fields.items()}  # pyright: ignore[reportArgumentType]
    envelope = json.loads(texts.get("envelope") or "{}")
    headers = tuple(
        (name.strip(), value.strip())
        for name, _, value in (line.partition(":") for line in texts.get("headers", "").splitlines())
    )
    mail = InboundMail(
        envelope_from=envelope.get("from") or None,
        envelope_to=tuple(envelope.get("to") or ()),
        has_envelope=bool(envelope),
        from_email=texts.get("from"),
        to_email=texts.get("to"),
        subject=texts.get("subject", ""),
        text=texts.get("text", ""),
        headers=headers,
        raw_headers=texts.get("headers", ""),
        dedupe_key=hashlib.sha256(raw_body).hexdigest(),
    )
    return mail
