"""The one ASGI composition: the HTTP service, with the loops that belong to its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from orchestrator import api, engines, errors
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.publishers.base import Publisher

log = structlog.get_logger(__name__)

#: Seconds between two signs that webhooks are served here.
BEAT = 5.0


def create_service(
    orchestrator: OutreachOrchestrator,
    *,
    with_worker: bool = False,
    publisher: Publisher | None = None,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> FastAPI:
    """Return the service: webhooks, opt-outs, health and metrics, and an engine that lives as long as the server.

    The sandbox is not mounted here. It cuts connections in the middle of an answer, which only its own server can do,
    and it must share nothing with what it tests; whoever wants both runs `sandbox.SandboxServer` beside this.

    Args:
        orchestrator: The façade; closing it stays with the caller.
        with_worker: Also send what is due; otherwise only events are published.
        publisher: Where events go; None writes them to standard output as lines of JSON.
        pause: Waits the given seconds between two heartbeats of the webhook endpoint.
    """
    engine = engines.create(orchestrator, publisher=publisher, dispatch=with_worker)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        beating = asyncio.create_task(_beat(orchestrator, pause))
        try:
            yield
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            await run_in_threadpool(engine.stop)

    services = orchestrator.services
    app = api.create_app(orchestrator, base_url=services.settings.base_url, unread=services.webhook_endpoint.refused)
    app.router.lifespan_context = lifespan
    return app


async def _beat(orchestrator: OutreachOrchestrator, pause: Callable[[float], Awaitable[object]]) -> None:
    """Say again and again that webhooks are served here; the last time is the last time that it was true."""
    services = orchestrator.services
    every = min(BEAT, max(services.settings.in_doubt_grace / 10, 0.1))
    failing = False
    while True:
        try:
            await run_in_threadpool(services.webhook_endpoint.beat)
            failing = False
        except errors.OrchestratorError as error:
            if not failing:
                log.warning("no heartbeat of the webhook endpoint", action="webhook.no_beat", reason=str(error))
            failing = True
        await pause(every)
