"""Work that waits for somebody else's server: posting inbound mail, visiting links, opting out.

The emitter keeps the time and counts what is still to come, so that `settle` covers errands too; a few threads of
their own do the waiting, so that a slow server delays nothing but its own answer.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial

from orchestrator.sandbox.emitter import Emitter

WORKERS = 4
log = logging.getLogger(__name__)

Errand = Callable[[], object]


class Errands:
    """A few threads that do errands, in the order in which they become due. Safe to use from several threads.

    Args:
        emitter: Keeps the time; its `settle` waits for errands, its `clear` forgets them.
    """

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._state = threading.Condition()
        self._waiting: deque[tuple[int, Errand]] = deque()
        self._running = False
        self._threads: list[threading.Thread] = []

    def run(self, errand: Errand, delay: float = 0.0) -> None:
        """Do an errand, once the threads run, after `delay` real seconds."""
        if delay > 0:
            self._emitter.schedule([(delay, partial(self.run, errand))])
            return
        era = self._emitter.begin()
        with self._state:
            self._waiting.append((era, errand))
            self._state.notify()

    def start(self) -> None:
        """Start the threads; does nothing when they run already."""
        with self._state:
            if self._running:
                return
            self._running = True
        self._threads = [
            threading.Thread(target=self._work, name="sandbox-errands", daemon=True) for _ in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the errands that have begun; the others wait for the next start."""
        with self._state:
            self._running = False
            self._state.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _work(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._waiting or not self._running)
                if not self._running:
                    return
                era, errand = self._waiting.popleft()
            if self._emitter.is_current(era):
                _do(errand)
            self._emitter.end(era)


def _do(errand: Errand) -> None:
    try:
        errand()
    except Exception:  # One broken errand must not end the thread that does all the others.
        log.exception("An errand of the sandbox failed")
