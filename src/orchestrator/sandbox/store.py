"""The accepted mail, newest kept, oldest discarded."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from orchestrator.sandbox.message import Message


def _key(message_id: str) -> tuple[str, int]:
    """Read any id the API hands out: X-Message-Id, the control API's short id, or a whole `sg_message_id`."""
    head, _, tail = message_id.partition(".")
    index = tail.rpartition(".")[2]
    return head, int(index) if index.isdecimal() else 0


class MessageStore:
    """Messages in order of acceptance. Safe to use from several threads.

    Args:
        limit: How many messages are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._messages: OrderedDict[tuple[str, int], Message] = OrderedDict()
        self._closed = False

    def add(self, messages: Iterable[Message]) -> None:
        """Keep messages, discard the oldest beyond the limit, and wake whoever waits for mail."""
        with self._changed:
            for message in messages:
                self._messages[(message.x_message_id, message.index)] = message
            while len(self._messages) > self._limit:
                self._messages.popitem(last=False)
            self._changed.notify_all()

    def discard(self, messages: Iterable[Message]) -> None:
        """Keep these messages no longer."""
        with self._changed:
            for message in messages:
                self._messages.pop((message.x_message_id, message.index), None)

    def get(self, message_id: str) -> Message | None:
        with self._changed:
            return self._messages.get(_key(message_id))

    def newest(self, to: str | None = None, limit: int = 50, before: int | None = None) -> list[Message]:
        """Return messages, newest first.

        Args:
            to: Only to this address (case does not matter).
            limit: At most so many.
            before: Only messages whose running number is lower; the last one's number is the cursor of the next page.
        """
        with self._changed:
            return self._newest(to, limit, before)

    def _newest(self, to: str | None, limit: int, before: int | None) -> list[Message]:
        wanted = to.lower() if to else None
        found: list[Message] = []
        for message in reversed(self._messages.values()):
            if len(found) >= limit:
                break
            if (before is None or message.number < before) and (wanted is None or message.email.lower() == wanted):
                found.append(message)
        return found

    def wait(self, to: str | None, timeout: float) -> Message | None:
        """Return the newest message to an address, waiting up to `timeout` seconds for the first; else None."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                found = self._newest(to, 1, None)
                remaining = deadline - time.monotonic()
                if found or remaining <= 0:
                    return found[0] if found else None
                self._changed.wait(remaining)
        return None

    def open(self) -> None:
        with self._changed:
            self._closed = False

    def close(self) -> None:
        """Send home everybody who waits for mail."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._messages.clear()

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        with self._changed:
            return iter(list(self._messages.values()))
