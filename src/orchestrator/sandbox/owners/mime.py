"""Mail as bytes, as mail programs write it: every part in a charset of its own, nothing tidied up on the way."""

from __future__ import annotations

import binascii
import codecs
from base64 import b64encode, encodebytes
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from orchestrator import errors

Headers = Sequence[tuple[str, str]]
_WORD = 40  # bytes of text in an encoded word, which may have 75 characters (RFC 2047)
_SPECIALS = set('()<>[]:;@\\,."')


class Part(NamedTuple):
    """A part of a mail: its own headers and its encoded body."""

    headers: Headers
    body: bytes


def known_charset(field: str, name: str) -> str:
    """Return `name` when text can be written in it.

    Raises:
        errors.ValidationError: there is no such charset; `field` is named as the culprit.
    """
    try:
        if codecs.lookup(name)._is_text_encoding:  # base64, zip and the like are codecs too
            return name
    except (LookupError, ValueError, TypeError):
        pass
    raise errors.ValidationError(field, f"must be a charset such as utf-8 or windows-1252, not {name!r}")


def words(text: str, charset: str = "utf-8") -> str:
    """Return header text as it may stand in a header: ASCII as it is, everything else in encoded words (RFC 2047).

    Control characters are encoded too: what looks harmless may have a line break in it after decoding.
    """
    if text.isascii() and text.isprintable():
        return text
    pieces, piece = [], b""
    for character in text:
        raw = character.encode(charset, "replace")
        if len(piece) + len(raw) > _WORD:
            pieces.append(piece)
            piece = b""
        piece += raw
    return "\r\n ".join(f"=?{charset}?B?{b64encode(piece).decode('ascii')}?=" for piece in (*pieces, piece))


def address(name: str | None, email: str, charset: str = "utf-8") -> str:
    """Return an address as it stands in a header, its name quoted or encoded where that is needed."""
    if not name:
        return email
    shown = words(name, charset)
    if shown == name and _SPECIALS & set(name):
        shown = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{shown} <{email}>"


def text_part(subtype: str, text: str, charset: str) -> Part:
    """Return a text part; what the charset lacks becomes ``?``, in HTML a character reference, as in Outlook."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    raw = lines.encode(charset, "xmlcharrefreplace" if subtype == "html" else "replace")
    headers = [
        ("Content-Type", f'text/{subtype}; charset="{charset}"'),
        ("Content-Transfer-Encoding", "quoted-printable"),
    ]
    return Part(headers, binascii.b2a_qp(raw, istext=True))


def report_part(content_type: str, text: str) -> Part:
    """Return a machine-readable part of a report: ASCII lines."""
    return Part([("Content-Type", content_type)], text.replace("\n", "\r\n").encode("ascii", "replace"))


def attachment(name: str, content_type: str, content: bytes) -> Part:
    """Return a file."""
    shown = words(name).replace('"', "'")
    headers = [
        ("Content-Type", f'{content_type}; name="{shown}"'),
        ("Content-Disposition", f'attachment; filename="{shown}"'),
        ("Content-Transfer-Encoding", "base64"),
    ]
    return Part(headers, encodebytes(content).replace(b"\n", b"\r\n"))


def multipart(subtype: str, parts: Sequence[Part], parameters: str = "") -> Part:
    """Return a part that holds others.

    Args:
        subtype: ``alternative``, ``mixed`` or ``report``.
        parts: What it holds.
        parameters: Further parameters of its content type, each beginning with ``;``.
    """
    blocks = [_headers(part.headers) + b"\r\n" + part.body for part in parts]
    boundary = f"000000000000{blake2b(b''.join(blocks), digest_size=10).hexdigest()}"
    fence = f"--{boundary}\r\n".encode()
    body = b"".join(fence + block + b"\r\n" for block in blocks) + f"--{boundary}--\r\n".encode()
    return Part([("Content-Type", f'multipart/{subtype}{parameters}; boundary="{boundary}"')], body)


def mail(headers: Headers, part: Part) -> bytes:
    """Return a whole mail."""
    return _headers([*headers, *part.headers]) + b"\r\n" + part.body


def _headers(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("utf-8", "replace")
