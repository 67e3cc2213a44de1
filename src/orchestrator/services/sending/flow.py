"""What the stages of a round have in common: they wait for one another, and all of them stop together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

#: Seconds between two questions to the caller whether to stop.
STOP_POLL = 0.1
#: Longest wait for a change before the clock is looked at, in seconds.
LONGEST_WAIT = 0.25


class Flow:
    """Lets stages wait for a change, on one event loop.

    Args:
        monotonic: Seconds by a clock that is never set.
        stop: The caller's wish to stop; asked on the event loop, again and again.
    """

    def __init__(self, monotonic: Callable[[], float], stop: Callable[[], bool] | None = None) -> None:
        self._monotonic = monotonic
        self._stop = stop or (lambda: False)
        self._changed = asyncio.Event()
        #: Whether everything is to stop: nothing more is claimed, written or handed over.
        self.stopping = False

    def halt(self) -> None:
        """Stop everything."""
        self.stopping = True
        self._changed.set()

    def stopped(self) -> bool:
        """Ask the caller, and say whether everything is to stop."""
        if not self.stopping and self._stop():
            self.halt()
        return self.stopping

    async def watch(self) -> None:
        """Ask the caller every tenth of a second until everything is to stop."""
        while not self.stopped():
            await asyncio.sleep(STOP_POLL)

    def changed(self) -> None:
        """Say that something has changed which somebody may be waiting for."""
        self._changed.set()

    async def until(self, *conditions: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait until all `conditions` hold, for `seconds` where given, or until everything is to stop."""
        ends = None if seconds is None else self._monotonic() + seconds
        while not self.stopping and not (conditions and all(condition() for condition in conditions)):
            rest = None if ends is None else ends - self._monotonic()
            if rest is not None and rest <= 0:
                return
            self._changed.clear()
            # In short pieces: the event loop's clock is not ours, and need not run alike.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if rest is None else min(rest, LONGEST_WAIT))
