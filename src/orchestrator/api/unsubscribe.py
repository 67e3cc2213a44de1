"""``/u/{token}``: the way out, for people (GET shows a page) and for mailbox providers (RFC 8058 one-click POST)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from orchestrator import errors
from orchestrator.api import pages
from orchestrator.api.body import form_body
from orchestrator.api.core import Core
from orchestrator.api.errors import documented
from orchestrator.api.lane import Lane
from orchestrator.domain import specimen

PATH = "/u/{token}"
#: What stands in the place of a token in mails that went to no owner: previews, and test mails.
SHOWN_ONLY = ("preview", specimen.TOKEN)
#: Longer than any token of ours; what is longer is not looked at.
MAX_TOKEN = 2048
_ALLOW = "GET, HEAD, OPTIONS, POST"
_NAMES = ("undo", "choice")
#: A value of ours in a multipart body, from its name on.
_PART = re.compile(rb'name="?(?:undo|choice)"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n([a-z_]{1,20})\r?\n')


def routes(core: Core, sender: Mapping[str, Any], lane: Lane) -> APIRouter:
    """Return the routes for opting out.

    Only the token in the path decides whose mail stops: no cookie, no login. Only POST changes anything, because mail
    scanners follow every link they see. No answer tells whether a token is known: each depends on nothing but what was
    asked for.

    Args:
        core: The use cases.
        sender: What the page says of who writes: ``company_name`` and ``postal_address``, each optional.
        lane: Where `core` is called.
    """
    router = APIRouter(tags=["unsubscribe"], default_response_class=HTMLResponse)
    _add_those_of_nobody(router)

    async def ask(token: str) -> HTMLResponse:
        """Show who writes and what can be chosen; nothing changes."""
        return pages.unsubscribe_question(sender)

    async def unsubscribe(token: str, body: bytes = Depends(form_body)) -> HTMLResponse:
        """Opt out at once, whatever the body; a repeated request is answered alike."""
        return await lane.run(_opt_out, core, token, body)

    async def options() -> Response:
        return Response(status_code=204, headers={"Allow": _ALLOW})

    too_large, down = documented(errors.PayloadTooLarge), documented(errors.DatabaseUnreachable)
    router.add_api_route(PATH, ask, methods=["GET"], operation_id="askUnsubscribe", summary="Opt-out page")
    router.add_api_route(
        PATH, unsubscribe, methods=["POST"], operation_id="unsubscribe", summary="Opt out", responses=too_large | down
    )
    router.add_api_route(f"{PATH}/", ask, methods=["GET"], include_in_schema=False)
    router.add_api_route(f"{PATH}/", unsubscribe, methods=["POST"], include_in_schema=False)
    for path in (PATH, f"{PATH}/"):
        router.add_api_route(path, ask, methods=["HEAD"], include_in_schema=False)
        router.add_api_route(path, options, methods=["OPTIONS"], include_in_schema=False)
    return router


def _add_those_of_nobody(router: APIRouter) -> None:
    """Answer the links of mails that went to no owner: whatever is asked, nobody opts out."""

    async def say_so() -> HTMLResponse:
        return pages.test_answer()

    async def say_so_after(_: bytes = Depends(form_body)) -> HTMLResponse:
        return pages.test_answer()

    for path in (f"/u/{word}{slash}" for word in SHOWN_ONLY for slash in ("", "/")):
        router.add_api_route(path, say_so, methods=["GET", "HEAD"], include_in_schema=False)
        router.add_api_route(path, say_so_after, methods=["POST"], include_in_schema=False)


def _opt_out(core: Core, token: str, body: bytes) -> HTMLResponse:
    name, value = chosen(body)
    try:
        if len(token) > MAX_TOKEN:
            pass
        elif name == "undo":
            core.undo_unsubscribe(token)
        else:
            core.unsubscribe(token, value)
    except errors.TokenError:
        pass  # the answer must not tell a forged token from a real one
    if name == "undo":
        return pages.undo_answer()
    return pages.unsubscribe_answer() if name is None else pages.choice_answer()


def chosen(body: bytes) -> tuple[str | None, str | None]:
    """Return which field of our own page a body holds, ``undo`` or ``choice``, and its value; (None, None) for none.

    Both encodings are understood, whatever the request calls them. Anything else is a one-click POST.
    """
    for name in _NAMES:
        start = body.find(f'name="{name}"'.encode())
        part = _PART.match(body, start) if start >= 0 else None
        if part is not None:
            return name, part[1].decode()
    if b"choice=" not in body and b"undo=" not in body:
        return None, None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    except ValueError:  # more fields than any page of ours has
        return None, None
    return next(((name, fields[name][0]) for name in _NAMES if name in fields), (None, None))
