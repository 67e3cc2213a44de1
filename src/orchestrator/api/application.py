"""The FastAPI application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata

from fastapi import FastAPI

from orchestrator.api import errors, health, inbound, problems, unsubscribe, webhooks
from orchestrator.api.core import Core, InboundCore
from orchestrator.api.edge import Edge
from orchestrator.api.lane import Lane
from orchestrator.api.metrics import Metrics


def create_app(
    orchestrator: Core,
    *,
    base_url: str | None = None,
    unread: Callable[[str], object] = lambda _: None,
    inbox: InboundCore | None = None,
    sender: Mapping[str, str | None] | None = None,
    lane: Lane | None = None,
) -> FastAPI:
    """Return the HTTP service around `orchestrator`.

    The core is synchronous and runs in threads; only bodies are read on the event loop. No address ever redirects:
    SendGrid does not follow a redirect, and RFC 8058 forbids one for a one-click opt-out.

    Args:
        orchestrator: The façade, or anything that satisfies `Core`.
        base_url: Public address of the service, used for the ``type`` of problem documents; default: relative.
        unread: Told why, when a webhook's body could not be read.
        inbox: Takes in mail; None: no mail comes in here.
        sender: ``company_name`` and ``postal_address`` of who writes, for the opt-out page.
        lane: The threads in which all this is done; None makes some.
    """
    version = metadata.version("outreach-orchestrator")
    app = FastAPI(
        title="Outreach.Orchestrator",
        version=version,
        description="Takes SendGrid's webhooks and opt-outs, and says how it is.",
        redirect_slashes=False,
        docs_url=None,  # both pages would load scripts from a content delivery network
        redoc_url=None,
    )
    metrics, lane = Metrics(version), lane or Lane()
    errors.install(app, (base_url or "").rstrip("/"))
    app.add_middleware(Edge)
    app.include_router(webhooks.routes(orchestrator, metrics, lane, unread))
    if inbox is not None:
        app.include_router(inbound.routes(inbox, metrics, lane))
    app.include_router(unsubscribe.routes(orchestrator, sender or {}, lane))
    app.include_router(health.routes(orchestrator, metrics, lane))
    app.include_router(problems.routes())
    return app
