"""Is it alive, is it ready, and how is it doing: for orchestration systems and Prometheus, without credentials."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from orchestrator.api.core import Check, Core
from orchestrator.api.lane import Lane
from orchestrator.api.metrics import Metrics


def routes(core: Core, metrics: Metrics, lane: Lane) -> APIRouter:
    """Return the routes for health and metrics.

    Args:
        core: Knows whether the service can work.
        metrics: What ``/metrics`` shows.
        lane: Where `core` is called.
    """
    router = APIRouter(tags=["health"], default_response_class=PlainTextResponse)

    async def livez() -> PlainTextResponse:
        """Say that the process answers. No dependency is checked: restarting it would not repair a database."""
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> PlainTextResponse:
        """Say whether the service can take work: 200 or 503. `?verbose` lists every check."""
        checks = await lane.run(core.check_ready)
        ready = all(check.ok for check in checks)
        shown = checks if "verbose" in request.query_params else [check for check in checks if not check.ok]
        lines = [*map(_line, shown), "ok" if ready else "not ready"]
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return PlainTextResponse("\n".join(lines) + "\n", status_code=int(status))

    async def prometheus() -> Response:
        """Show all metrics in Prometheus's text format."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    endpoints = ((livez, "livez", "Alive?"), (readyz, "readyz", "Ready?"), (prometheus, "metrics", "Metrics"))
    for endpoint, name, summary in endpoints:
        path = f"/{name}"
        router.add_api_route(path, endpoint, methods=["GET"], operation_id=name, summary=summary)
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
        router.add_api_route(f"{path}/", endpoint, methods=["GET", "HEAD"], include_in_schema=False)
    return router


def _line(check: Check) -> str:
    """One line in the manner of Kubernetes: ``[+]db ok``, ``[-]db failed: …``."""
    return f"[+]{check.name} ok" if check.ok else f"[-]{check.name} failed: {check.detail}"
