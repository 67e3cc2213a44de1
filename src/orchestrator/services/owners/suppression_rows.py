"""Rows of a suppression file: CSV with a header, or one address, domain or property per line."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from orchestrator.contracts.lines import Line, Lines, Row
from orchestrator.services.owners.suppression_lists import header_of


def read(lines: Lines) -> Iterator[Row]:
    """Yield the rows of a suppression file, each with its values by column; empty lines and ``#`` notes are no rows.

    A row stands on one line: nothing that belongs into such a file holds a line break.
    """
    columns: list[str] | None = None
    begun = False
    while line := lines.take():
        if not line.raw.strip() or line.raw.lstrip().startswith(b"#"):
            continue
        text, problem = _text(line)
        if not begun and text is not None:
            begun, columns = True, header_of(text)
            if columns is not None:
                continue
        yield _row(line, text, columns) if text is not None else Row(line.number, _raw(line), problem=problem)


def _row(line: Line, text: str, columns: list[str] | None) -> Row:
    if columns is None:
        return Row(line.number, _raw(line), {"value": text.strip().strip(",;")})
    try:
        values = next(csv.reader([text], strict=True))
    except csv.Error as error:
        return Row(line.number, _raw(line), problem=f"is not CSV: {error}")
    if len(values) != len(columns):
        return Row(line.number, _raw(line), problem=f"has {len(values)} values, the header has {len(columns)} columns")
    return Row(line.number, _raw(line), {name: _plain(value) for name, value in zip(columns, values, strict=True)})


def _plain(value: str) -> str:
    """Return a cell without the quote that stands in front of what a spreadsheet would take for a formula."""
    value = value.strip()
    return value[1:] if value.startswith(("'=", "'+", "'-", "'@")) else value


def _text(line: Line) -> tuple[str | None, str | None]:
    """Return the line's text, or why it has none."""
    if line.is_cut:
        return None, "is longer than 1 MiB"
    try:
        text = line.text().rstrip("\r\n")
    except UnicodeDecodeError as error:
        return None, f"is not UTF-8 text (byte {error.start + 1} of the line)"
    return (None, "holds a NUL character") if "\0" in text else (text, None)


def _raw(line: Line) -> str:
    return line.raw.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
