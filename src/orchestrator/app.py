"""The one ASGI composition: the HTTP service, with the loops that belong to its process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from orchestrator import api, engines
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.publishers.base import Publisher


def create_service(
    orchestrator: OutreachOrchestrator, *, with_worker: bool = False, publisher: Publisher | None = None
) -> FastAPI:
    """Return the service: webhooks, opt-outs, health and metrics, and an engine that lives as long as the server.

    The sandbox is not mounted here. It cuts connections in the middle of an answer, which only its own server can do,
    and it must share nothing with what it tests; whoever wants both runs `sandbox.SandboxServer` beside this.

    Args:
        orchestrator: The façade; closing it stays with the caller.
        with_worker: Also send what is due; otherwise only events are published.
        publisher: Where events go; None writes them to standard output as lines of JSON.
    """
    engine = engines.create(orchestrator, publisher=publisher, dispatch=with_worker)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        try:
            yield
        finally:
            await run_in_threadpool(engine.stop)

    app = api.create_app(orchestrator, base_url=orchestrator.services.settings.base_url)
    app.router.lifespan_context = lifespan
    return app
