"""A suppression list that somebody sends as a file: taken in row by row, with what was rejected and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple
from urllib.parse import quote

import orjson

from orchestrator import errors
from orchestrator.contracts.lines import Lines, with_line_feeds
from orchestrator.dashboard import sheets
from orchestrator.dashboard.uploads import Upload
from orchestrator.dashboard.viewing import House
from orchestrator.domain.text import one_line, shortened
from orchestrator.repository.suppressions import Entry
from orchestrator.services.owners import suppression_rows
from orchestrator.services.owners.suppression import parse_reason
from orchestrator.services.owners.suppression_lists import SuppressionLists

#: Rejected rows that the page lists; as many as a form takes can be downloaded.
LISTED = 100
#: Bytes of rejected rows that travel to the page and, for a download, back.
_CARRIED = 250_000
_LONGEST_ROW = 300


class Reject(NamedTuple):
    """A row that could not be used."""

    line: int
    reason: str
    row: str


@dataclass(slots=True)
class Result:
    """What became of a file. `carried` holds the rejected rows that the page can give back as a file."""

    name: str
    new: int = 0
    known: int = 0
    stopped: int = 0
    rejected: int = 0
    carried: list[Reject] = field(default_factory=list)
    _bytes: int = 0

    def reject(self, line: int, reason: str, row: str) -> None:
        """Note a row that cannot be used."""
        self.rejected += 1
        one = Reject(line, one_line(reason), shortened(one_line(row), _LONGEST_ROW))
        self._bytes += len(quote(orjson.dumps(tuple(one))))
        if self._bytes <= _CARRIED:
            self.carried.append(one)

    @property
    def rows(self) -> int:
        return self.new + self.known + self.rejected

    @property
    def as_json(self) -> str:
        return orjson.dumps(list(map(tuple, self.carried))).decode()


def take_in(house: House, tenant_id: str, upload: Upload) -> Result:
    """Put the rows of a file on the tenant's list; a broken row costs none of the others.

    Raises:
        ValidationError: There is no file, or the reason is none.
    """
    if upload.file is None:
        raise errors.ValidationError("file", "is missing", fix="Choose a file first.")
    reason = str(parse_reason(upload.fields["because"])) if upload.fields.get("because") else None
    lists, result = house.orchestrator.operations.suppressions, Result(upload.name)
    for chunk in lists.import_(_entries(lists, tenant_id, upload.file, reason, result)):
        result.new += chunk.new
        result.known += chunk.known
        result.stopped += chunk.stopped
    return result


def as_csv(carried: str) -> str:
    """Return as CSV what `Result.as_json` once wrote; anything else has no rows."""
    try:
        rows = [tuple(map(str, row))[:3] for row in orjson.loads(carried)]
    except (ValueError, TypeError):
        rows = []
    return sheets.lines([Reject._fields, *rows])


def _entries(
    lists: SuppressionLists, tenant_id: str, file: BinaryIO, reason: str | None, result: Result
) -> Iterator[Entry]:
    now, source = lists.now(), f"import {result.name}"[:200]
    for row in suppression_rows.read(Lines(with_line_feeds(file))):
        if row.item is None:
            result.reject(row.line, f"row {row.problem}", row.raw)
            continue
        try:
            yield lists.entry_of(tenant_id, row.item, now, reason=reason, source=source)
        except errors.ValidationError as error:
            result.reject(row.line, f"{error}. {error.fix}" if error.fix else str(error), row.raw)
