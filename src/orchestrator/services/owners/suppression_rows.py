"""Rows of a suppression file: CSV with a header, or one address, domain or property per line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple

from orchestrator.contracts.lines import Line, Lines, Row
from orchestrator.services.owners.suppression_lists import COLUMNS, VALUES, header_of


class _Header(NamedTuple):
    """What a file's first line says: the columns, and what stands between them."""

    columns: list[str]
    delimiter: str


def read(lines: Lines) -> Iterator[Row]:
    """Yield the rows of a suppression file, each with its values by column; empty lines and ``#`` notes are no rows.

    A row stands on one line: nothing that belongs into such a file holds a line break. A file that is no text, or whose
    header names a column twice, is one row that says so.
    """
    header: _Header | None = None
    begun = False
    while line := lines.take():
        if not line.raw.strip() or line.raw.lstrip().startswith(b"#"):
            continue
        if not begun and line.foreign:
            yield Row(line.number, "", problem=line.foreign)
            return
        text, problem = _text(line)
        if not begun and text is not None:
            begun, header = True, _header(text)
            if header is not None and (twice := _twice(header.columns)):
                problem = f"names the column {twice!r} twice; leave one of them out, and take the file in again"
                yield Row(line.number, _raw(line), problem=problem)
                return
            if header is not None:
                continue
        yield _row(line, text, header) if text is not None else Row(line.number, _raw(line), problem=problem)


def _header(text: str) -> _Header | None:
    found = ((header_of(text, delimiter), delimiter) for delimiter in ",;\t")
    return next((_Header(columns, delimiter) for columns, delimiter in found if columns is not None), None)


def _twice(columns: list[str]) -> str | None:
    return next((name for name in (*COLUMNS, *VALUES) if columns.count(name) > 1), None)


def _row(line: Line, text: str, header: _Header | None) -> Row:
    if header is None:
        return Row(line.number, _raw(line), {"value": text.strip().strip(",;")})
    try:
        values = next(csv.reader([text], strict=True, delimiter=header.delimiter))
    except csv.Error as error:
        problem = f"is not CSV: {error}; see whether each quote that opens is closed on its line"
        return Row(line.number, _raw(line), problem=problem)
    if len(values) != len(header.columns):
        problem = (
            f"has {len(values)} values, the header has {len(header.columns)} columns; put texts with commas in quotes"
        )
        return Row(line.number, _raw(line), problem=problem)
    named = zip(header.columns, values, strict=True)
    return Row(line.number, _raw(line), {name: _plain(value) for name, value in named})


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
        return None, f"is not UTF-8 text (byte {error.start + 1} of the line); save the file as CSV (UTF-8)"
    return (None, "holds a NUL character; save the file as CSV (UTF-8)") if "\0" in text else (text, None)


def _raw(line: Line) -> str:
    return line.raw.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
