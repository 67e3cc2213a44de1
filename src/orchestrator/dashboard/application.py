"""The dashboard as an application of its own, and how it stands beside the service's other addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.clock import Clock
from orchestrator.dashboard import (
    assets,
    batches,
    campaign,
    campaigns,
    dispatcher,
    gate,
    inbox,
    live,
    overview,
    replies,
    settings,
    suppressions,
    templating,
    webhooks,
)
from orchestrator.dashboard.access import Access
from orchestrator.dashboard.frame import Frame
from orchestrator.dashboard.mailbox import Mailbox
from orchestrator.dashboard.packing import Packing
from orchestrator.dashboard.viewing import House
from orchestrator.orchestrator import OutreachOrchestrator

_PAGES = re.compile(r"/(?:(?:t|login|logout|static)(?:/.*)?)?", re.DOTALL)


def create_app(
    orchestrator: OutreachOrchestrator,
    access: Access,
    *,
    clock: Clock,
    mode: str,
    start: str,
    mailbox: Mailbox | None = None,
) -> FastAPI:
    """Return the pages.

    Args:
        orchestrator: The façade.
        access: Who may see them.
        clock: Says what time it is now.
        mode: ``sandbox``, ``validation`` or ``live``.
        start: The tenant whose pages come first while there is none.
        mailbox: The owners' mailboxes in the sandbox; None: there is no sandbox to look into.
    """
    app = FastAPI(title="Outreach dashboard", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    house = House(
        orchestrator=orchestrator,
        access=access,
        frame=Frame(),
        clock=clock,
        mode=mode,
        start=start,
        mailbox=mailbox,
    )
    gate.install(app, house)
    app.add_middleware(Packing)
    app.state.live = watch = live.Live(_marks(house))
    for routes in (assets.routes(), gate.routes(house), live.routes(house, watch)):
        app.include_router(routes)
    for page in (
        overview,
        campaigns,
        campaign,
        batches,
        replies,
        templating,
        suppressions,
        webhooks,
        dispatcher,
        settings,
        inbox,
    ):
        app.include_router(page.routes(house))
    return app


def _marks(house: House) -> Callable[[str], Mapping[str, object]]:
    """Return what says what has changed for a tenant, the sandbox's inbox included."""

    def marks(tenant: str) -> Mapping[str, object]:
        known = house.orchestrator.desk.marks(tenant)
        return known if house.mailbox is None else {**known, "inbox": house.mailbox.mark()}

    return marks


class Beside:
    """ASGI middleware: requests for pages go to the dashboard, all others to the service."""

    def __init__(self, app: ASGIApp, pages: ASGIApp) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pages = scope["type"] == "http" and _PAGES.fullmatch(scope["path"])
        await (self._pages if pages else self._app)(scope, receive, send)
