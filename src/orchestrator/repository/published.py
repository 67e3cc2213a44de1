"""What one transaction tells the rest of the platform, for subscribers in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from orchestrator.domain.cloudevents import WrittenEvent


class Published:
    """CloudEvents that a transaction wrote, read only for who wants to see them."""

    def __init__(self) -> None:
        self._written: list[WrittenEvent] = []

    def extend(self, events: Iterable[WrittenEvent]) -> None:
        """Add `events`."""
        self._written.extend(events)

    def __len__(self) -> int:
        return len(self._written)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (orjson.loads(event.text.encode()) for event in self._written)
