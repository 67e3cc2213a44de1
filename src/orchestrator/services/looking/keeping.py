"""What many people look at and what takes long to count: counted once for all of them, and kept for a while.

Counting that takes no time is done whenever somebody looks and what there is has grown old. Counting that takes long is
done beside the looking: whoever looks gets what was counted last, a minute ago at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

Value = TypeVar("Value")

#: How many times as long as counting took it is kept, so that counting takes a tenth of the time at most.
REST = 10
#: Seconds of counting that somebody is made to wait for, though there is an older value.
PATIENCE = 0.1
#: Seconds after which a value is too old to be shown while a new one is counted.
OLDEST = 60.0
#: Values that are remembered; the ones first asked for are forgotten first.
REMEMBERED = 200


def in_a_thread(work: Callable[[], None]) -> None:
    """Run `work` in a thread that keeps no process from ending."""
    threading.Thread(target=work, name="counting", daemon=True).start()


class Keeper(Generic[Value]):
    """Counts, each thing at most once at a time.

    Args:
        monotonic: Seconds by a clock that is never set.
        beside: Runs work while its caller goes on.
    """

    def __init__(
        self, monotonic: Callable[[], float], beside: Callable[[Callable[[], None]], None] = in_a_thread
    ) -> None:
        self._monotonic = monotonic
        self._beside = beside
        self._lock = threading.Lock()
        self._kept: dict[Hashable, _Kept[Value]] = {}

    def get(self, key: Hashable, count: Callable[[], Value]) -> Value:
        """Return what was counted last, or what `count` returns.

        Args:
            key: What is counted.
            count: Counts it. What it raises is raised here, unless there is something to show meanwhile.
        """
        kept = self._of(key)
        now = self._monotonic()
        if kept.counted is not None and now < kept.counted.until:
            return kept.counted.value
        if kept.counted is None or now - kept.counted.at >= OLDEST:
            with kept.counting:  # somebody else may have counted while this one waited
                return self._anew(kept, count)
        last = kept.counted
        if not kept.counting.acquire(blocking=False):
            return last.value
        if last.took <= PATIENCE:
            try:
                return self._anew(kept, count)
            finally:
                kept.counting.release()
        try:
            self._beside(lambda: self._quietly(kept, count))
        except BaseException:  # no thread to be had: nobody would let go of it
            kept.counting.release()
            raise
        return last.value

    def forget(self, key: Hashable) -> None:
        """Have it counted when it is asked for next."""
        with self._lock:
            self._kept.pop(key, None)

    def _of(self, key: Hashable) -> _Kept[Value]:
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            while len(self._kept) > REMEMBERED:
                del self._kept[next(iter(self._kept))]
            return kept

    def _anew(self, kept: _Kept[Value], count: Callable[[], Value]) -> Value:
        began = self._monotonic()
        if kept.counted is None or began >= kept.counted.until:
            value = count()
            ended = self._monotonic()
            kept.counted = _Counted(value, at=began, took=ended - began, until=ended + REST * (ended - began))
        return kept.counted.value

    def _quietly(self, kept: _Kept[Value], count: Callable[[], Value]) -> None:
        try:
            self._anew(kept, count)
        except Exception as error:  # the last value stays; who finds it too old counts, and is told
            log.warning("not counted anew", action="figures.not_counted", reason=str(error))
        finally:
            kept.counting.release()


class _Counted(Generic[Value]):
    """A value, when it was counted, how long that took, and until when it is as good as new."""

    __slots__ = ("at", "took", "until", "value")

    def __init__(self, value: Value, *, at: float, took: float, until: float) -> None:
        self.value, self.at, self.took, self.until = value, at, took, until


class _Kept(Generic[Value]):
    """What is known of one key. `counting` is held by whoever counts; a thread may take over what another took."""

    def __init__(self) -> None:
        self.counting = threading.Lock()
        self.counted: _Counted[Value] | None = None
