"""One event loop for many threads."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from orchestrator.transports.loop import SenderLoop


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


async def thread_name() -> str:
    return threading.current_thread().name


def test_a_result_comes_back_and_an_error_too() -> None:
    async def broken() -> None:
        raise KeyError("gone")

    loop = SenderLoop()
    assert loop.run(doubled(21)) == 42
    with pytest.raises(KeyError, match="gone"):
        loop.run(broken())
    loop.close()


def test_nothing_runs_before_the_first_use() -> None:
    threads = threading.active_count()
    loop = SenderLoop()
    assert threading.active_count() == threads
    loop.close()


def test_thirty_two_threads_share_one_loop() -> None:
    loop = SenderLoop()
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(lambda number: loop.run(doubled(number)), range(500)))
        names = set(pool.map(lambda _: loop.run(thread_name()), range(32)))
    loop.close()
    assert results == [number * 2 for number in range(500)]
    assert names == {"outreach-sender"}


def test_work_that_takes_too_long_is_cancelled() -> None:
    cancelled = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    loop = SenderLoop()
    with pytest.raises(TimeoutError):
        loop.run(endless(), timeout=0.05)
    assert cancelled.wait(30)
    loop.close()


def test_closing_cancels_what_still_runs_and_leaves_no_thread() -> None:
    started = threading.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    loop = SenderLoop()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(loop.run, endless())
        assert started.wait(30)
        loop.close()
        with pytest.raises(CancelledError):
            waiting.result(5)
    assert "outreach-sender" not in {thread.name for thread in threading.enumerate()}


def test_a_closed_loop_starts_again_and_closing_twice_is_fine() -> None:
    loop = SenderLoop()
    assert loop.run(doubled(1)) == 2
    loop.close()
    loop.close()
    assert loop.run(doubled(2)) == 4
    loop.close()


def test_its_own_thread_is_told_not_to_wait_for_itself() -> None:
    loop = SenderLoop()

    async def nested() -> int:
        return loop.run(doubled(1))

    with pytest.raises(RuntimeError, match="own thread"):
        loop.run(nested())
    loop.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not proven: a loop after a fork: this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_a_loop_of_its_own_and_leaves_the_parents_alone() -> None:
    loop = SenderLoop()
    assert loop.run(doubled(1)) == 2
    child = os.fork()
    if child == 0:
        try:
            right = loop.run(doubled(2), timeout=30) == 4
            loop.close()
        except BaseException:
            right = False
        os._exit(0 if right else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert loop.run(doubled(3), timeout=30) == 6
    loop.close()


def test_a_loop_that_nobody_holds_is_not_kept_by_its_fork_handler() -> None:
    loop = SenderLoop()
    seen = weakref.ref(loop)
    del loop
    gc.collect()
    assert seen() is None
