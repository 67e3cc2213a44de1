"""Physical lines of a file, with their numbers, some of which may be read again; and the rows that stand on them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

#: A line longer than this is no row anybody wrote; only its beginning is kept.
LONGEST = 1024 * 1024


class Line(NamedTuple):
    """One physical line, its end included."""

    number: int
    raw: bytes

    @property
    def is_cut(self) -> bool:
        """Whether the line was longer than what is kept of it."""
        return len(self.raw) > LONGEST

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
