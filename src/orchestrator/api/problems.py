"""``/errors/{code}``: where the ``type`` of a problem document leads."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from orchestrator.api import pages
from orchestrator.api.errors import known_errors, status_of, title_of

PATH = "/errors/{code}"


def routes() -> APIRouter:
    """Return the route that explains our errors."""
    router = APIRouter(tags=["errors"], default_response_class=HTMLResponse)
    known = {cls.__new__(cls).code: cls for cls in known_errors()}  # unmade errors: their arguments do not matter

    async def explain(code: str) -> HTMLResponse:
        """Say what an error means and what to do about it."""
        if code not in known:
            raise HTTPException(404)
        cls = known[code]
        fix = f"<p>{escape(cls.fix)}</p>\n" if cls.fix else ""
        return pages.page(title_of(cls), f"{fix}<p>HTTP status {int(status_of(cls))}, <code>{code}</code></p>\n")

    for path, shown in ((PATH, True), (f"{PATH}/", False)):
        router.add_api_route(
            path, explain, methods=["GET"], operation_id="explainError", summary="An error", include_in_schema=shown
        )
    return router
