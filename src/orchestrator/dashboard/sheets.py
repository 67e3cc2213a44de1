"""Downloads that spreadsheets open: rows as CSV, in which nothing becomes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from starlette.responses import StreamingResponse

from orchestrator.domain.text import several_lines

#: Characters that make a spreadsheet take a cell for a formula (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Iterable[object]]) -> str:
    """Return `rows` as lines of CSV."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([tuple(map(cell, row)) for row in rows])
    return buffer.getvalue()


def cell(value: object) -> str:
    """Return a value as text; what a spreadsheet would take for a formula gets a quote in front of it."""
    if value is None:
        return ""
    shown = value.isoformat() if hasattr(value, "isoformat") else several_lines(str(value))  # type: ignore[union-attr]
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def download(name: str, parts: Iterator[str]) -> StreamingResponse:
    """Return `parts` of CSV as a file to be saved as `name`."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=headers)
