"""What goes where: data to standard output, words for a person to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from rich.console import Console


def person() -> Console:
    """The console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def paper() -> Console:
    """The console on standard output, for data a person looks at."""
    from rich.console import Console

    return Console(highlight=False)


def as_json(value: Any, *, indent: bool = False) -> str:
    """Return `value` as JSON; dataclasses, enums and aware times included."""
    options = orjson.OPT_UTC_Z | (orjson.OPT_INDENT_2 if indent else 0)
    return orjson.dumps(value, option=options, default=str).decode()


@dataclass(frozen=True, slots=True)
class Output:
    """How one command answers.

    Args:
        json: One JSON document instead of text.
        lines: One JSON document per line, for lists.
        quiet: No progress and no hints.
    """

    json: bool = False
    lines: bool = False
    quiet: bool = False

    @property
    def structured(self) -> bool:
        """Whether a program reads the answer."""
        return self.json or self.lines

    @property
    def animated(self) -> bool:
        """Whether a moving bar may be drawn."""
        return not (self.quiet or self.structured or os.environ.get("CI")) and sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Tell a person something that is neither data nor an error; `text` may hold rich's markup."""
        if not self.quiet and not self.structured:
            person().print(text, soft_wrap=True)

    def write(self, text: str) -> None:
        """Write data as it is."""
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()

    def document(self, value: Any) -> None:
        """Write one JSON document: indented for eyes, on one line for ``--jsonl`` and pipes."""
        self.write(as_json(value, indent=sys.stdout.isatty() and not self.lines))

    def rows(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write a table: drawn on a terminal, separated by tabs in a pipe."""
        if not sys.stdout.isatty():
            self.write("\t".join(columns))
            for row in rows:
                self.write("\t".join(_cell(value) for value in row))
            return
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(value)) for value in row))
        paper().print(table)

    def records(self, title: str, columns: Sequence[str], records: Iterable[Mapping[str, Any]]) -> None:
        """Write a list, as the flags say: a table of `columns`, one JSON list, or a JSON document per line."""
        if self.lines:
            for record in records:
                self.write(as_json(record))
        elif self.json:
            self.document(list(records))
        else:
            self.rows(title, columns, ([record[name] for name in columns] for record in records))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return " ".join(str(value).split())
