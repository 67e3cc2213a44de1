"""The loops on PostgreSQL: the same as everywhere, with Procrastinate on top for what concerns all machines together.

Procrastinate wakes a worker within milliseconds of another machine's commit, lets one worker of all run what need be
done once, and takes jobs away from workers that died. What it does not decide is whether a mail is sent: a job says
"look now", and the loop below it looks every second without being told. So lost, late and doubled jobs change nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import structlog

from orchestrator.engines.local import Core, LocalEngine
from orchestrator.engines.loops import Loop
from orchestrator.repository import jobs

if TYPE_CHECKING:
    import procrastinate

log = structlog.get_logger(__name__)

#: Seconds after which the jobs of a worker that stopped telling of itself are given to another one.
STALLED_AFTER = 30
#: Seconds between looks for jobs whose announcement was not heard.
JOB_INTERVAL = 5.0
EVERY_MINUTE = "* * * * *"
EVERY_HOUR = "17 * * * *"


class _Repository(Protocol):
    @property
    def has_jobs(self) -> bool: ...
    def jobs_address(self) -> str | None: ...


class PostgresCore(Core, Protocol):
    """What this engine needs of the façade."""

    @property
    def repository(self) -> _Repository: ...


class ProcrastinateEngine(LocalEngine):
    """`LocalEngine` with a Procrastinate worker in a thread of its own; the same arguments and the same behaviour."""

    _orchestrator: PostgresCore

    def _more_loops(self) -> list[Loop]:
        return [_Jobs(self._orchestrator, self._dispatch.wake)]


class _Jobs(Loop):
    """Takes jobs until it is told to stop; starts anew when PostgreSQL was away.

    Args:
        orchestrator: The façade.
        look: Makes the dispatch loop look at the queue now.
    """

    def __init__(self, orchestrator: PostgresCore, look: Callable[[], None]) -> None:
        super().__init__("jobs", self._work_until_stopped, JOB_INTERVAL)
        self._orchestrator = orchestrator
        self._look = look
        self._told = False
        self._lock = threading.Lock()
        self._cancel: Callable[[], object] | None = None

    def tell_to_stop(self) -> None:
        """Let the job that is running be the last one."""
        super().tell_to_stop()
        with self._lock:
            if self._cancel is not None:
                self._cancel()

    def _work_until_stopped(self) -> None:
        address = self._orchestrator.repository.jobs_address()
        if address is not None:
            self._told = False
            asyncio.run(self._take_jobs(address))
            return
        if not self._told:
            self._told = True
            log.warning(
                "no tables for jobs: looking once a second instead; `outreach db upgrade` makes them",
                action="jobs.missing",
            )
        self._orchestrator.operations.maintain()  # which nobody else does then; it has something to do once an hour

    async def _take_jobs(self, address: str) -> None:
        import procrastinate

        connector = procrastinate.PsycopgConnector(conninfo=address, min_size=1, max_size=4)
        app = procrastinate.App(connector=connector)
        define(app, self._look, self._orchestrator.operations.maintain)
        try:
            if not self._stoppable():
                return
            async with app.open_async():
                if self.is_stopping():  # told while it connected, which may have swallowed that
                    return
                self._look()  # whatever was announced while nobody listened
                await app.run_worker_async(
                    queues=[jobs.QUEUE],
                    concurrency=2,
                    install_signal_handlers=False,  # the process has its own
                    delete_jobs="always",
                    fetch_job_polling_interval=JOB_INTERVAL,
                    update_heartbeat_interval=STALLED_AFTER / 6,
                    stalled_worker_timeout=STALLED_AFTER,
                    shutdown_graceful_timeout=JOB_INTERVAL,
                )
        except asyncio.CancelledError:
            log.debug("no more jobs are taken", action="jobs.stopped")
        finally:  # while this event loop still runs: nobody may call into one that is closed
            with self._lock:
                self._cancel = None

    def _stoppable(self) -> bool:
        """Let `tell_to_stop` end the task that is running; False when it was called already."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        with self._lock:
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
            return not self.is_stopping()


def define(app: procrastinate.App, look: Callable[[], None], maintain: Callable[[], object]) -> None:
    """Teach `app` what our jobs mean.

    Args:
        app: Procrastinate's application.
        look: Makes this process look at the queue.
        maintain: Deletes what is too old.
    """

    @app.task(name=jobs.DISPATCH, queue=jobs.QUEUE, queueing_lock=jobs.DISPATCH)
    async def dispatch() -> None:
        look()

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="outreach.rescue", queue=jobs.QUEUE, queueing_lock="outreach.rescue")
    async def rescue(timestamp: int) -> None:
        await rescue_stalled(app)

    @app.periodic(cron=EVERY_HOUR)
    @app.task(name="outreach.maintenance", queue=jobs.QUEUE, queueing_lock="outreach.maintenance")
    async def maintenance(timestamp: int) -> None:
        await asyncio.to_thread(maintain)


async def rescue_stalled(app: procrastinate.App) -> int:
    """Put jobs back whose worker died while it ran them; return how many. Procrastinate does not do so by itself."""
    from procrastinate import exceptions
    from procrastinate.jobs import Status

    stalled = list(await app.job_manager.get_stalled_jobs(queue=jobs.QUEUE, seconds_since_heartbeat=STALLED_AFTER))
    for job in stalled:
        try:
            await app.job_manager.retry_job(job)
        except exceptions.ConnectorException:  # one like it waits already, or another worker was faster
            if await app.job_manager.get_job_status_async(job.id or 0) is Status.DOING:
                await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    if stalled:
        log.warning("jobs of dead workers put back", action="jobs.rescued", jobs=len(stalled))
    return len(stalled)
