"""Slowing down whoever guesses passwords, without locking anybody out for good."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: Attempts that cost nothing; after that the wait doubles from one second on.
FREE = 5
LONGEST = 300.0  # seconds
#: Seconds without an attempt after which a client is forgotten.
FORGET = 900.0
#: Clients remembered; when there are more, the ones quiet for longest are forgotten.
_MOST = 10_000


class Throttle:
    """Counts failed attempts by client, in this process.

    Args:
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        #: client: (failures, when the last one was)
        self._failures: dict[str, tuple[int, float]] = {}

    def wait(self, client: str) -> float:
        """Return how many seconds `client` has to wait before its next attempt is looked at; 0: none."""
        with self._lock:
            failures, last = self._failures.get(client, (0, 0.0))
            now = self._monotonic()
            if failures < FREE or now - last > FORGET:
                return 0.0
            return max(0.0, last + min(LONGEST, 2.0 ** (failures - FREE)) - now)

    def failed(self, client: str) -> None:
        """Take note of a wrong password."""
        with self._lock:
            now = self._monotonic()
            failures, last = self._failures.pop(client, (0, now))
            self._failures[client] = (1 if now - last > FORGET else failures + 1, now)
            while len(self._failures) > _MOST:
                del self._failures[next(iter(self._failures))]

    def succeeded(self, client: str) -> None:
        """Forget a client's wrong passwords."""
        with self._lock:
            self._failures.pop(client, None)
