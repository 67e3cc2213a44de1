"""Patience with callers that do not say what they want: enough for slow ones, an end for those who hold connections.

uvicorn waits for ever for a first request and for the rest of a body. Whoever opens connections and says nothing, or a
byte now and then, would take all that a process may have open, and webhooks would find none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

import structlog

log = structlog.get_logger(__name__)

#: Seconds for the head of a request, and for its body; mails of 30 MB come in, at 100 kB a second at least.
HEAD, BODY = 30.0, 300.0


class Patience:
    """Ends connections whose requests do not come to an end.

    Args:
        head: Seconds to wait for the head of a request.
        body: Seconds to wait for its body.
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, head: float = HEAD, body: float = BODY, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = {"head": head, "body": body}
        self._monotonic = monotonic
        #: connection: (what it is waited for, of which request, since when)
        self._waiting: WeakKeyDictionary[Any, tuple[str, int, float]] = WeakKeyDictionary()

    def look(self, connections: Iterable[Any]) -> None:
        """End those of a server's connections that were waited for long enough; ask once a second or so.

        Args:
            connections: Protocols of uvicorn, as its ``server_state`` has them.
        """
        now, ended = self._monotonic(), 0
        for connection in tuple(connections):
            awaited = _awaited(connection)
            known = self._waiting.get(connection)
            if awaited is None:
                self._waiting.pop(connection, None)
            elif known is None or known[:2] != awaited:
                self._waiting[connection] = (*awaited, now)
            elif now - known[2] > self._seconds[awaited[0]]:
                connection.transport.abort()
                ended += 1
        if ended:
            log.info("connections ended that nothing came from", action="service.silent_ended", connections=ended)


def _awaited(connection: Any) -> tuple[str, int] | None:
    """Return what a connection is waited for, and the number of the request; None: it is being answered."""
    cycle = connection.cycle
    if cycle is None or cycle.response_complete:
        return "head", id(cycle)
    return ("body", id(cycle)) if cycle.more_body else None
