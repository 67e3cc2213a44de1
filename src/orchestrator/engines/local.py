"""The loops of one process: a thread that sends what is due, and a thread that publishes the outbox."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, Self

import structlog

from orchestrator.publishers.base import Publisher

log = structlog.get_logger(__name__)

#: Seconds between looks for work that nobody announced: a schedule that came due, another process's commit.
POLL_INTERVAL = 1.0
#: Longest pause after a round that failed, in seconds; the first is one poll interval, each further one doubles.
LONGEST_PAUSE = 30.0


class Core(Protocol):
    """What the loops need of the façade."""

    def send_due(self, limit: int = ..., concurrency: int = ...) -> dict[str, int]: ...
    def relay_events(self, publisher: Publisher | None = ..., limit: int = ...) -> int: ...
    def subscribe(self, type_: str, function: Callable[[dict[str, Any]], None]) -> Callable[[], None]: ...


class LocalEngine:
    """Runs the loops of one installation in daemon threads; usable as a context manager, and again after `stop`.

    A commit in this process wakes the loops at once; what other processes commit is found within `poll_interval`.
    Several engines may run beside each other, in one process or many: the ledger gives each mail to one of them.

    Args:
        orchestrator: The façade.
        publisher: Where events go; None writes them to standard output as lines of JSON.
        dispatch: Whether to send. Without, only events are published.
        poll_interval: Seconds between looks for work that nobody announced.
        batch: Most campaigns sent in one round, and so the most that `stop` waits for.
        concurrency: Mails on their way at the same time.
    """

    def __init__(
        self,
        orchestrator: Core,
        *,
        publisher: Publisher | None = None,
        dispatch: bool = True,
        poll_interval: float = POLL_INTERVAL,
        batch: int = 500,
        concurrency: int = 200,
    ) -> None:
        self._orchestrator = orchestrator
        self._loops = [_Loop("relay", lambda: orchestrator.relay_events(publisher), poll_interval, "*")]
        if dispatch:

            def send() -> int:
                return sum(orchestrator.send_due(batch, concurrency).values())

            self._loops.append(_Loop("dispatch", send, poll_interval, "event.outreach.scheduled"))
        self._subscriptions: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the loops; a second call changes nothing."""
        if self._subscriptions:
            return
        self._subscriptions = [self._orchestrator.subscribe(loop.woken_by, loop.wake) for loop in self._loops]
        for loop in self._loops:
            loop.start()
        log.info("engine started", action="engine.started", loops=[loop.name for loop in self._loops])

    def wake(self) -> None:
        """Make every loop look for work now."""
        for loop in self._loops:
            loop.wake()

    def stop(self, timeout: float = 30.0) -> bool:
        """Finish the rounds that are running, mails on their way included, and end the loops.

        Args:
            timeout: Seconds to wait for each loop.

        Returns:
            Whether all of them ended; one that did not ends by itself after its round.
        """
        while self._subscriptions:
            self._subscriptions.pop()()
        for loop in self._loops:
            loop.tell_to_stop()
        ended = [loop.join(timeout) for loop in self._loops]
        stopped = all(ended)
        log.info("engine stopped", action="engine.stopped", drained=stopped)
        return stopped


class _Loop:
    """One thread that works until there is nothing to do, then waits to be woken."""

    def __init__(self, name: str, work: Callable[[], int], poll_interval: float, woken_by: str) -> None:
        self.name = name
        self.woken_by = woken_by
        self._work = work
        self._poll_interval = poll_interval
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=f"outreach-{self.name}", daemon=True)
        self._thread.start()

    def wake(self, _event: object = None) -> None:
        self._awake.set()

    def tell_to_stop(self) -> None:
        self._stopping.set()
        self._awake.set()

    def join(self, timeout: float) -> bool:
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._awake.clear()  # before the work: whatever is committed meanwhile must not be slept over
            try:
                done = self._work()
            except Exception as error:  # whatever went wrong in one round, the next one may work
                failures += 1
                self._pause(failures, error)
                continue
            failures = 0
            if not done and not self._stopping.is_set():
                self._awake.wait(self._poll_interval)

    def _pause(self, failures: int, error: Exception) -> None:
        pause = min(self._poll_interval * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        log.error(
            "round failed, trying again",
            action=f"{self.name}.failed",
            error=f"{type(error).__name__}: {error}",
            pause=pause,
            exc_info=failures == 1,  # the traceback once, not every few seconds
        )
        self._stopping.wait(pause)
