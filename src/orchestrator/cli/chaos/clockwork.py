"""The clock of a run: faster than the real one, the same in all of its processes, and able to leap."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

#: Seconds of the run in one real second: a lease of 90 s ends after 4.5. Databases and processes do not get faster with
#: it, so it cannot be much more.
SPEED = 20.0


@dataclass(frozen=True, slots=True)
class Clockwork:
    """Time as every process of a run sees it; travels to them by pickling.

    Args:
        began: What the calendar showed at `origin`.
        origin: A reading of the system's monotonic clock, which all processes of a host share.
        leaps: Memory that all processes share: seconds that were skipped.
        speed: Seconds of the run in one real second.
    """

    began: datetime
    origin: float
    leaps: Any
    speed: float = SPEED

    def now(self) -> datetime:
        """Return the present moment of the run as an aware UTC datetime."""
        return self.began + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds of the run since it began; never set back."""
        return (time.monotonic() - self.origin) * self.speed + self.leaps.value

    def unix(self) -> float:
        """Return the present moment in seconds since the epoch."""
        return self.now().timestamp()

    def pause(self, seconds: float) -> None:
        """Wait `seconds` of the run."""
        time.sleep(seconds / self.speed)

    def leap(self, by: timedelta) -> None:
        """Skip time, for every process at once. Only the supervisor does."""
        self.leaps.value += by.total_seconds()


def wound(leaps: Any) -> Clockwork:
    """Return a clock that begins now; `leaps` is a shared double."""
    return Clockwork(datetime.now(UTC), time.monotonic(), leaps)
