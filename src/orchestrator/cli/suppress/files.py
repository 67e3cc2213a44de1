"""The work of ``suppress import|export``."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from orchestrator import contracts, errors
from orchestrator.cli import session
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.imports.command import opened_source
from orchestrator.cli.imports.progress import Progress
from orchestrator.cli.imports.tally import Tally
from orchestrator.cli.output import Output
from orchestrator.contracts.lines import Lines, with_line_feeds
from orchestrator.repository.suppressions import Entry
from orchestrator.services.owners import suppression_rows as rows
from orchestrator.services.owners.suppression import parse_reason
from orchestrator.services.owners.suppression_lists import COLUMNS, SuppressionLists, row_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is imported, and how. `source` is a path or ``-``."""

    source: str
    tenant: str
    reason: str | None = None
    origin: str | None = None
    rejects: Path | None = None


def import_file(job: Job, output: Output) -> ExitCode:
    """Put the rows of a file on the list; a broken row costs none of the others, and nothing of it is stored.

    Raises:
        ValidationError: The tenant's id or the reason is wrong, or the file cannot be read.
        ConfigurationError: The database is not usable, or the file of rejects cannot be written.
    """
    tenant = contracts.parse_id("--tenant", job.tenant)
    if job.reason is not None:
        parse_reason(job.reason)
    stopped = 0
    with opened_source(job.source) as (stream, size), session.opened() as orchestrator, Tally(job.rejects) as tally:
        tally.counts = {"new": 0, "known": 0, "rejected": 0}
        lists, lines = orchestrator.operations.suppressions, Lines(with_line_feeds(stream))
        with Progress(f"Importing {job.source}", size, output) as progress:
            for chunk in lists.import_(_entries(lists, tenant, job, lines, tally)):
                tally.counts["new"] += chunk.new
                tally.counts["known"] += chunk.known
                stopped += chunk.stopped
                progress.show(lines.position, tally.rows)
    if output.structured:
        output.document({**tally.as_dict(), "stopped": stopped})
    else:
        output.write(tally.summary())
        for line in tally.explanation():
            output.say(line.replace("[", r"\["))
        output.say(f"{stopped:,} campaigns left the queue.")
        if tally.counts["rejected"]:
            where = f"rejected rows: {tally.rejects}" if tally.rejects else "--errors FILE writes rejected rows down"
            output.say(f"→ {where}")
    return ExitCode.PARTIAL if tally.counts["rejected"] else ExitCode.OK


def _entries(lists: SuppressionLists, tenant: str, job: Job, lines: Lines, tally: Tally) -> Iterator[Entry]:
    now = lists.now()
    origin = job.origin or (f"import {Path(job.source).name}" if job.source != "-" else "import")
    for row in rows.read(lines):
        if row.item is None:
            tally.reject(row, f"row {row.problem}", f"row {row.problem}")
            continue
        try:
            yield lists.entry_of(tenant, row.item, now, reason=job.reason, source=origin[:200])
        except errors.ValidationError as error:
            tally.reject(row, error.field, str(error), error.fix)


def export_file(tenant: str, target: str, output: Output) -> None:
    """Write the whole list to a file, or (``-``) to standard output: as CSV, or a JSON document per line.

    Raises:
        ValidationError: The tenant's id is wrong.
        ConfigurationError: The file cannot be written.
    """
    with session.opened() as orchestrator:
        entries = orchestrator.operations.suppressions.export(tenant)
        if target == "-":
            count = _write(sys.stdout, entries, output)
        else:
            try:
                with open(target, "w", encoding="utf-8", newline="") as file:
                    count = _write(file, entries, output)
            except OSError as problem:
                raise errors.ConfigurationError(
                    f"{target} cannot be written: {problem.strerror}.", fix="Choose another file."
                ) from None
    output.say(f"{count:,} entries written: addresses not to write to, and never to be used as a mailing list.")


def _write(file: TextIO, entries: Iterator[Entry], output: Output) -> int:
    count = 0
    table = csv.DictWriter(file, list[str](COLUMNS), lineterminator="\n")
    if not output.lines:
        table.writeheader()
    for count, entry in enumerate(entries, 1):  # noqa: B007 - the last number is the count
        if output.lines:
            file.write(_json(entry))
        else:
            table.writerow(row_of(entry))
    file.flush()
    return count


def _json(entry: Entry) -> str:
    from orchestrator.cli.output import as_json

    return as_json(row_of(entry)) + "\n"
