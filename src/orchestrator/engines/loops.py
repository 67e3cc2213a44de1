"""A thread that works until there is nothing to do, then waits to be woken."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from orchestrator import errors

log = structlog.get_logger(__name__)

#: Longest pause after a round that failed, in seconds; the first is one interval, at most a second.
LONGEST_PAUSE = 30.0


class Loop:
    """Calls `work` again and again in a daemon thread.

    Args:
        name: For the log, and the thread.
        work: One round; returns whether it did anything. After a round that did, the next one follows at once.
        interval: Seconds until the next round when there was nothing to do, unless somebody calls `wake`.
    """

    def __init__(self, name: str, work: Callable[[], object], interval: float) -> None:
        self.name = name
        self._work = work
        self._interval = interval
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=f"outreach-{self.name}", daemon=True)
        self._thread.start()

    def wake(self, _event: object = None) -> None:
        """Make the next round come now."""
        self._awake.set()

    def tell_to_stop(self) -> None:
        """Let the round that is running be the last one."""
        self._stopping.set()
        self._awake.set()

    def is_stopping(self) -> bool:
        """Tell whether the loop has been told to stop; a long round asks."""
        return self._stopping.is_set()

    def join(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the thread to end; return whether it did."""
        if self._thread is not None:
            self._thread.join(max(0.0, timeout))
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
                self._awake.wait(self._interval)

    def _pause(self, failures: int, error: Exception) -> None:
        pause = min(min(self._interval, 1.0) * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        log.error(
            "round failed, trying again",
            action=f"{self.name}.failed",
            error=f"{type(error).__name__}: {error}",
            fix=getattr(error, "fix", None),
            pause=pause,
            # A defect's traceback, once and not every few seconds; an error of ours says in words what to do.
            exc_info=failures == 1 and not isinstance(error, errors.OrchestratorError),
        )
        self._stopping.wait(pause)
