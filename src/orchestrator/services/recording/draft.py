"""A row in memory while facts are applied to it: as it was read, and what is to be written.

Thousands of rows pass here per second, and most facts change one or two of their forty columns. So the changes are
kept, and a changed row is built only for who asks for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar

from orchestrator.domain.lifecycle import Stamps

Row = TypeVar("Row")

_UNREAD = object()


class Draft(Generic[Row]):
    """One row.

    Args:
        before: The row as it was read, or a new one as it is to be inserted but for `changes`.
        own_stamps: The timestamps that facts leave on rows of its kind, at least two.

    Attributes:
        changes: Its columns that have another value by now.
    """

    __slots__ = ("_own_stamps", "_stamps", "before", "changes")

    def __init__(self, before: Row, own_stamps: tuple[str, ...]) -> None:
        self.before: Row = before
        self.changes: dict[str, Any] = {}
        self._own_stamps = own_stamps
        self._stamps: Stamps | None = None

    def __getitem__(self, column: str) -> Any:
        changes = self.changes
        return changes[column] if column in changes else getattr(self.before, column)

    @property
    def stamps(self) -> Stamps:
        """Those of its own timestamps that are set; the same object until the row changes."""
        if self._stamps is None:
            now = zip(self._own_stamps, _reader(self._own_stamps)(self.before), strict=True)
            if self.changes:
                now = [(name, self.changes.get(name, at)) for name, at in now]
            self._stamps = {name: at for name, at in now if at is not None}
        return self._stamps

    def change(self, columns: Mapping[str, Any]) -> None:
        """Set `columns`. One that was not read counts as changed."""
        before, changes = self.before, self.changes
        for name, value in columns.items():
            if getattr(before, name, _UNREAD) != value:
                changes[name] = value
            elif name in changes:
                del changes[name]
        if self._stamps is not None and not _names(self._own_stamps).isdisjoint(columns):
            self._stamps = None

    def stamp(self, stamps: Stamps) -> None:
        """Set its own timestamps to `stamps`, none of which is missing."""
        if stamps is not self._stamps:
            self.change(stamps)
            self._stamps = stamps

    @property
    def whole(self) -> Any:
        """The row as it is now. Only for rows that were read whole."""
        row: Any = self.before
        return replace(row, **self.changes) if self.changes else row


@cache
def _names(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names)


@cache
def _reader(names: tuple[str, ...]) -> attrgetter[tuple[datetime | None, ...]]:
    return attrgetter(*names)
