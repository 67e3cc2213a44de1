"""Threads for what must not wait for anything else in this process: webhooks, opt-outs, inbound mail, signs of life.

Starlette runs every synchronous endpoint of a process in one set of threads. Pages are among them, and a handful of
slow ones, or of people who guess passwords, would take them all: SendGrid waits three seconds for an answer, and an
owner's opt-out must hold at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

#: As many as Starlette has for all the rest together.
THREADS = 40


class Lane:
    """A set of threads of its own.

    Args:
        threads: How many calls are under way at once; further ones wait for their turn, in the order they came.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._limiter = CapacityLimiter(threads)

    async def run(self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Return what `work` returns in one of these threads; what it raises is raised."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._limiter)
