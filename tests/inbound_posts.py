"""What SendGrid's Inbound Parse posts, written by hand: nothing of ours helps, so that nothing of ours is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BOUNDARY = "xYzZY"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
TIMESTAMP = "1767625210"


class Key:
    """A key pair of a security policy."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        der = self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public = base64.b64encode(der).decode()

    def sign(self, body: bytes) -> dict[str, str]:
        """Return the headers that SendGrid sends with `body`."""
        signature = self._private.sign(TIMESTAMP.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": CONTENT_TYPE,
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": TIMESTAMP,
        }


def form(fields: Mapping[str, bytes | str], files: Mapping[str, bytes] | None = None) -> bytes:
    """Return a multipart body as Inbound Parse writes it: text without a charset, files with a type."""
    parts = []
    for name, value in fields.items():
        data = value.encode() if isinstance(value, str) else value
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + data + b"\r\n")
    for number, (name, data) in enumerate((files or {}).items(), start=1):
        head = f'Content-Disposition: form-data; name="attachment{number}"; filename="{name}"\r\n'
        kind = "Content-Type: application/pdf\r\n\r\n"
        parts.append(f"--{BOUNDARY}\r\n{head}{kind}".encode() + data + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def reply(
    to: str | None,
    text: str | bytes,
    *,
    to_header: str | None = None,
    from_: str = "Sarah Sample <owner@owners.test>",
    subject: str = "Re: Your property at 114 Maple Street",
    message_id: str = "<reply-1@owners.test>",
    headers: Mapping[str, str] | None = None,
    envelope_from: str = "owner@owners.test",
    files: Mapping[str, bytes] | None = None,
    **fields: str | bytes,
) -> bytes:
    """Return the body of one mail in default mode; without `to` it has no envelope."""
    block = {"Message-ID": message_id, "From": from_, "Subject": subject, "Date": "Mon, 05 Jan 2026 15:10:00 +0000"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (block | dict(headers or {})).items())
    form_fields: dict[str, str | bytes] = {
        "headers": lines,
        "from": from_,
        "to": to_header or to or "somebody@reply.sender.test",
        "subject": subject,
        "text": text,
        "charsets": json.dumps({"text": "UTF-8", "subject": "UTF-8"}),
        "SPF": "pass",
    }
    if to is not None:
        form_fields["envelope"] = json.dumps({"to": [to], "from": envelope_from})
    return form(form_fields | fields, files)
