"""The sandbox's own API under ``/sandbox/api``: look at the mail, make things happen, make things go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator import errors
from orchestrator.sandbox.answers import JsonAnswer, body_of, failure, integer, seconds
from orchestrator.sandbox.faults import DEFAULTS
from orchestrator.sandbox.owner_api import owner_routes

if TYPE_CHECKING:
    from orchestrator.sandbox.message import Message
    from orchestrator.sandbox.sandbox import Sandbox

PREFIX = "/sandbox/api"
MAX_PAGE, DEFAULT_PAGE = 500, 50
ACT_OPTIONS = ("group_id", "index", "ip", "part", "reason", "response", "status", "times", "type", "url", "useragent")


def summary(message: Message) -> dict[str, Any]:
    """Return what a list of mail shows of one."""
    return {
        "id": message.id,
        "number": message.number,
        "x_message_id": message.x_message_id,
        "sg_message_id": message.sg_message_id,
        "to": message.email,
        "to_name": message.name,
        "kind": message.kind,
        "from": message.sender,
        "subject": message.subject,
        "accepted_at": message.accepted_at,
        "custom_args": message.custom_args,
        "events": [event["event"] for event in message.events],
    }


def whole(message: Message) -> dict[str, Any]:
    """Return everything that is known of one mail."""
    return {
        **summary(message),
        "html": message.body("text/html"),
        "text": message.body("text/plain"),
        "headers": message.headers,
        "reply_to": message.payload.get("reply_to") or message.payload.get("reply_to_list"),
        "smtp_id": message.smtp_id,
        "categories": message.categories,
        "links": [link.url for link in message.links()],
        "events": list(message.events),
    }


def _message_routes(sandbox: Sandbox) -> list[Route]:
    async def messages(request: Request) -> Response:
        if request.method == "DELETE":
            await run_in_threadpool(sandbox.clear)
            return Response(status_code=204)
        limit = min(integer(request, "limit", DEFAULT_PAGE) or DEFAULT_PAGE, MAX_PAGE)
        found = sandbox.messages(request.query_params.get("to"), limit, integer(request, "cursor"))
        cursor = found[-1].number if len(found) == limit else None
        return JsonAnswer({"messages": [summary(message) for message in found], "cursor": cursor})

    async def wait(request: Request) -> Response:
        to, timeout = request.query_params.get("to"), seconds(request, "timeout", 10.0)
        message = await run_in_threadpool(sandbox.wait_for_message, to, timeout)
        return (
            JsonAnswer(whole(message)) if message else failure(404, f"no message to {to or 'anybody'} in {timeout} s")
        )

    async def one(request: Request) -> Response:
        message = sandbox.message(request.path_params["id"])
        return JsonAnswer(whole(message)) if message else failure(404, "not found")

    async def act(request: Request) -> Response:
        wish = await body_of(request)
        message_id = request.path_params.get("id")
        options = {name: value for name, value in wish.items() if name != "action"}
        if unknown := set(options) - set(ACT_OPTIONS):
            raise errors.ValidationError(min(unknown), f"unknown option; there are {', '.join(ACT_OPTIONS)}")
        events = await run_in_threadpool(lambda: sandbox.act(message_id, str(wish.get("action", "")), **options))
        return JsonAnswer({"events": events})

    return [
        Route(f"{PREFIX}/messages", messages, methods=["GET", "DELETE"]),
        Route(f"{PREFIX}/messages/wait", wait),
        Route(f"{PREFIX}/messages/{{id}}", one),
        Route(f"{PREFIX}/messages/{{id}}/act", act, methods=["POST"]),
        Route(f"{PREFIX}/act", act, methods=["POST"]),
    ]


def control_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the control API."""

    async def faults(request: Request) -> Response:
        if request.method == "PUT":
            sandbox.faults.set(**{**DEFAULTS, **await body_of(request)})
        elif request.method == "PATCH":
            sandbox.faults.set(**await body_of(request))
        elif request.method == "DELETE":
            sandbox.faults.clear()
        return JsonAnswer(sandbox.faults.as_dict())

    async def truth(request: Request) -> Response:
        detail = request.query_params.get("detail", "true") != "false"
        return JsonAnswer(await run_in_threadpool(lambda: sandbox.truth(detail=detail)))

    async def settle(request: Request) -> Response:
        return JsonAnswer(await run_in_threadpool(sandbox.settle, seconds(request, "timeout", 30.0)))

    async def key(request: Request) -> Response:
        return JsonAnswer({"public_key": sandbox.rotate_key() if request.method == "POST" else sandbox.public_key})

    return [
        *_message_routes(sandbox),
        *owner_routes(sandbox, PREFIX),
        Route(f"{PREFIX}/faults", faults, methods=["GET", "PUT", "PATCH", "DELETE"]),
        Route(f"{PREFIX}/truth", truth),
        Route(f"{PREFIX}/settle", settle, methods=["POST"]),
        Route(f"{PREFIX}/key", key, methods=["GET", "POST"]),
    ]
