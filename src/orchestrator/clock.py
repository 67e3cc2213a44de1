"""Time and identity, injected.

Nothing in the package calls ``datetime.now`` or ``uuid4`` directly: a service is given a `Clock`, so that a test can
stop, move or scale time, and ids are made by `new_id`, so that they sort by the moment they were made.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from uuid_utils import uuid7


class Clock(Protocol):
    """Where a component reads the time."""

    def now(self) -> datetime:
        """Return the present moment as an aware UTC datetime."""
        ...


class SystemClock:
    """The clock of this host, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to, for tests and for replaying the past.

    Args:
        start: Aware datetime the clock shows first; default 2026-01-05 15:00 UTC, a Monday morning in the US.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move the clock forward by `by` and return the new time."""
        with self._lock:
            self._now += by
            return self._now


#: Goes on while the host is suspended, unlike `time.monotonic` (man 2 clock_gettime); Linux has it.
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Return seconds by a clock that is never set, and that a suspended host does not stop where the system can tell.

    A worker that wakes up on another day must see that its leases have ended.
    """
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


def new_id() -> str:
    """Return a new UUIDv7 (RFC 9562) in its usual text form; ids sort by creation time."""
    return str(uuid7())
