"""The sandbox as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from orchestrator import errors
from orchestrator.sandbox import strangers
from orchestrator.sandbox.answers import JsonAnswer, failure
from orchestrator.sandbox.control_api import PREFIX, control_routes
from orchestrator.sandbox.owners.people import DEEDS
from orchestrator.sandbox.parse_api import parse_routes
from orchestrator.sandbox.protocol import EXTENSION, reset
from orchestrator.sandbox.send_api import COMMON, MAX_BYTES, UNAUTHORIZED, SendApi, Verdict, too_large
from orchestrator.sandbox.suppression_api import suppression_routes

if TYPE_CHECKING:
    from orchestrator.sandbox.sandbox import Sandbox

SCOPES = (
    "mail.send",
    "suppression.read",
    "suppression.delete",
    "user.webhooks.event.settings.read",
    "user.webhooks.parse.settings.read",
)
WEBHOOK_ID = "d9a1b0a2-6a6b-4c4e-9a55-0b7a1f1c2e3d"
_NAMES = {401: "authorization required", 403: "access forbidden", 404: "not found", 405: "method not allowed"}


class MailSend:
    """``POST /v3/mail/send`` behind any ASGI server; `SandboxServer` usually answers before it gets here."""

    def __init__(self, api: SendApi) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method != "POST":
            await failure(405, _NAMES[405])(scope, receive, send)
            return
        body = await _capped_body(request)
        verdict = too_large() if body is None else self._api.send(request.headers.get("authorization"), body)
        await asyncio.sleep(verdict.delay)
        await _carry_out(verdict, scope, receive, send)


async def _capped_body(request: Request) -> bytes | None:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BYTES:
            return None
    return bytes(received)


async def _carry_out(verdict: Verdict, scope: Scope, receive: Receive, send: Send) -> None:
    if verdict.fate == "answer":
        answer = Response(verdict.body, verdict.status, dict(COMMON + verdict.headers))
        await answer(scope, receive, send)
        return
    transport = scope.get("extensions", {}).get(EXTENSION) or _transport_behind(receive)
    if verdict.fate == "reset" and transport is not None:
        reset(transport)
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport_behind(receive: Receive) -> Any:
    """Return the transport of a plain uvicorn server, whose `receive` is a method of the request's cycle, or None."""
    return getattr(getattr(receive, "__self__", None), "transport", None)


def _guarded(api: SendApi, route: Route) -> Route:
    """Return the route with SendGrid's bearer check in front."""
    endpoint: Callable[[Request], Awaitable[Response]] = route.endpoint

    async def checked(request: Request) -> Response:
        if not api.authorized(request.headers.get("authorization")):
            return failure(401, UNAUTHORIZED)
        return await endpoint(request)

    return Route(route.path, checked, methods=list(route.methods or ()))


def _ours(route: Route) -> Route:
    """Return the route closed to pages of other sites."""
    endpoint: Callable[[Request], Awaitable[Response]] = route.endpoint

    async def checked(request: Request) -> Response:
        refusal = strangers.refusal(request)
        return await endpoint(request) if refusal is None else failure(403, refusal)

    return Route(route.path, checked, methods=list(route.methods or ()))


def _account_routes(sandbox: Sandbox) -> list[Route]:
    async def scopes(request: Request) -> Response:
        return JsonAnswer({"scopes": SCOPES})

    async def signed(request: Request) -> Response:
        return JsonAnswer({"id": request.path_params.get("id", WEBHOOK_ID), "public_key": sandbox.public_key})

    async def test(request: Request) -> Response:
        sandbox.post_test_events()
        return Response(status_code=204)

    return [
        Route("/v3/scopes", scopes),
        Route("/v3/user/webhooks/event/settings/signed", signed, methods=["GET", "PATCH"]),
        Route("/v3/user/webhooks/event/settings/signed/{id}", signed, methods=["GET", "PATCH"]),
        Route("/v3/user/webhooks/event/test", test, methods=["POST"]),
    ]


async def _index(request: Request) -> Response:
    """Tell whoever opens the base address what this is."""
    return JsonAnswer(
        {
            "service": "SendGrid look-alike; no mail leaves this process",
            "send": "POST /v3/mail/send",
            "messages": f"GET {PREFIX}/messages",
            "faults": f"GET, PUT {PREFIX}/faults",
            "truth": f"GET {PREFIX}/truth",
            "owners": f"POST {PREFIX}/messages/{{id}}/{{{'|'.join(DEEDS)}}}",
        }
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return failure(status, _NAMES.get(status, "internal server error"))


async def _caller_error(request: Request, error: Exception) -> Response:
    return failure(400, str(error), getattr(error, "field", None))


def create_application(sandbox: Sandbox) -> Starlette:
    """Return the ASGI application of a sandbox; SendGrid's endpoints need a key.

    The control API needs none; it is closed to pages of other sites.
    """
    api = SendApi(sandbox)
    account = (*_account_routes(sandbox), *suppression_routes(sandbox), *parse_routes(sandbox))
    guarded = [_guarded(api, route) for route in account]
    control = [_ours(route) for route in control_routes(sandbox)]
    return Starlette(
        routes=[Route("/", _index), Route("/v3/mail/send", MailSend(api)), *guarded, *control],
        exception_handlers={HTTPException: _http_error, errors.OrchestratorError: _caller_error},
    )
