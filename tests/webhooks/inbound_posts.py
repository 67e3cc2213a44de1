"""Mails packed as SendGrid's Inbound Parse posts them, by the standard library's mail parser and not by ours."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[1] / "fixtures" / "replies"
BOUNDARY = "xYzZY"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
RECIPIENT = "r+k7c2m9x4q8@in.example.test"
MODES = ("default", "raw")


_FIELDS = {"text/plain": "text", "text/html": "html", "multipart/alternative": "text"}


def manifest() -> dict[str, dict[str, Any]]:
    """What each mail of the corpus must be taken for, by its name."""
    return json.loads((CORPUS / "manifest.json").read_text("utf-8"))


def mail(name: str) -> bytes:
    return (CORPUS / "mails" / f"{name}.eml").read_bytes()


def post(mode: str, raw: bytes, *, envelope_from: str, to: str = RECIPIENT) -> bytes:
    """The body of the POST that brings the mail `raw`."""
    envelope = json.dumps({"to": [to], "from": envelope_from}).encode()
    if mode == "raw":
        return form([("email", raw), ("envelope", envelope), ("SPF", b"pass"), ("sender_ip", b"192.0.2.7")])
    fields, files = _taken_apart(message_from_bytes(raw))
    return form([*fields, ("envelope", envelope), ("SPF", b"pass")], files)


def form(fields: list[tuple[str, bytes]], files: list[tuple[str, str, str, bytes]] | None = None) -> bytes:
    """A form as SendGrid writes it; files are (field, file name, type, bytes)."""
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value for name, value in fields]
    for field, name, kind, value in files or []:
        head = f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        parts.append(head.encode() + value)
    start = f"--{BOUNDARY}\r\n".encode()
    return b"".join(start + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def _taken_apart(message: Message) -> tuple[list[tuple[str, bytes]], list[tuple[str, str, str, bytes]]]:
    """The fields of the default mode: headers sorted, the first text and HTML as they were, everything else a file."""
    texts: dict[str, bytes] = {}
    charsets = {"to": "UTF-8", "from": "UTF-8", "subject": "UTF-8"}
    files: list[tuple[str, str, str, bytes]] = []
    for part in _leaves(message):
        kind = _FIELDS.get(part.get_content_type())
        if kind and not part.get_filename():
            if kind not in texts:
                charsets[kind] = part.get_content_charset() or "us-ascii"
                texts[kind] = _content(part)
        else:
            name = part.get_filename() or "unnamed"
            files.append((f"attachment{len(files) + 1}", name, part.get_content_type(), _content(part)))
    headers = "\n".join(f"{name.title()}: {value}" for name, value in sorted(message.items()))
    fields = [
        ("headers", headers.encode("utf-8", "surrogateescape")),
        *((name, _words(message.get(name, ""))) for name in ("from", "to", "subject")),
        *texts.items(),
        ("charsets", json.dumps(charsets).encode()),
        ("attachments", str(len(files)).encode()),
    ]
    return fields, files


def _leaves(message: Message) -> list[Message]:
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        return [leaf for part in message.get_payload() for leaf in _leaves(part)]  # pyright: ignore
    return [message]


def _content(part: Message) -> bytes:
    if part.is_multipart():  # a mail, or the blocks of a delivery status
        return b"\r\n".join(each.as_bytes() for each in part.get_payload())  # pyright: ignore
    return part.get_payload(decode=True) or b""  # pyright: ignore


def _words(value: str) -> bytes:
    words = decode_header(value)
    return "".join(
        w if isinstance(w, str) else w.decode(charset or "ascii", "replace") for w, charset in words
    ).encode()
