"""The threads of a round: few, because all of them take turns on Python's lock with the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")

#: One computes while the other waits for the database. With more, each waits longer for its turn, and what one has in
#: the processor's cache the next throws out: five cost a mail a tenth more, and send fewer.
AT_ONCE = 2


class Threads:
    """Runs what must not hold up the event loop, in the order of asking."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="outreach-round")

    async def run(self, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Call `function` in a thread; return what it returns, or raise what it raises."""
        context = copy_context()
        call = partial(context.run, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Let the threads end; what they were given before is done."""
        self._pool.shutdown(wait=False)
