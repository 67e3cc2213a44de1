"""The loops of one process: threads that send what is due, publish, reconcile, prune, and say that they are there."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol, Self

import structlog

from orchestrator.engines.loops import Loop
from orchestrator.publishers.base import Publisher
from orchestrator.services.upkeep import heartbeats

log = structlog.get_logger(__name__)

#: Seconds between looks for work that nobody announced: a schedule that came due, another process's commit.
POLL_INTERVAL = 1.0
#: Seconds between looks at attempts whose worker died and at those in doubt.
RECONCILE_INTERVAL = 5.0
#: Seconds between two rounds of deleting what is too old.
MAINTENANCE_INTERVAL = 3600.0
#: Most mails of one round: so many that a round ends because nothing is due, or because it was told to.
ENDLESS = 1_000_000
#: Seconds that `stop` gives mails on their way: what a request may take, and the writing down of what came of it.
DRAIN_TIMEOUT = 45.0


class Beating(Protocol):
    """A heartbeat."""

    def beat(self, state: str, sent: int) -> None: ...


class Operating(Protocol):
    """What the loops need of the operators' façade."""

    def when_due(self, function: Callable[[], object]) -> Callable[[], None]: ...
    def recover(self) -> tuple[int, int]: ...
    def reconcile(self) -> Counter[str]: ...
    def maintain(self) -> Counter[str]: ...
    def pulse(self, kind: str) -> Beating: ...


class Core(Protocol):
    """What the loops need of the façade."""

    @property
    def operations(self) -> Operating: ...
    def send_due(
        self, limit: int = ..., concurrency: int = ..., stop: Callable[[], bool] | None = ...
    ) -> dict[str, int]: ...
    def relay_events(self, publisher: Publisher | None = ..., limit: int = ...) -> int: ...
    def subscribe(self, type_: str, function: Callable[[dict[str, Any]], None]) -> Callable[[], None]: ...


class LocalEngine:
    """Runs the loops of one installation in daemon threads; usable as a context manager, and again after `stop`.

    A commit in this process wakes the loops at once; what other processes commit is found within `poll_interval`.
    Several engines may run beside each other, in one process or many: the ledger gives each mail to one of them.

    Args:
        orchestrator: The façade.
        publisher: Where events go; None writes them to standard output as lines of JSON.
        dispatch: Whether to send, to reconcile and to prune. Without, only events are published.
        poll_interval: Seconds between looks for work that nobody announced.
        concurrency: Mails on their way at the same time.
        pace: How many times faster than usual to look around, for a clock that runs faster.
    """

    def __init__(
        self,
        orchestrator: Core,
        *,
        publisher: Publisher | None = None,
        dispatch: bool = True,
        poll_interval: float = POLL_INTERVAL,
        concurrency: int = 200,
        pace: float = 1.0,
    ) -> None:
        self._orchestrator = orchestrator
        self._concurrency = concurrency
        self._kind = "worker" if dispatch else "service"
        self._dispatch = Loop("dispatch", self._send, poll_interval / pace)
        self._relay = Loop("relay", lambda: orchestrator.relay_events(publisher), poll_interval / pace)
        self._heart = Loop("heartbeat", self._beat, heartbeats.INTERVAL / pace)
        self._loops = [self._relay, self._heart]
        if dispatch:
            reconcile = Loop("reconcile", self._reconcile, RECONCILE_INTERVAL / pace)
            self._loops += [self._dispatch, reconcile, *self._more_loops()]
        self._subscriptions: list[Callable[[], None]] = []
        self._pulse: Beating | None = None
        self._state = "running"
        self._sent = 0
        self._counting = threading.Lock()

    def _more_loops(self) -> list[Loop]:
        return [Loop("maintenance", self._maintain, MAINTENANCE_INTERVAL)]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the loops; a second call changes nothing."""
        if self._subscriptions:
            return
        core = self._orchestrator
        self._state, self._pulse = "running", core.operations.pulse(self._kind)
        self._subscriptions = [
            core.subscribe("*", self._relay.wake),
            core.subscribe("event.outreach.sent", self._count),
            core.operations.when_due(self._dispatch.wake),
        ]
        for loop in self._loops:
            loop.start()
        log.info("engine started", action="engine.started", loops=[loop.name for loop in self._loops])

    def wake(self) -> None:
        """Make every loop look for work now."""
        for loop in self._loops:
            loop.wake()

    def stop(self, timeout: float = DRAIN_TIMEOUT) -> bool:
        """Claim and hand over nothing more, wait for mails on their way, and end the loops.

        Args:
            timeout: Seconds to wait, for all loops together.

        Returns:
            Whether all of them ended; one that did not ends by itself after its round.
        """
        deadline = time.monotonic() + timeout
        while self._subscriptions:
            self._subscriptions.pop()()
        self._state = "draining"
        self._heart.wake()
        for loop in self._loops:
            if loop is not self._heart:
                loop.tell_to_stop()
        ended = [loop.join(deadline - time.monotonic()) for loop in self._loops if loop is not self._heart]
        stopped = all(ended)
        if stopped:
            self._heart.tell_to_stop()
            stopped = self._heart.join(deadline - time.monotonic())
            self._say_goodbye()
        log.info("engine stopped", action="engine.stopped", drained=stopped, sent=self._sent)
        return stopped

    def _send(self) -> bool:
        return any(self._orchestrator.send_due(ENDLESS, self._concurrency, self._dispatch.is_stopping).values())

    def _reconcile(self) -> bool:
        recovered = self._orchestrator.operations.recover()
        words = self._orchestrator.operations.reconcile()
        return any(recovered) or any(words[word] for word in ("accepted", "resent", "held"))

    def _maintain(self) -> None:
        self._orchestrator.operations.maintain()

    def _count(self, _event: dict[str, Any]) -> None:
        with self._counting:
            self._sent += 1

    def _beat(self) -> None:
        if self._pulse is not None:
            self._pulse.beat(self._state, self._sent)

    def _say_goodbye(self) -> None:
        self._state = "stopped"
        try:
            self._beat()
        except Exception as error:  # what stops must stop; others see that it is silent
            log.warning("cannot say that this process stopped", action="heartbeat.failed", error=str(error))
        self._pulse = None
