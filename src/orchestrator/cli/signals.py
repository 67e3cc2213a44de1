"""Being asked to stop: an exception at the point where the program is, so that everything open is closed."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
from collections.abc import Callable
from types import FrameType

from orchestrator.cli.failures import ExitCode

#: Seconds until an import that was under way is looked at again.
PATIENCE = 0.02

#: Seconds after which whoever waits for a signal looks whether one has come without waking it.
GLANCE = 0.5

_ENDINGS: dict[int, Callable[[], BaseException]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: lambda: SystemExit(int(ExitCode.TERMINATED)),
    signal.SIGHUP: lambda: SystemExit(int(ExitCode.TERMINATED)),  # the terminal was closed
}


def end_like_exceptions() -> None:
    """Make Ctrl-C, SIGTERM and a closed terminal raise in the main thread; what is ignored (nohup) stays ignored.

    An exception in the middle of an import can leave Python's import lock taken for ever, and with it every thread that
    imports anything. So the exception waits for the end of an import that is under way.
    """
    asked: list[int] = []

    def strike(number: int, frame: FrameType | None) -> None:
        if number in _ENDINGS:
            asked.append(number)
        if _importing(frame):
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)
            return
        raise _ENDINGS[asked[-1]]()

    signal.signal(signal.SIGALRM, strike)
    for number in _ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, strike)


def _importing(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Asked:
    """Notices the first request to stop, and ends the process at the second; made in the main thread.

    For what stops in its own time: nothing is raised where the program happens to be. What is ignored stays ignored.
    """

    def __init__(self) -> None:
        self._number = signal.SIGTERM
        self._asked = False
        # An Event has a lock: a signal that comes while the main thread holds it, about to wait, would wait for itself.
        # This queue may be put to wherever the program happens to be.
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()
        for number in _ENDINGS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._notice)

    def is_set(self) -> bool:
        """Tell whether somebody has asked."""
        return self._asked

    def wait(self) -> int:
        """Wait until somebody asks, and return the number of the signal."""
        # Handlers run in the main thread, but the system may hand the signal to another one, or just before this one
        # begins to wait: then nothing wakes it. So it wakes by itself now and then, and the handler runs.
        while not self._asked:
            with contextlib.suppress(queue.Empty):
                self._told.get(timeout=GLANCE)
        return self._number

    def _notice(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            os._exit(int(exit_code(number)))  # no thread is waited for
        self._asked, self._number = True, signal.Signals(number)
        self._told.put(None)


def exit_code(number: int) -> ExitCode:
    """Return what a process says that was ended by the signal."""
    return ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
