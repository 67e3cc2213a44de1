"""Where the parts of a multipart body lie: of a form (RFC 7578) and of a mail (RFC 2046), which are cut alike.

The standard library's parser makes about five copies of a mail, and a form of 30 MB may be posted at any time. Here
parts are positions in the bytes that came in; only headers and text are ever taken out.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from itertools import islice

from orchestrator.webhooks.inbound import charsets, headers

MAX_PARTS = 1_000  #: of one body, those within parts included
MAX_DEPTH = 20  #: of parts within parts
MAX_TEXT = 2_000_000  #: bytes of a part that are read as text
MAX_HEADERS = 200_000  #: bytes of a header block that are read
MAX_LINES = 20_000  #: that begin like a delimiter; what comes after them belongs to the last part

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_REST_OF_DELIMITER = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
_CHUNK = 65_536
_NO_DIGITS = b"\r\n\t ="


@dataclass(frozen=True, slots=True)
class Part:
    """A header block and the span of the body that belongs to it."""

    data: bytes
    raw_headers: str
    fields: list[tuple[str, str]]
    start: int
    end: int
    #: The headers that tell what the body is.
    content: Message
    #: The parts of a multipart body; filled by `read_tree` alone.
    parts: list[Part] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The media type in lower case; ``text/plain`` when missing or broken (RFC 2045 §5.2)."""
        return self.content.get_content_type()

    @property
    def disposition(self) -> str:
        """``inline``, ``attachment``, ``form-data``, or nothing."""
        return (self.content.get("content-disposition") or "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """The body as text, its beginning if it is very long."""
        raw = self.data[self.start : min(self.end, self.start + MAX_TEXT)]
        encoding = self._encoding()
        if encoding == "base64":
            raw = charsets.from_base64(raw)
        elif encoding == "quoted-printable":
            raw = binascii.a2b_qp(raw)
        return charsets.decode(raw, headers.parameter(self.content, "charset"))

    def size(self) -> int:
        """Bytes of the body after decoding, counted without decoding it."""
        length, encoding = self.end - self.start, self._encoding()
        if encoding == "base64":
            chunks = (self.data[at : min(at + _CHUNK, self.end)] for at in range(self.start, self.end, _CHUNK))
            return sum(len(chunk.translate(None, _NO_DIGITS)) for chunk in chunks) * 3 // 4
        if encoding == "quoted-printable":
            escapes = self.data.count(b"=", self.start, self.end)
            return length - 2 * escapes - self.data.count(b"=\r\n", self.start, self.end)
        return length

    def _encoding(self) -> str:
        return str(self.content.get("content-transfer-encoding") or "").strip().lower()


def read_part(data: bytes, start: int, end: int) -> Part:
    """Return the part that lies in `data` from `start` to `end`: a header block, an empty line, a body."""
    if data[start : start + 1] == b"\n" or data[start : start + 2] == b"\r\n":
        head, body = start, start + (1 if data[start : start + 1] == b"\n" else 2)
    elif found := _END_OF_HEADERS.search(data, start, end):
        head, body = found.start(), found.end()
    else:
        head, body = end, end
    raw = charsets.decode(data[start : min(head, start + MAX_HEADERS)])
    fields = headers.split(raw)
    return Part(data, raw, fields, body, end, headers.content_of(fields))


def read_tree(data: bytes, start: int, end: int) -> Part:
    """Return the mail that lies in `data` from `start` to `end`, its parts read as far as the limits go."""
    root = read_part(data, start, end)
    waiting, left = [(root, 1)], MAX_PARTS
    while waiting and left:
        part, depth = waiting.pop()
        if part.type.startswith("multipart/") and depth <= MAX_DEPTH:
            part.parts.extend(children(part, limit=left))
            left -= len(part.parts)
            waiting += [(child, depth + 1) for child in reversed(part.parts)]
    return root


def walk(part: Part) -> Iterator[Part]:
    """Yield `part` and all that is within it, in the order of the bytes. Mails within the mail are not entered."""
    yield part
    for child in part.parts:
        yield from walk(child)


def children(part: Part, *, limit: int) -> Iterator[Part]:
    """Yield at most `limit` parts of a multipart body in their order; none when it names no boundary."""
    boundary = headers.boundary(part.content)
    if boundary:
        for start, end in islice(_spans(part.data, boundary, part.start, part.end), limit):
            yield read_part(part.data, start, end)


def embedded(part: Part) -> Part:
    """Return the mail that lies in a ``message/rfc822`` part."""
    return read_part(part.data, part.start, part.end)


def _spans(data: bytes, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin: int | None = None
    for at in _delimiters(data, b"--" + boundary, start, end):
        line = _REST_OF_DELIMITER.match(data, at + 2 + len(boundary), end)
        if not line:
            continue
        if begin is not None:
            yield begin, _before_line_end(data, begin, at)
        if line[1]:
            return
        begin = line.end()
    if begin is not None:
        yield begin, end


def _delimiters(data: bytes, delimiter: bytes, start: int, end: int) -> Iterator[int]:
    """Yield where lines begin with `delimiter`."""
    if data.startswith(delimiter, start, end):
        yield start
    at = start
    for _ in range(MAX_LINES):
        at = data.find(b"\n" + delimiter, at, end) + 1
        if not at:
            return
        yield at


def _before_line_end(data: bytes, begin: int, at: int) -> int:
    """The line end in front of a delimiter belongs to it (RFC 2046 §5.1.1)."""
    if data[at - 2 : at] == b"\r\n":
        at -= 2
    elif data[at - 1 : at] == b"\n":
        at -= 1
    return max(begin, at)
