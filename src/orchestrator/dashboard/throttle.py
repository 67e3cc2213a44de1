"""Slowing down whoever guesses passwords, without locking anybody out for good."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: Attempts that cost nothing; after that the wait doubles from one second on.
FREE = 5
LONGEST = 300.0  # seconds
_DOUBLED = 10  # times; LONGEST is reached before
#: Seconds without an attempt after which a client is forgotten.
FORGET = 900.0
#: Clients remembered; when there are more, the ones quiet for longest are forgotten.
_MOST = 10_000


class Throttle:
    """Counts attempts by client, in this process.

    Args:
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        #: client: (attempts since the last right one, when the last one began)
        self._attempts: dict[str, tuple[int, float]] = {}

    def begin(self, client: str) -> float:
        """Count an attempt and return 0, or return how many seconds `client` has to wait before its next one.

        It counts as failed until `succeeded` says otherwise, so that many at the same moment are no more than many one
        after the other.
        """
        with self._lock:
            now = self._monotonic()
            attempts, last = self._attempts.get(client, (0, now))
            if now - last > FORGET:
                attempts = 0
            pause = min(LONGEST, 2.0 ** min(attempts - FREE, _DOUBLED)) if attempts >= FREE else 0.0
            wait = last + pause - now
            if wait > 0:
                return wait
            self._attempts.pop(client, None)
            self._attempts[client] = (attempts + 1, now)
            while len(self._attempts) > _MOST:
                del self._attempts[next(iter(self._attempts))]
            return 0.0

    def succeeded(self, client: str) -> None:
        """Forget a client's attempts: the last one was right."""
        with self._lock:
            self._attempts.pop(client, None)
