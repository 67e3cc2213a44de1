"""Physical lines of a file, with their numbers, some of which may be read again; and the rows that stand on them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from typing import Any, BinaryIO, NamedTuple

#: A line longer than this is no row anybody wrote; only its beginning is kept.
LONGEST = 1024 * 1024


#: How files begin that are no text in UTF-8, and what to say of them.
_BEGINNINGS = (
    (b"PK\x03\x04", "starts an Excel workbook or a zip archive; save the table as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "starts an old Excel workbook; save the table as CSV (UTF-8)"),
    (b"\x1f\x8b", "starts a gzip archive; unpack it first"),
    (b"%PDF", "starts a PDF; save the table as CSV (UTF-8)"),
    (b"\xff\xfe", "starts a text in UTF-16; save the file as CSV (UTF-8)"),
    (b"\xfe\xff", "starts a text in UTF-16; save the file as CSV (UTF-8)"),
)
_LOOKED_AT = 64 * 1024  # bytes


class Line(NamedTuple):
    """One physical line, its end included."""

    number: int
    raw: bytes

    @property
    def is_cut(self) -> bool:
        """Whether the line was longer than what is kept of it."""
        return len(self.raw) > LONGEST

    @property
    def foreign(self) -> str | None:
        """What the file is that begins with this line, and what to do, where it is nothing that could be read."""
        return next((words for head, words in _BEGINNINGS if self.raw.startswith(head)), None)

    def text(self) -> str:
        """Return the line as text. Raises UnicodeDecodeError; a byte order mark at the file's beginning is left out."""
        return self.raw.decode("utf-8-sig" if self.number == 1 else "utf-8")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: an item, or the reason why it is none. `raw` is the row as it stands in the file."""

    line: int
    raw: str
    item: dict[str, Any] | None = None
    problem: str | None = None


class Lines:
    """Reads `stream` line by line; memory does not grow with the file.

    ``position`` is how many bytes were read so far.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._again: deque[Line] = deque()
        self._number = 0
        self.position = 0

    def take(self) -> Line | None:
        """Return the next line, or None at the end."""
        if self._again:
            return self._again.popleft()
        raw = self._stream.readline(LONGEST + 1)
        if not raw:
            return None
        self._number += 1
        self.position += len(raw)
        if len(raw) > LONGEST:
            self._skip_to_end_of_line(raw)
        return Line(self._number, raw)

    def give_back(self, lines: list[Line]) -> None:
        """Make `lines` the next ones that are taken."""
        self._again.extendleft(reversed(lines))

    def _skip_to_end_of_line(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(LONGEST)
            self.position += len(raw)


def with_line_feeds(stream: BinaryIO) -> BinaryIO:
    """Return `stream` with lines that end as everywhere, where they end in nothing but CR, as old programs write them.

    A stream that cannot be looked into beforehand is returned as it is.
    """
    if not stream.seekable():
        return stream
    here = stream.tell()
    head = stream.read(_LOOKED_AT)
    stream.seek(here)
    return BufferedReader(_Returns(stream)) if b"\r" in head and b"\n" not in head else stream


class _Returns(RawIOBase):
    """A stream whose CR are read as LF."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` and return how many bytes it got."""
        found = self._stream.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(found)] = found
        return len(found)
