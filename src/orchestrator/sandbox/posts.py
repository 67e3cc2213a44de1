"""What became of the newest batches: which events each carried, what the webhook answered, and how long it took."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection
from typing import NamedTuple

#: Batches that are remembered. The truth of all events is elsewhere; this is for whoever watches.
KEPT = 500


class Post(NamedTuple):
    """One attempt to bring a batch to the webhook.

    Args:
        answer: ``HTTP 200``, or why there was no answer.
        accepted: Whether it was answered with 2xx.
        seconds: How long the webhook took.
        events: How many events the batch carried.
        attempt: 0 for the first attempt at this batch.
    """

    answer: str
    accepted: bool
    seconds: float
    events: int
    attempt: int


class Posts:
    """Remembers attempts. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: deque[tuple[frozenset[str], Post]] = deque(maxlen=KEPT)

    def add(self, event_ids: Collection[str], post: Post) -> None:
        with self._changed:
            self._kept.append((frozenset(event_ids), post))
            self._changed.notify_all()

    def of(self, event_id: str) -> list[Post]:
        """Return the attempts that carried an event, oldest first; none when it waits, or when that was long ago."""
        with self._changed:
            return self._of(event_id)

    def wait(self, event_ids: Collection[str], timeout: float) -> bool:
        """Wait until each of the events was posted once, whatever the answer; False when time ran out."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not all(map(self._of, event_ids)):
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._changed.wait(remaining):
                    return all(map(self._of, event_ids))
        return True

    def clear(self) -> None:
        with self._changed:
            self._kept.clear()

    def _of(self, event_id: str) -> list[Post]:
        return [post for ids, post in self._kept if event_id in ids]
