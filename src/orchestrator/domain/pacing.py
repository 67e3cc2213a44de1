"""When to try again."""

from __future__ import annotations

from collections.abc import Callable


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
