"""A row in memory while facts are applied to it: as it was read, and what is to be written.

Thousands of rows pass here per second, and most facts change one or two of their forty columns. So the changes are
kept, and a changed row is built only for who asks for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")

_UNREAD = object()


class Stamps:
    """Reads some timestamps of a draft.

    Args:
        names: At least two columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._as_read = attrgetter(*names)

    def of(self, draft: Draft[Any]) -> dict[str, datetime]:
        """Return those that are set."""
        read = zip(self._names, self._as_read(draft.before), strict=True)
        if not draft.changes:
            return {name: at for name, at in read if at is not None}
        now = ((name, draft.changes.get(name, at)) for name, at in read)
        return {name: at for name, at in now if at is not None}


class Draft(Generic[Row]):
    """One row.

    Attributes:
        before: The row as it was read, or a new one as it is to be inserted but for `changes`.
        changes: Its columns that have another value by now.
    """

    __slots__ = ("before", "changes")

    def __init__(self, before: Row) -> None:
        self.before: Row = before
        self.changes: dict[str, Any] = {}

    def __getitem__(self, column: str) -> Any:
        changes = self.changes
        return changes[column] if column in changes else getattr(self.before, column)

    def change(self, columns: Mapping[str, Any]) -> None:
        """Set `columns`. One that was not read counts as changed."""
        for name, value in columns.items():
            if getattr(self.before, name, _UNREAD) != value:
                self.changes[name] = value
            elif name in self.changes:
                del self.changes[name]

    @property
    def whole(self) -> Any:
        """The row as it is now. Only for rows that were read whole."""
        row: Any = self.before
        return replace(row, **self.changes) if self.changes else row
