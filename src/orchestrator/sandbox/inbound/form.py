"""The form that Inbound Parse posts for a mail, in default and in raw mode, byte for byte as receivers get it.

Two generations of SendGrid's hosts are about. The older keep the headers as they came and give the subject in its own
charset; the newer sort and unfold them, decode their words, add a ``Return-Path``, and give the subject in UTF-8. A
line break that was hidden in an encoded word is a line break then: nothing is known of SendGrid that would stop it. On
both, text and HTML come in the bytes of the mail's own charsets, which only the field ``charsets`` tells; no text field
has a content type.
"""

from __future__ import annotations

import email
import email.header
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime
from typing import NamedTuple

import orjson

from orchestrator.sandbox import ids
from orchestrator.sandbox.inbound.letter import Letter

BOUNDARY = "xYzZY"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
SPAM_CHECKED = 2_500_000  # bytes; larger mail is not checked
SENDER_IP = "198.51.100.77"
_CANONICAL = {"message-id": "Message-Id", "mime-version": "Mime-Version"}


class Field(NamedTuple):
    """One field; `filename` and `type` only with files."""

    name: str
    value: bytes
    filename: str | None = None
    type: str | None = None


class Manner(NamedTuple):
    """How a host posts.

    Args:
        raw: The whole mail in one field instead of its parts.
        spam_check: With SpamAssassin's score and report.
        older: By a host of the older generation.
    """

    raw: bool = False
    spam_check: bool = True
    older: bool = False


def body_of(letter: Letter, recipient: str, manner: Manner) -> bytes:
    """Return the body of the POST for one recipient of a mail.

    Args:
        letter: The mail.
        recipient: The envelope's recipient.
        manner: How the host posts.
    """
    if letter.damage == "not_a_form":
        return b"\x00\xff\xfe{not a form\r\n--\r\n\x00"
    fields = list(_fields(letter, recipient, manner))
    if letter.damage == "no_envelope":
        fields = [field for field in fields if field.name != "envelope"]
    body = encode(fields)
    return body[: len(body) * 2 // 3] if letter.damage == "truncated" else body


def encode(fields: Iterable[Field]) -> bytes:
    """Return the fields as multipart/form-data with SendGrid's constant boundary."""
    fence = f"--{BOUNDARY}\r\n".encode()
    parts: list[bytes] = []
    for field in fields:
        head = f'Content-Disposition: form-data; name="{field.name}"'
        if field.filename is not None:
            head += f'; filename="{_quoted(field.filename)}"\r\nContent-Type: {field.type}'
        parts += [fence, head.encode("utf-8", "replace"), b"\r\n\r\n", field.value, b"\r\n"]
    return b"".join((*parts, f"--{BOUNDARY}--\r\n".encode()))


def _quoted(filename: str) -> str:
    escaped = filename.replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("\r", "%0D").replace("\n", "%0A")


def _fields(letter: Letter, recipient: str, manner: Manner) -> Iterator[Field]:
    received = (
        f"Received: from {letter.host} (mxd [{SENDER_IP}]) by mx.sendgrid.net with ESMTP id {ids.random_id()}"
        f" for <{recipient}>; {format_datetime(datetime.fromtimestamp(letter.at, UTC))} (UTC)\r\n"
    ).encode()
    mail = email.message_from_bytes(letter.mime)
    charsets = {"to": "UTF-8", "from": "UTF-8"}
    if not manner.raw:
        yield Field("headers", _header_block(received + letter.mime, letter.envelope_from, older=manner.older))
    yield Field("sender_ip", SENDER_IP.encode())
    yield Field("SPF", b"pass" if letter.envelope_from else b"none")
    yield Field("to", _decoded(mail.get("To", "")))
    if mail.get("Cc"):
        charsets["cc"] = "UTF-8"
        yield Field("cc", _decoded(mail["Cc"]))
    charsets["subject"], subject = _subject(mail.get("Subject", ""), older=manner.older)
    yield Field("subject", subject)
    if manner.raw:
        yield Field("email", received + letter.mime)
    else:
        yield from _parts(mail, charsets)
    if letter.damage == "wrong_charset":
        charsets.update({"text": "x-unknown-8bit", "html": "utf-16-be"})
    yield Field("charsets", orjson.dumps(charsets))
    yield Field("dkim", f"{{@{letter.signed_by} : pass}}".encode() if letter.signed_by else b"none")
    yield Field("from", _decoded(mail.get("From", "")))
    yield Field("envelope", orjson.dumps({"to": [recipient], "from": letter.envelope_from}))
    if manner.spam_check:
        yield from _spam(len(letter.mime))


def _spam(size: int) -> Iterator[Field]:
    score = "0.1" if size <= SPAM_CHECKED else "0"
    told = (
        'Spam detection software, running on the system "mx.sendgrid.net", has NOT identified this incoming email as '
        f"spam.\n\nContent analysis details:   ({score} points, 5.0 required)\n\n pts rule name"
        "              description\n---- ---------------------- ----------------------------------------\n"
    )
    yield Field("spam_report", told.encode())
    yield Field("spam_score", score.encode())


def _header_block(mime: bytes, return_path: str, *, older: bool) -> bytes:
    block = mime.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n")
    if older:
        return block + b"\n"
    unfolded = block.replace(b"\n ", b" ").replace(b"\n\t", b"        ")
    pairs = [line.partition(b":") for line in unfolded.split(b"\n")]
    pairs.append((b"Return-Path", b":", f" <{return_path}>".encode()))
    lines = [_canonical(name) + b": " + _decoded(value.strip().decode("utf-8", "replace")) for name, _, value in pairs]
    return b"\n".join((*sorted(lines), b""))


def _canonical(name: bytes) -> bytes:
    shown = name.decode("ascii", "replace")
    return _CANONICAL.get(shown.lower(), shown).encode("ascii", "replace")


def _pieces(value: str) -> list[tuple[bytes, str | None]]:
    """Take a header's encoded words apart: bytes and charset of each stretch."""
    unfolded = str(value).replace("\r\n", "").replace("\n", "")
    try:
        found = email.header.decode_header(unfolded)
    except (ValueError, email.header.HeaderParseError):  # type: ignore[attr-defined]
        return [(unfolded.encode("utf-8", "replace"), None)]
    return [(raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace"), charset) for raw, charset in found]


def _decoded(value: str) -> bytes:
    """Return a header's text in UTF-8."""
    return b"".join(_in_utf8(raw, charset) for raw, charset in _pieces(value))


def _in_utf8(raw: bytes, charset: str | None) -> bytes:
    try:
        return raw.decode(charset or "utf-8").encode()
    except (LookupError, ValueError):
        return raw


def _subject(value: str, *, older: bool) -> tuple[str, bytes]:
    """Return charset and bytes of the subject; older hosts leave it in its own charset when it has only one."""
    pieces = _pieces(value)
    named = {charset for _, charset in pieces if charset}
    if older and len(named) == 1:
        return named.pop(), b"".join(raw for raw, _ in pieces)
    return "UTF-8", _decoded(value)


def _parts(mail: Message, charsets: dict[str, str]) -> Iterator[Field]:
    """Yield ``text``, ``html`` and the files; note the charsets of the first two."""
    files: list[tuple[Message, bytes]] = []
    for part in _leaves(mail):
        kind = {"text/plain": "text", "text/html": "html"}.get(part.get_content_type())
        content = _content(part)
        if kind and kind not in charsets and not part.get_filename() and part.get_content_disposition() != "attachment":
            charsets[kind] = part.get_content_charset("us-ascii")
            yield Field(kind, content)
        else:
            files.append((part, content))
    yield Field("attachments", str(len(files)).encode())
    if files:
        yield from _files(files)


def _files(files: list[tuple[Message, bytes]]) -> Iterator[Field]:
    about: dict[str, dict[str, str]] = {}
    content_ids: dict[str, str] = {}
    for number, (part, content) in enumerate(files, 1):
        key, content_type = f"attachment{number}", part.get_content_type()
        filename = _decoded(part.get_filename() or "").decode("utf-8", "replace")
        about[key] = {"filename": filename, "name": filename, "type": content_type}
        if content_id := part.get("Content-ID", "").strip("<> "):
            about[key]["content-id"] = content_id
            content_ids[content_id] = key
        yield Field(key, content, filename, content_type)
    yield Field("attachment-info", orjson.dumps(about))
    if content_ids:
        yield Field("content-ids", orjson.dumps(content_ids))


def _leaves(mail: Message) -> Iterator[Message]:
    if mail.get_content_maintype() == "multipart" and isinstance(mail.get_payload(), list):
        for part in mail.get_payload():
            if isinstance(part, Message):
                yield from _leaves(part)
    else:
        yield mail


def _content(part: Message) -> bytes:
    if part.get_content_maintype() == "message" and part.is_multipart():
        return b"".join(inner.as_bytes() for inner in part.get_payload() if isinstance(inner, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
