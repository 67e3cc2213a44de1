"""In-process subscribers: functions called right after the commit, in the thread that committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Subscriber = Callable[[dict[str, Any]], object]


class Subscribers:
    """Who wants to hear of which event type; ``*`` means every type."""

    def __init__(self) -> None:
        self._by_type: dict[str, list[Subscriber]] = {}

    def subscribe(self, type_: str, function: Subscriber) -> Callable[[], None]:
        """Call `function` with each CloudEvent of `type_`; return a function that ends it, also when called twice."""
        known = self._by_type.setdefault(type_, [])
        known.append(function)

        def end() -> None:
            if function in known:
                known.remove(function)

        return end

    def notify(self, events: Iterable[dict[str, Any]]) -> None:
        """Tell everybody of committed `events`. What a subscriber raises is logged and never reaches the caller."""
        if not any(self._by_type.values()):
            return
        for event in events:
            for function in (*self._by_type.get(event["type"], ()), *self._by_type.get("*", ())):
                try:
                    function(event)
                except Exception:
                    log.exception("subscriber failed", action="subscriber.failed", type=event["type"])
