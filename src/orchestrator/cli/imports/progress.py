"""How far a long job is: a bar on a terminal, a plain line now and then elsewhere, nothing for programs."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from orchestrator.cli.output import Output, person

EVERY = 10.0  # seconds after which a plain line is written at the latest
PAUSE = 1.0  # seconds between two plain lines at least


class Progress:
    """Shows on standard error how many of `total` bytes were read; None when nobody knows the total."""

    def __init__(self, title: str, total: int | None, output: Output) -> None:
        self._title, self._total, self._output = title, total, output
        self._bar: Any = None
        self._last_line = time.monotonic()
        self._shown = 0

    def __enter__(self) -> Self:
        if self._output.animated:
            from rich import progress

            columns = (
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.DownloadColumn(),
                progress.TextColumn("{task.fields[note]}"),
                progress.TimeRemainingColumn(),
            )
            self._bar = progress.Progress(*columns, console=person())
            self._bar.add_task(self._title, total=self._total, note="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, position: int, rows: int) -> None:
        """Say that `position` bytes and `rows` rows are done."""
        note = f"{rows:,} rows"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=position, note=note)
            return
        silent = time.monotonic() - self._last_line
        tenth = position * 10 // self._total if self._total else 0
        if silent > EVERY or (tenth > self._shown and silent > PAUSE):
            self._shown, self._last_line = tenth, time.monotonic()
            share = f", {position / self._total:.0%}" if self._total else ""
            self._output.say(f"{self._title}: {note}{share}")
