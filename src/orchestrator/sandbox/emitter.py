"""Brings events to the webhook as SendGrid does: per-server batches, signed, retried as a whole until a 2xx.

One thread keeps time: it lets due happenings happen, gathers their events per shard, and hands full or old batches
to a few posting threads. `settle` waits for the count of everything that has not come to its end.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from orchestrator.sandbox.config import SandboxConfig
from orchestrator.sandbox.poster import Poster
from orchestrator.sandbox.posts import Post, Posts

SEPARATOR = b",\r\n"
log = logging.getLogger(__name__)
TICK = 0.02  # seconds; how late a happening may be. Waking up for each one would cost the API its throughput.

Action = Callable[[], object]


class Batch:
    """Serialised events that travel, fail and are retried together."""

    __slots__ = ("attempt", "era", "event_ids", "opened", "parts", "size")

    def __init__(self, era: int) -> None:
        self.era = era
        self.parts: list[bytes] = []
        self.event_ids: list[str] = []
        self.size = 0
        self.attempt = 0
        self.opened = time.monotonic()

    def add(self, part: bytes, event_id: str) -> None:
        self.parts.append(part)
        self.event_ids.append(event_id)
        self.size += len(part) + len(SEPARATOR)

    def body(self) -> bytes:
        """Return the JSON array with CRLF between the elements and after it; the signature covers these bytes."""
        return b"[" + SEPARATOR.join(self.parts) + b"]\r\n"


@dataclass(slots=True)
class Tally:
    """What the emitter did so far: counts of events, of batches, and of attempts to post a batch."""

    emitted: int = 0
    acknowledged: int = 0
    given_up: int = 0
    batches: int = 0
    attempts: int = 0
    refused: int = 0
    last_failure: str | None = None


class Emitter:
    """Timeline, batching, posting and retrying for one webhook. Safe to use from several threads.

    Args:
        config: The sandbox's settings.
        poster: Makes one posting thread's connection.
    """

    def __init__(self, config: SandboxConfig, poster: Callable[[], Poster]) -> None:
        self._config = config
        self._make_poster = poster
        self._state = threading.Condition()
        self._timeline: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._shards: dict[int, Batch] = {}
        self._outbox: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._parked: list[Batch] = []  # batches that were waiting to be posted when the emitter was stopped
        self._unsettled = 0
        self._era = 0  # counts the calls of clear; what belongs to an earlier one no longer counts
        self._idle = False
        self._running = False
        self._threads: list[threading.Thread] = []
        self._tally = Tally()
        self.posts = Posts()

    def schedule(self, actions: Iterable[tuple[float, Action]]) -> None:
        """Run each action on the emitter's thread after its delay in real seconds."""
        now = time.monotonic()
        with self._state:
            for delay, action in actions:
                heapq.heappush(self._timeline, (now + delay, next(self._order), action))
                self._unsettled += 1
            self._wake()

    def emit(self, event: dict[str, Any], shard: int) -> None:
        """Put an event into the batch that a shard is gathering."""
        part = orjson.dumps(event) if self._config.webhook_url is not None else b""
        with self._state:
            self._tally.emitted += 1
            if not part:
                return
            self._unsettled += 1
            batch = self._shards.get(shard)
            if batch is not None and batch.size + len(part) > self._config.max_batch_bytes:
                self._dispatch(shard)
                batch = None
            if batch is None:
                batch = self._shards[shard] = Batch(self._era)
                self._wake()
            batch.add(part, event.get("sg_event_id", ""))

    def begin(self) -> int:
        """Count one more thing that has not come to its end; return what `end` must be told."""
        with self._state:
            self._unsettled += 1
            return self._era

    def end(self, era: int) -> None:
        """Say that a thing which began in `era` has come to its end."""
        self._finish(1, era)

    def is_current(self, era: int) -> bool:
        """Whether nothing was cleared since `era`."""
        return era == self._era

    def settle(self, timeout: float) -> bool:
        """Wait until nothing is to come and every event was acknowledged or given up; False when time ran out."""
        with self._state:
            return self._state.wait_for(lambda: self._unsettled == 0, timeout)

    def report(self) -> dict[str, Any]:
        """Return the tally and how many happenings and events are still on their way."""
        with self._state:
            return {**asdict(self._tally), "pending": self._unsettled}

    def start(self) -> None:
        """Start the threads; does nothing when they run already."""
        with self._state:
            if self._running:
                return
            self._running = True
        parked, self._parked = self._parked, []
        for batch in parked:
            self._outbox.put(batch)
        jobs: list[Action] = [self._keep_time]
        if self._config.webhook_url is not None:
            posters = [self._make_poster() for _ in range(self._config.posts_in_flight)]
            jobs += [_bound(self._post_batches, poster) for poster in posters]
        self._threads = [threading.Thread(target=job, name="sandbox-emitter", daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads after the posts in flight; what is still to come stays and goes on at the next start."""
        with self._state:
            if not self._running:
                return
            self._running = False
            self._state.notify_all()
        for _ in self._threads[1:]:
            self._outbox.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []

    def configure(self, config: SandboxConfig) -> None:
        """Go on with other settings; the threads are restarted when they run."""
        running = self._running
        self.stop()
        self._config = config
        if running:
            self.start()

    def clear(self) -> None:
        """Forget everything still to come and every count."""
        with self._state:
            self._era += 1
            self._unsettled = 0
            self._timeline.clear()
            self._shards.clear()
            self._tally = Tally()
            self._state.notify_all()
        self.posts.clear()

    def _wake(self) -> None:
        if self._idle:
            self._idle = False
            self._state.notify_all()

    def _dispatch(self, shard: int) -> None:
        self._tally.batches += 1
        self._outbox.put(self._shards.pop(shard))

    def _keep_time(self) -> None:
        while True:
            with self._state:
                if not self._running:
                    return
                due, era = self._take_due(), self._era
                if not due:
                    self._rest()
            for action in due:
                _run(action)
            self._finish(len(due), era)

    def _take_due(self) -> list[Action]:
        """Pop the actions whose time has come and send off batches that are old enough."""
        now = time.monotonic()
        due: list[Action] = []
        while self._timeline and self._timeline[0][0] <= now:
            due.append(heapq.heappop(self._timeline)[2])
        for shard in [s for s, batch in self._shards.items() if now - batch.opened >= self._config.flush_interval]:
            self._dispatch(shard)
        return due

    def _rest(self) -> None:
        """Sleep until there is something to do."""
        moments = [batch.opened + self._config.flush_interval for batch in self._shards.values()]
        if self._timeline:
            moments.append(self._timeline[0][0])
        self._idle = not moments
        if moments:
            # Something sooner may be scheduled meanwhile: it is noticed within a tick without a wake-up for each.
            self._state.wait(min(max(min(moments) - time.monotonic(), 0.001), TICK))
        else:
            self._state.wait()

    def _finish(self, count: int, era: int) -> None:
        with self._state:
            if era == self._era:
                self._unsettled -= count
                if self._unsettled == 0:
                    self._state.notify_all()

    def _post_batches(self, poster: Poster) -> None:
        while (batch := self._outbox.get()) is not None:
            if not self._running:
                self._parked.append(batch)
            elif batch.era == self._era:
                began = time.monotonic()
                failure = poster.post(batch.body())
                self._note(batch, failure, poster.status, time.monotonic() - began)
                self._settle_batch(batch, failure)
        poster.close()

    def _note(self, batch: Batch, failure: str | None, status: int | None, seconds: float) -> None:
        answer = failure or f"HTTP {status}"
        self.posts.add(batch.event_ids, Post(answer, failure is None, seconds, len(batch.parts), batch.attempt))

    def _settle_batch(self, batch: Batch, failure: str | None) -> None:
        schedule = self._config.retry_schedule
        with self._state:
            self._tally.attempts += 1
            if failure is None:
                self._tally.acknowledged += len(batch.parts)
            else:
                self._tally.refused += 1
                self._tally.last_failure = failure
                if batch.attempt < len(schedule):
                    batch.attempt += 1
                else:
                    self._tally.given_up += len(batch.parts)
                    failure = None
        if failure is None:
            self._finish(len(batch.parts), batch.era)
        else:
            self.schedule([(schedule[batch.attempt - 1], lambda: self._outbox.put(batch))])


def _run(action: Action) -> None:
    try:
        action()
    except Exception:  # One broken mail must not silence the webhook for all others.
        log.exception("A happening of the sandbox failed")


def _bound(job: Callable[[Poster], None], poster: Poster) -> Action:
    return lambda: job(poster)
