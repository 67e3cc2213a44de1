"""SendGrid's suppression lists over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.sandbox.answers import JsonAnswer, body_of, failure, integer
from orchestrator.sandbox.suppressions import LISTS, Suppressions

if TYPE_CHECKING:
    from orchestrator.sandbox.sandbox import Sandbox

MAX_PAGE = 500


def _page(entries: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """Apply ``start_time``, ``end_time`` (unix seconds), ``email`` (a prefix), ``offset`` and ``limit``."""
    start, end = integer(request, "start_time"), integer(request, "end_time")
    prefix = request.query_params.get("email", "").lower()
    found = [
        entry
        for entry in entries
        if (start is None or entry["created"] >= start)
        and (end is None or entry["created"] <= end)
        and entry["email"].lower().startswith(prefix)
    ]
    offset = integer(request, "offset", 0) or 0
    limit = min(integer(request, "limit", MAX_PAGE) or MAX_PAGE, MAX_PAGE)
    return found[offset : offset + limit]


def _takes_json(request: Request, *, required: bool) -> bool:
    """Whether the client takes JSON; for bounces it must say so, as in SendGrid's description of the endpoint."""
    accepted = request.headers.get("accept")
    if accepted is None:
        return not required
    kinds = {kind.partition(";")[0].strip().lower() for kind in accepted.split(",")}
    return bool(kinds & {"application/json", "application/*", "*/*"})


def suppression_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the five lists and of the global unsubscribes."""
    return [*_list_routes(sandbox.suppressions), *_global_routes(sandbox)]


def _list_routes(lists: Suppressions) -> list[Route]:

    async def collection(request: Request) -> Response:
        name = request.path_params["list"]
        if name not in LISTS:
            return failure(404, "not found")
        if request.method == "GET":
            if not _takes_json(request, required=name == "bounces"):
                return failure(406, "set the Accept header to application/json")
            return JsonAnswer(_page(lists.entries(name), request))
        wish = await body_of(request)
        everybody, emails = wish.get("delete_all") is True, wish.get("emails")
        if everybody == bool(emails):
            return failure(400, "You must provide either emails or delete_all, and not both.")
        lists.remove(name, None if everybody else emails)
        return Response(status_code=204)

    async def single(request: Request) -> Response:
        name, email = request.path_params["list"], request.path_params["email"]
        if name not in LISTS:
            return failure(404, "not found")
        if request.method == "DELETE":
            return Response(status_code=204) if lists.remove(name, [email]) else failure(404, "not found")
        entry = lists.entry(name, email)
        return JsonAnswer([entry] if entry else [])

    return [
        Route("/v3/suppression/{list}", collection, methods=["GET", "DELETE"]),
        Route("/v3/suppression/{list}/{email}", single, methods=["GET", "DELETE"]),
    ]


def _global_routes(sandbox: Sandbox) -> list[Route]:
    lists = sandbox.suppressions

    async def globally(request: Request) -> Response:
        emails = (await body_of(request)).get("recipient_emails")
        if not isinstance(emails, list) or not emails:
            return failure(400, "recipient_emails must be a list of at least one email address", "recipient_emails")
        for email in emails:
            lists.add("unsubscribes", email, sandbox.unix_time())
        return JsonAnswer({"recipient_emails": emails}, 201)

    async def globally_one(request: Request) -> Response:
        email = request.path_params["email"]
        if request.method == "DELETE":
            return Response(status_code=204) if lists.remove("unsubscribes", [email]) else failure(404, "not found")
        return JsonAnswer({"recipient_email": email} if lists.entry("unsubscribes", email) else {})

    return [
        Route("/v3/asm/suppressions/global", globally, methods=["POST"]),
        Route("/v3/asm/suppressions/global/{email}", globally_one, methods=["GET", "DELETE"]),
    ]
