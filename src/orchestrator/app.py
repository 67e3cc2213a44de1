"""The one ASGI composition: the HTTP service, with the loops that belong to its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import anyio.to_thread
import structlog
from fastapi import FastAPI

from orchestrator import api, dashboard, engines, errors
from orchestrator.api.edge import Edge
from orchestrator.dashboard import passwords
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.publishers.base import Publisher
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

#: Seconds between two signs that webhooks are served here.
BEAT = 5.0
#: Threads for pages, which leaves most of SQLite's 15 connections, and most of the cores' time, to all the rest.
PAGE_THREADS = 8


def create_service(
    orchestrator: OutreachOrchestrator,
    *,
    with_worker: bool = False,
    publisher: Publisher | None = None,
    pages: FastAPI | None = None,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> FastAPI:
    """Return the service: webhooks, opt-outs, health and metrics, and an engine that lives as long as the server.

    The sandbox is not mounted here. It cuts connections in the middle of an answer, which only its own server can do,
    and it must share nothing with what it tests; whoever wants both runs `sandbox.SandboxServer` beside this.

    Args:
        orchestrator: The façade; closing it stays with the caller.
        with_worker: Also send what is due; otherwise only events are published.
        publisher: Where events go; None writes them to standard output as lines of JSON.
        pages: The dashboard, to stand beside everything else; None: there is none.
        pause: Waits the given seconds between two heartbeats of the webhook endpoint.
    """
    engine, lane = engines.create(orchestrator, publisher=publisher, dispatch=with_worker), api.Lane()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = PAGE_THREADS
        engine.start()
        beating = asyncio.create_task(_beat(orchestrator, lane, pause))
        try:
            yield
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            await lane.run(engine.stop)

    services = orchestrator.services
    app = api.create_app(
        orchestrator,
        base_url=services.settings.base_url,
        unread=services.webhook_endpoint.refused,
        inbox=services.inbox,
        sender=_sender(services.settings),
        lane=lane,
    )
    app.router.lifespan_context = lifespan
    if pages is not None:
        app.add_middleware(dashboard.Beside, pages=pages)
        #: Called when the server stops, before it waits for open answers: streams never end by themselves.
        app.state.closing = pages.state.live.close
    return app


def create_pages(
    orchestrator: OutreachOrchestrator,
    *,
    start: str,
    is_open: bool = False,
    mailbox: dashboard.Mailbox | None = None,
) -> FastAPI:
    """Return the dashboard as the settings say.

    Args:
        orchestrator: The façade.
        start: The tenant whose pages come first while there is none.
        is_open: Whether nobody needs a password: for a demo that only this machine reaches.
        mailbox: The owners' mailboxes in the sandbox; None: there is no sandbox to look into.

    Raises:
        ConfigurationError: The password's hash is none.
    """
    services, s = orchestrator.services, orchestrator.services.settings
    if s.dashboard_password_hash:
        passwords.check_form(s.dashboard_password_hash.get_secret_value())
    public = urlsplit(s.base_url or "")
    hosts = {public.hostname or "", *(name.strip().lower() for name in (s.allowed_hosts or "").split(","))}
    access = dashboard.Access(
        signer=lambda: services.secrets.signer,
        clock=services.clock,
        monotonic=services.monotonic,
        password_hash=s.dashboard_password_hash.get_secret_value() if s.dashboard_password_hash else None,
        open_=is_open,
        hosts=frozenset(hosts - {""}),
        secure=public.scheme == "https",
    )
    mode = "validation" if s.sandbox_mode else "live" if services.compliance.live else "sandbox"
    pages = dashboard.create_app(orchestrator, access, clock=services.clock, mode=mode, start=start, mailbox=mailbox)
    pages.add_middleware(Edge, unforeseen=pages.state.unforeseen)
    return pages


def _sender(settings: Settings) -> dict[str, str | None]:
    """Return what the opt-out page says of who writes."""
    return {"company_name": settings.company_name or settings.from_name, "postal_address": settings.postal_address}


async def _beat(
    orchestrator: OutreachOrchestrator, lane: api.Lane, pause: Callable[[float], Awaitable[object]]
) -> None:
    """Say again and again that webhooks are served here; the last time is the last time that it was true."""
    services = orchestrator.services
    every = min(BEAT, max(services.settings.in_doubt_grace / 10, 0.1))
    failing = False
    while True:
        try:
            await lane.run(services.webhook_endpoint.beat)
            failing = False
        except errors.OrchestratorError as error:
            if not failing:
                log.warning("no heartbeat of the webhook endpoint", action="webhook.no_beat", reason=str(error))
            failing = True
        await pause(every)
