"""Telling open pages that something has changed: one stream for each visible tab, with names only.

A stream carries no data. It says ``campaigns`` or ``replies``, and the page fetches again what it shows. What has
changed is seen by comparing a few marks once a second, the same for any number of tabs, so that it does not matter
which process, on which machine, has done it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

import structlog
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from orchestrator import contracts, errors
from orchestrator.dashboard.access import Refused
from orchestrator.dashboard.viewing import House

log = structlog.get_logger(__name__)

EVERY = 1.0  # seconds between two looks
_HEARTBEAT = 15.0  # seconds; proxies cut what is silent for longer
#: Seconds after which a stream ends: the browser opens another one, if its session still lasts.
_LONGEST = 600.0
#: Streams that one process serves at most; beyond it pages say that they are not live.
MOST = 500
#: Tenants looked at every second; when more are watched, each is looked at less often.
_AT_ONCE = 20

Marks = Mapping[str, object]


class Live:
    """Watches tenants that somebody looks at.

    Args:
        marks: Returns, for a tenant, what changes with each topic; called in a thread.
        pause: Waits the given seconds.
    """

    def __init__(
        self, marks: Callable[[str], Marks], pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._marks = marks
        self._pause = pause
        self._tabs: dict[str, set[_Tab]] = {}
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def streams(self) -> int:
        """How many tabs are being told."""
        return sum(map(len, self._tabs.values()))

    async def stream(self, tenant_id: str) -> AsyncIterator[bytes]:
        """Yield server-sent events about a tenant until the reader leaves, the time is over, or the service stops."""
        self._loop = asyncio.get_running_loop()
        tab, end = _Tab(), self._loop.time() + _LONGEST
        self._tabs.setdefault(tenant_id, set()).add(tab)
        if tenant_id not in self._watching:
            self._watching[tenant_id] = asyncio.create_task(self._watch(tenant_id))
        try:
            yield b"retry: 3000\n: you are told what has changed\n\n"
            while not self._closed and self._loop.time() < end:
                news = await tab.wait(_HEARTBEAT)
                yield b"".join(b"event: %s\ndata:\n\n" % topic.encode() for topic in news) or b": still here\n\n"
        finally:
            self._leave(tenant_id, tab)

    def close(self) -> None:
        """End all streams; may be called from any thread."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):  # the loop has ended meanwhile, and the streams with it
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for tabs in self._tabs.values():
            for tab in tabs:
                tab.wake()

    def _leave(self, tenant_id: str, tab: _Tab) -> None:
        tabs = self._tabs.get(tenant_id, set())
        tabs.discard(tab)
        if not tabs:
            self._tabs.pop(tenant_id, None)
            watch = self._watching.pop(tenant_id, None)
            if watch is not None:
                watch.cancel()

    async def _watch(self, tenant_id: str) -> None:
        before: Marks | None = None
        while True:
            try:
                now = await run_in_threadpool(self._marks, tenant_id)
            except errors.OrchestratorError as error:
                log.warning("nothing to tell open pages", action="dashboard.unwatched", reason=str(error))
            else:
                changed = [] if before is None else [topic for topic in now if now[topic] != before.get(topic)]
                before = now
                for tab in tuple(self._tabs.get(tenant_id, ())):
                    tab.tell(changed)
            await self._pause(EVERY * max(1.0, len(self._watching) / _AT_ONCE))


class _Tab:
    """One open page: the topics it has not been told of yet. Slow readers are told once, however much happens."""

    def __init__(self) -> None:
        self._news: dict[str, None] = {}
        self._awake = asyncio.Event()

    def tell(self, topics: Iterable[str]) -> None:
        self._news.update(dict.fromkeys(topics))
        if self._news:
            self._awake.set()

    def wake(self) -> None:
        self._awake.set()

    async def wait(self, seconds: float) -> list[str]:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), seconds)
        self._awake.clear()
        news, self._news = list(self._news), {}
        return news


def routes(house: House, live: Live) -> APIRouter:
    """Return the route of the stream."""
    router = APIRouter(include_in_schema=False)

    async def allowed(request: Request) -> None:
        await run_in_threadpool(house.session, request)

    @router.get("/t/{tenant}/live", dependencies=[Depends(allowed)])
    async def stream(tenant: str) -> Response:
        tenant_id = contracts.parse_id("tenant", tenant)
        if live.streams >= MOST:
            raise Refused(503, "Too many pages are open to keep them all current.")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(live.stream(tenant_id), media_type="text/event-stream", headers=headers)

    return router
