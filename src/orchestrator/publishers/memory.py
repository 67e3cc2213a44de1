"""Events in a list, for the tests of those who build on this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class MemoryPublisher:
    """Keeps every published event in `events`.

    Args:
        handler: Called with each event before it is kept; raises to imitate a broker that is down.
    """

    def __init__(self, handler: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._handler = handler
        #: What was published, in order.
        self.events: list[dict[str, Any]] = []

    def publish(self, event: dict[str, Any]) -> None:
        """Keep `event`, unless the handler raises."""
        if self._handler is not None:
            self._handler(event)
        self.events.append(event)
