"""``/u/{token}``: the way out, for people (GET shows a button) and for mailbox providers (RFC 8058 one-click POST)."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from orchestrator import errors
from orchestrator.api import pages
from orchestrator.api.body import form_body
from orchestrator.api.core import Core
from orchestrator.api.errors import documented

PATH = "/u/{token}"
#: Longer than any token of ours; what is longer is not looked at.
MAX_TOKEN = 2048
_ALLOW = "GET, HEAD, OPTIONS, POST"


def routes(core: Core) -> APIRouter:
    """Return the routes for opting out.

    Only the token in the path counts: no cookie, no login, no field of the body. Only POST changes anything, because
    mail scanners follow every link they see. Answers do not tell whether a token is known.
    """
    router = APIRouter(tags=["unsubscribe"], default_response_class=HTMLResponse)

    def ask(token: str) -> HTMLResponse:
        """Show who writes and a button; nothing changes."""
        try:
            known = core.describe_unsubscribe(token) if len(token) <= MAX_TOKEN else None
        except errors.TokenError:
            known = None
        return pages.unsubscribe_question(known or {})

    def unsubscribe(token: str, _body: bytes = Depends(form_body)) -> HTMLResponse:
        """Opt out at once, whatever the body; a repeated request is answered alike."""
        try:
            if len(token) <= MAX_TOKEN:
                core.unsubscribe(token)
        except errors.TokenError:
            pass  # the answer must not tell a forged token from a real one
        return pages.unsubscribe_answer()

    def options() -> Response:
        return Response(status_code=204, headers={"Allow": _ALLOW})

    too_large, down = documented(errors.PayloadTooLarge), documented(errors.DatabaseUnreachable)
    router.add_api_route(
        PATH, ask, methods=["GET"], operation_id="askUnsubscribe", summary="Opt-out page", responses=down
    )
    router.add_api_route(
        PATH, unsubscribe, methods=["POST"], operation_id="unsubscribe", summary="Opt out", responses=too_large | down
    )
    router.add_api_route(f"{PATH}/", ask, methods=["GET"], include_in_schema=False)
    router.add_api_route(f"{PATH}/", unsubscribe, methods=["POST"], include_in_schema=False)
    for path in (PATH, f"{PATH}/"):
        router.add_api_route(path, ask, methods=["HEAD"], include_in_schema=False)
        router.add_api_route(path, options, methods=["OPTIONS"], include_in_schema=False)
    return router
