"""What became of the rows so far: counts, reasons, and the file of rejected rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from orchestrator import errors
from orchestrator.contracts.lines import Row

EXAMPLES = 5  # lines named per kind of reason
KINDS = 12  # kinds of reasons told apart
OTHER = "other reasons"


@dataclass(slots=True)
class Kind:
    """Rejected rows with the same thing wrong."""

    rows: int = 0
    lines: list[int] = field(default_factory=list)
    example: str = ""
    #: How to write the first of them.
    fix: str | None = None


class Tally:
    """Counts rows by what became of them; closes the file of rejects at the end of its ``with`` block.

    Args:
        rejects: File for rejected rows (line, reason, row); made when there is one. None: they are only counted.
    """

    def __init__(self, rejects: Path | None = None) -> None:
        self.counts = {"added": 0, "already_there": 0, "suppressed": 0, "rejected": 0}
        self.kinds: dict[str, Kind] = {}
        self.rejects = rejects
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def reject(self, row: Row, about: str, reason: str, fix: str | None = None) -> None:
        """Count a rejected row and write it down. Raises `ConfigurationError` when the file cannot be written."""
        self.counts["rejected"] += 1
        kind = self.kinds.setdefault(about if about in self.kinds or len(self.kinds) < KINDS else OTHER, Kind())
        kind.rows += 1
        if kind.rows == 1:
            kind.example, kind.fix = reason.removeprefix(f"{about}: "), fix
        if len(kind.lines) < EXAMPLES:
            kind.lines.append(row.line)
        if self.rejects is not None:
            self._write(self.rejects, row, reason)

    def _write(self, path: Path, row: Row, reason: str) -> None:
        try:
            if self._file is None:
                self._file = path.open("w", encoding="utf-8", newline="")
                csv.writer(self._file).writerow(("line", "reason", "row"))
            csv.writer(self._file).writerow((row.line, reason, row.raw))
        except OSError as problem:
            raise errors.ConfigurationError(
                f"{path} cannot be written: {problem.strerror}.", fix="Choose another file with --errors."
            ) from None

    def as_dict(self) -> dict[str, Any]:
        """Return the counts and the reasons as plain data."""
        reasons = [
            {"about": about, "rows": kind.rows, "lines": kind.lines, "example": kind.example}
            for about, kind in self.kinds.items()
        ]
        written = str(self.rejects) if self.rejects is not None and self.counts["rejected"] else None
        return {"rows": self.rows, **self.counts, "reasons": reasons, "rejects_file": written}

    def summary(self) -> str:
        """Return the counts as one line."""
        words = " · ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in self.counts.items())
        return f"{self.rows:,} rows: {words}"

    def explanation(self) -> list[str]:
        """Return one line per kind of reason, and one on how to put it right where that is known."""
        told = []
        for about, kind in self.kinds.items():
            more = ", …" if kind.rows > len(kind.lines) else ""
            lines = ", ".join(map(str, kind.lines))
            told.append(f"  {kind.rows:,} × {about} (line {lines}{more}): {kind.example}".removesuffix(f": {about}"))
            if kind.fix is not None:
                told.append(f"    {kind.fix}")
        return told
