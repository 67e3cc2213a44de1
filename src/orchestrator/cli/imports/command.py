"""The work of ``import``."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from orchestrator import contracts
from orchestrator.cli import collector, session
from orchestrator.cli.failures import ExitCode, InputUnreadable
from orchestrator.cli.imports import rows
from orchestrator.cli.imports.progress import Progress
from orchestrator.cli.imports.tally import Tally
from orchestrator.cli.output import Output
from orchestrator.contracts.lines import Lines, Row
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.services.campaigns.creating import Created

_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is imported, and how. `source` is a path or ``-``; `mapping` holds ``COLUMN=FIELD`` texts."""

    source: str
    tenant: str
    format: str = "auto"
    mapping: list[str] = field(default_factory=list)
    batch: str | None = None
    rejects: Path | None = None


def run(job: Job, output: Output) -> ExitCode:
    """Import, and say what became of the rows, also when interrupted.

    Raises:
        ValidationError: The tenant's id, the mapping or the file's header is wrong, or the file cannot be read.
        ConfigurationError: The database is not usable, or the file of rejects cannot be written.
    """
    tenant = contracts.parse_id("--tenant", job.tenant)
    format_ = _format(job)
    collector.rest()
    mapping = rows.parse_mapping(job.mapping)
    with opened_source(job.source) as (stream, size), session.opened() as orchestrator, Tally(job.rejects) as tally:
        lines = Lines(stream)
        read = rows.read_csv(lines, mapping) if format_ == "csv" else rows.read_jsonl(lines)
        try:
            with Progress(f"Importing {job.source}", size, output) as progress:
                for _ in _import(orchestrator, tenant, _labelled(read, job.batch), tally):
                    progress.show(lines.position, tally.rows)
        except KeyboardInterrupt:
            _report(tally, output)
            output.say("Interrupted. To go on, run the same command again: what is already there stays as it is.")
            return ExitCode.INTERRUPTED
    _report(tally, output)
    return ExitCode.PARTIAL if tally.counts["rejected"] else ExitCode.OK


def _import(orchestrator: OutreachOrchestrator, tenant: str, read: Iterator[Row], tally: Tally) -> Iterator[None]:
    """Create campaigns for the rows, and count each row in the file's order; yields after each result."""
    waiting: deque[Row] = deque()

    def items() -> Iterator[dict[str, Any]]:
        for row in read:
            waiting.append(row)
            if row.item is not None:
                yield row.item
            elif len(waiting) == 1:
                _count_broken(waiting, tally)

    for result in orchestrator.create_campaigns(tenant, items()):
        _count_broken(waiting, tally)
        _count(waiting.popleft(), result, tally)
        yield
    _count_broken(waiting, tally)


def _count_broken(waiting: deque[Row], tally: Tally) -> None:
    """Count the rows in front that were never handed on."""
    while waiting and waiting[0].item is None:
        row = waiting.popleft()
        reason = f"row {row.problem}"
        tally.reject(row, reason, reason)


def _count(row: Row, result: Created, tally: Tally) -> None:
    if result.error is not None:
        tally.reject(row, getattr(result.error, "field", "row"), str(result.error), getattr(result.error, "fix", None))
    elif not result.created:
        tally.count("already_there")
    elif result.campaign is not None and result.campaign.status is OutreachStatus.SUPPRESSED:
        tally.count("suppressed")
    else:
        tally.count("added")


def _labelled(read: Iterator[Row], batch: str | None) -> Iterator[Row]:
    for row in read:
        if batch is not None and row.item is not None:
            row.item.setdefault("batch", batch)
        yield row


def _report(tally: Tally, output: Output) -> None:
    if output.structured:
        output.document(tally.as_dict())
        return
    output.write(tally.summary())
    for line in tally.explanation():
        output.say(line.replace("[", r"\["))
    if tally.counts["rejected"]:
        where = f"rejected rows: {tally.rejects}" if tally.rejects else "--errors FILE writes the rejected rows down"
        output.say(f"→ {where}")


def _format(job: Job) -> str:
    if job.format != "auto":
        return job.format
    found = _FORMATS.get(Path(job.source).suffix.lower())
    if found is None:
        raise InputUnreadable("FILE", f"cannot tell the format of '{job.source}'", fix="Say --format csv or jsonl.")
    return found


@contextmanager
def opened_source(source: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """Open a file, or (``-``) standard input; gives the stream and its size where that is known."""
    if source == "-":
        yield sys.stdin.buffer, None
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed below; only opening may fail like this
        size = Path(source).stat().st_size
    except OSError as problem:
        raise InputUnreadable(
            "FILE", f"'{source}' cannot be read: {problem.strerror}", fix="Give a readable file, or - for stdin."
        ) from None
    with stream:
        yield stream, size
