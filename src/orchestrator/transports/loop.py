"""A running event loop for callers that have none: the core is synchronous, the sender's network is not."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

Result = TypeVar("Result")


class SenderLoop:
    """One event loop in one daemon thread, started at the first `run`; any number of threads may call.

    After a fork the child starts a loop of its own at its first `run`: a thread does not survive a fork.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None
        self._parents: list[object] = []
        if hasattr(os, "register_at_fork"):
            forget = weakref.WeakMethod(self._forget_parent)
            os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def run(self, work: Coroutine[Any, Any, Result], timeout: float | None = None) -> Result:
        """Run `work` on the loop and wait for its result, from any thread but the loop's own.

        Args:
            work: The coroutine; it is cancelled when the caller stops waiting.
            timeout: Longest wait in seconds; None waits as long as it takes.

        Raises:
            TimeoutError: `work` did not end in time.
            CancelledError: The loop was closed before `work` ended (`concurrent.futures.CancelledError`).
            RuntimeError: Called on the loop's own thread, which would wait for itself.
            Exception: Whatever `work` raised.
        """
        with self._lock:
            loop, thread = self._running = self._running or _start()
            if thread is threading.current_thread():
                work.close()
                raise RuntimeError("SenderLoop.run was called on its own thread; await the coroutine instead.")
            future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result(timeout)
        except CancelledError:
            raise
        except BaseException:
            # Time-out or Ctrl-C in this thread: nobody waits for the work any more.
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what still runs, stop the loop and join its thread; `run` starts a new one."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            loop, thread = running
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _forget_parent(self) -> None:
        # The parent's loop is kept, not freed: freeing it would take the parent's sockets out of the shared epoll set.
        self._parents.append(self._running)
        self._lock = threading.Lock()
        self._running = None


def _start() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_serve, args=(loop,), name="outreach-sender", daemon=True)
    thread.start()
    return loop, thread


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
