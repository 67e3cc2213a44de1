"""Header blocks and what single headers say (RFC 5322, RFC 2045, RFC 2231)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from orchestrator.domain import text
from orchestrator.webhooks.inbound import charsets

MAX_FIELDS = 500  #: headers of one block
MAX_VALUE = 10_000  #: characters of one header
MAX_IDS = 50  #: of other mails that one mail may name
MAX_ID = 500  #: characters
MAX_ADDRESS = 320  #: characters (RFC 5321 §4.5.3.1)
MAX_MAILBOX = 1_000  #: characters of a header that are searched for a mailbox
MAX_NAME = 200  #: characters of a display name or a file's name

_NAME = re.compile(r"[!-9;-~]{1,100}")
_LINE_END = re.compile(r"\r\n|\n|\r")
_MESSAGE_ID = re.compile(rf"<([^<>\s]{{1,{MAX_ID}}})>")
_BARE_ID = re.compile(rf"[^<>\s,;]{{1,{MAX_ID}}}")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"')
_COMMENT = re.compile(r"\([^()]*+\)")
_IN_BRACKETS = re.compile(r"<\s*([^<>\s@][^<>\s]*@[^<>\s@]+)\s*>")
_BARE_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@][^\s<>()\[\],;:\"@]*+@[^\s<>()\[\],;:\"@]++")
_ESCAPE = re.compile(r"\\(.)")
_STRUCTURAL = frozenset({"content-type", "content-transfer-encoding", "content-disposition"})


def split(block: str) -> list[tuple[str, str]]:
    """Return the fields of a header block in their order, folded lines joined, values as they were written."""
    fields: list[tuple[str, list[str]]] = []
    for line in _LINE_END.split(block):
        if line[:1] in (" ", "\t"):
            if fields:
                fields[-1][1].append(line)
            continue
        name, colon, value = line.partition(":")
        if colon and _NAME.fullmatch(name := name.rstrip(" \t")):
            if len(fields) >= MAX_FIELDS:
                break
            fields.append((name, [value]))
    return [(name, "".join(lines)[:MAX_VALUE].strip()) for name, lines in fields]


def readable(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return `fields` with encoded words decoded, each value on one line: decoding adds no header."""
    return tuple((name, text.one_line(charsets.decode_words(value))) for name, value in fields)


def first(fields: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the first value of header `name`, given in lower case."""
    return next((value for key, value in fields if key.lower() == name), None)


def content_of(fields: Iterable[tuple[str, str]]) -> Message:
    """Return what the fields say about the body below them: its type, encoding and disposition."""
    content = Message()
    for name, value in fields:
        if (lowered := name.lower()) in _STRUCTURAL and lowered not in content:
            content[lowered] = value
    return content


def parameter(content: Message, name: str, header: str = "content-type") -> str | None:
    """Return a parameter of a header, decoded; None when it is missing."""
    value = content.get_param(name, None, header)
    if isinstance(value, tuple):  # RFC 2231: charset, language, and bytes written as Latin-1
        charset, _, raw = value
        return charsets.decode((raw or "").encode("latin-1", errors="replace"), charset)
    return value


def boundary(content: Message) -> bytes | None:
    """Return the boundary of a multipart body; None when there is none to use."""
    value = parameter(content, "boundary")
    return value.rstrip().encode("utf-8", errors="surrogateescape") if value and len(value) <= MAX_NAME else None


def file_name(content: Message) -> str | None:
    """Return the name of the file that a part holds, on one line; None when it is none."""
    name = parameter(content, "filename", "content-disposition") or parameter(content, "name")
    return cleaned_name(charsets.decode_words(name)) if name else None


def cleaned_name(name: str) -> str | None:
    """Return a name that a stranger chose, on one line and not too long; None when nothing is left of it."""
    return text.header_line(name[:MAX_VALUE])[:MAX_NAME].strip() or None


def mailbox(value: str | None) -> tuple[str | None, str | None]:
    """Return (display name, address) of the first mailbox in a header such as From; None for what is missing.

    The standard library's parser takes the first words of ``Müller, Hans <h@example.test>`` for an address.
    """
    written = (value or "")[:MAX_MAILBOX]
    # What lies within quotes may look like an address, and says nothing.
    bare = _QUOTED.sub(lambda quoted: '"' + " " * (len(quoted[0]) - 2) + '"', written)
    found = _IN_BRACKETS.search(bare)
    if found:
        name = _ESCAPE.sub(r"\1", written[: found.start()].strip().strip('"'))
        return cleaned_name(charsets.decode_words(name)), address(found[1])
    found = _BARE_ADDRESS.search(_COMMENT.sub(" ", bare))
    return (None, address(found[0])) if found else (cleaned_name(charsets.decode_words(written)), None)


def address(value: str | None) -> str | None:
    """Return an address as it stands in an envelope, on one line; None when that is nothing, as in bounces."""
    line = text.header_line((value or "")[:MAX_VALUE]).strip("<> ")
    return line if line and len(line) <= MAX_ADDRESS else None


def message_ids(value: str | None) -> list[str]:
    """Return the ids in Message-ID, In-Reply-To or References, without angle brackets."""
    written = text.one_line(value or "")
    found = _MESSAGE_ID.findall(written)
    if not found and (bare := _BARE_ID.match(written)) and "@" in bare[0]:
        found = [bare[0]]
    return found


def date(value: str | None) -> datetime | None:
    """Return the time in a Date header in UTC; None when it is missing or none."""
    try:
        parsed = parsedate_to_datetime(text.one_line(value or "")[:MAX_NAME])
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
