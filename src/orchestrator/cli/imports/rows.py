"""Rows of CSV and JSONL files, each an item of `create_campaigns` or the reason why it is none.

Nothing is guessed: every CSV value is text, and what a number is, the contracts decide.
"""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.cli.failures import InputUnreadable
from orchestrator.contracts.lines import Line, Lines, Row

REASONS = 3
#: CSV column: where its value goes in the item.
COLUMNS: dict[str, tuple[str, ...]] = {
    "property_id": ("property_record", "id"),
    "owner_name": ("property_record", "owner", "name"),
    "owner_email": ("property_record", "owner", "email"),
    "owner_name_format": ("property_record", "owner", "name_format"),
    **{name: ("property_record", "address", name) for name in ("line1", "line2", "city", "state", "zip")},
    **{name: ("property_record", "attrs", name) for name in ("beds", "baths", "sqft", "year_built")},
    "score": ("score_result", "score"),
    **{
        f"reason{number}_{part}": ("reasons", str(number), part)
        for number in range(1, REASONS + 1)
        for part in ("note", "weight", "direction")
    },
    "memo_url": ("memo_url",),
    "scheduled_at": ("scheduled_at",),
    **{name: (name,) for name in ("batch", "greeting", "country", "consent_basis", "consent_source")},
}
REQUIRED = ("property_id", "owner_email", "line1", "score", "memo_url")
#: A quoted value may go over so many lines; a quote that is still open then was never meant as one.
LONGEST_RECORD = 200


def read_jsonl(lines: Lines) -> Iterator[Row]:
    """Yield the rows of a JSONL file; empty lines are no rows."""
    while line := lines.take():
        if not line.raw.strip():
            continue
        try:
            item = json.loads(_checked(line))
        except ValueError as error:
            reason = f"is not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
            yield _broken(line, reason)
            continue
        except RecursionError:
            yield _broken(line, "is nested too deeply")
            continue
        if isinstance(item, dict):
            yield Row(line.number, _raw(line), item)
        else:
            yield _broken(line, f"is not a JSON object but {type(item).__name__}")


def read_csv(lines: Lines, mapping: Mapping[str, str]) -> Iterator[Row]:
    """Yield the rows of a CSV file; empty lines are no rows.

    Args:
        lines: The file.
        mapping: Column → field, for columns that are called otherwise; an empty field ignores the column.

    Raises:
        InputUnreadable: There is no header, or it does not fit.
    """
    header = lines.take()
    if header is None:
        raise InputUnreadable("header", "the file is empty", fix=_HEADER_FIX)
    fields = _fields(header, mapping)
    while first := lines.take():
        if first.raw.strip():
            yield _record(first, lines, fields)


def _record(first: Line, lines: Lines, fields: list[str]) -> Row:
    """Read the record that begins on `first`, which may go over several lines when a quote is open.

    A record of several lines that does not parse, or has the wrong number of values, was most likely opened by a stray
    quote: then its first line alone is broken, and the others get their own chance.
    """
    taken = [first]
    try:
        text = _checked(first)
        values = _parse(text)
        while values is None:
            more = lines.take() if len(taken) < LONGEST_RECORD else None
            if more is None:
                raise ValueError("it is never closed")
            taken.append(more)
            text += _checked(more)
            values = _parse(text)
        if len(values) != len(fields):
            raise ValueError(f"has {len(values)} values, the header has {len(fields)} columns")
    except (ValueError, csv.Error) as error:
        lines.give_back(taken[1:])
        return _broken(first, str(error) if len(taken) == 1 else f"opens a quote that does not end well: {error}")
    return Row(first.number, text.rstrip("\r\n"), _item(dict(zip(fields, values, strict=True))))


def _parse(text: str) -> list[str] | None:
    """Return a record's values, or None when a quote is still open."""
    try:
        return next(csv.reader(text.splitlines(keepends=True), strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
        raise


def _checked(line: Line) -> str:
    """Return the line's text. Raises ValueError for what no text file holds."""
    if line.is_cut:
        raise ValueError("the line is longer than 1 MiB")
    try:
        text = line.text()
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 text (byte {error.start + 1} of the line)") from None
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


def _item(values: dict[str, str]) -> dict[str, Any]:
    item: dict[str, Any] = {"property_record": {"owner": {}, "address": {}}, "score_result": {}}
    reasons: dict[str, dict[str, str]] = {}
    for column, value in values.items():
        if column and value.strip():
            *path, last = COLUMNS[column]
            place: dict[str, Any] = item
            if path[:1] == ["reasons"]:
                place, path = reasons, path[1:]
            for name in path:
                place = place.setdefault(name, {})
            place[last] = value
    item["score_result"]["reasons"] = [reason for _, reason in sorted(reasons.items())]
    return item


def _broken(line: Line, problem: str) -> Row:
    return Row(line.number, _raw(line), problem=problem)


def _raw(line: Line) -> str:
    return line.raw.decode("utf-8", errors="backslashreplace").rstrip("\r\n")


# The header ---------------------------------------------------------------------------------------------------------

_HEADER_FIX = "Name the columns as `outreach import --help` does, or say --map COLUMN=FIELD (COLUMN= ignores one)."


def _fields(header: Line, mapping: Mapping[str, str]) -> list[str]:
    """Return the field of each column, empty for ignored ones. Raises `InputUnreadable` with everything wrong."""
    try:
        columns = [name.strip() for name in _parse(_checked(header)) or ()]
    except (ValueError, csv.Error) as error:
        raise InputUnreadable("header", f"line 1 {error}", fix=_HEADER_FIX) from None
    fields = [mapping.get(column, column) for column in columns]
    problems = [
        *(f"--map names '{column}', which is no column" for column in mapping if column not in columns),
        *(f"'{name}' is missing" for name in REQUIRED if name not in fields),
        *(f"'{name}' is unknown{_suggestion(name, fields)}" for name in fields if name and name not in COLUMNS),
        *(f"'{name}' stands there twice" for name in dict.fromkeys(fields) if name and fields.count(name) > 1),
    ]
    if problems:
        raise InputUnreadable("header", f"does not fit: {'; '.join(problems)}", fix=_HEADER_FIX)
    return fields


def _suggestion(name: str, present: list[str]) -> str:
    free = [column for column in COLUMNS if column not in present]
    close = difflib.get_close_matches(name.lower().replace(" ", "_"), free, 1, 0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""


def parse_mapping(pairs: list[str]) -> dict[str, str]:
    """Return {column: field} of ``COLUMN=FIELD`` texts. Raises `InputUnreadable`."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        column, equals, field = (part.strip() for part in pair.partition("="))
        if not (column and equals) or (field and field not in COLUMNS):
            known = f"; fields are {', '.join(COLUMNS)}" if column and equals else ""
            raise InputUnreadable("--map", f"'{pair}' is not COLUMN=FIELD{known}", fix=_HEADER_FIX)
        mapping[column] = field
    return mapping
