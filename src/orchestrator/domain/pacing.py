"""How fast, and when to try again: waits, the distance of mails under a rate, and how many may be on their way."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

#: Seconds a mail may leave after its slot; later it takes a new one.
LATE = 0.04
#: The share by which no second may exceed the rate.
TOLERANCE = 0.05

#: Mails on their way at first; doubled with every round of good answers.
MODERATE = 32
#: Answers are slow when they take this many times as long as the fastest, and this many seconds longer.
SLOW_TIMES, SLOW_SECONDS = 4.0, 1.0


def backoff(
    attempt: int,
    *,
    base: float = 0.5,
    cap: float = 30.0,
    retry_after: float | None = None,
    random: Callable[[], float],
) -> float:
    """Return the seconds to wait before the next try: exponential with full jitter.

    The wait is drawn from ``[0, min(cap, base * 2 ** (attempt - 1)))``, so that senders who failed together do not
    come back together. What the provider asks for is waited in full, and the jitter comes on top of it.

    Args:
        attempt: Number of the try that failed, from 1.
        base: Seconds of the first span.
        cap: Seconds the span never exceeds.
        retry_after: Seconds the provider asked for, or None.
        random: Gives a number in ``[0, 1)``.
    """
    doublings = min(max(attempt - 1, 0), 64)
    return (retry_after or 0.0) + random() * min(cap, base * 2**doublings)


def slot_distance(rate: float) -> timedelta:
    """Return the time between two mails of an account that may send `rate` a second.

    A mail leaves within `LATE` seconds of its slot, so what leaves in any one second has slots within 1.04 seconds.
    The distance is 1 / rate, or as much more as is needed for those to be no more than the rate, rounded up, or the
    rate and 5 %: about 4 % more at rates below 20, nothing at higher ones that are whole hundreds.

    Args:
        rate: Mails per second, above 0; fractions are allowed.
    """
    most = max(math.ceil(rate), math.floor(rate * (1 + TOLERANCE)))
    micros = max(1e6 / rate, 1e6 * (1 + LATE) / most)
    return timedelta(microseconds=math.ceil(micros - 1e-6))


class InFlight:
    """How many mails may be on their way: more while answers are good, half as many when they are not.

    It begins moderate and doubles with each round of good answers, like TCP's slow start (RFC 5681 §3.1). After the
    first bad answer it grows by one a round. A provider that struggles is left alone, and a crash leaves little in
    doubt while nobody knows what the provider can take.

    Args:
        most: The limit it never exceeds.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._room = float(min(MODERATE, most))
        self._steady = False
        self._fastest = math.inf
        self._usual = 0.0
        self._cut_at = -math.inf

    @property
    def limit(self) -> int:
        """Most mails on their way now; from 1 to `most`."""
        return int(self._room)

    def answered(self, began: float, ended: float, *, good: bool) -> None:
        """Learn from an answer.

        Args:
            began: When the mail left, in seconds by a clock that is never set.
            ended: When its outcome was known.
            good: False for 429, 503, time-outs and lost connections.
        """
        if good:
            took = ended - began
            self._fastest = min(self._fastest, took)
            self._usual += (took - self._usual) / 16 if self._usual else took
            good = self._usual < max(self._fastest * SLOW_TIMES, self._fastest + SLOW_SECONDS)
            if not good and began > self._cut_at:
                self._fastest = self._usual  # slowness that lasts is answered once, and is usual from then on
        if good:
            self._room = min(self._most, self._room + (1 / self._room if self._steady else 1))
        elif began > self._cut_at:  # mails that left before the last cut know nothing of it
            self._steady, self._cut_at, self._usual = True, ended, 0.0
            self._room = max(1.0, self._room / 2)
