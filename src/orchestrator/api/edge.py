"""What every answer has in common: a request id, safe headers, and a last resort for what nobody foresaw."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator import clock
from orchestrator.api.errors import problem

REQUEST_ID = "X-Request-Id"
_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_DEFAULT_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    # No page of another site shares a process, or a handle on a window, with what is served here (XS-Leaks).
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Whose names are looked up tells their owners that a mail is being read.
    "X-DNS-Prefetch-Control": "off",
    "X-Frame-Options": "DENY",
}

log = structlog.get_logger(__name__)


class Edge:
    """ASGI middleware around the whole application.

    The caller's ``X-Request-Id`` is kept when it is harmless, so that one id follows a request through all systems; it
    is on the answer, in ``request.state.request_id``, and on every log line written meanwhile.

    Args:
        app: What is inside.
        unforeseen: Returns the answer to what nobody foresaw, by its request id.
    """

    def __init__(self, app: ASGIApp, unforeseen: Callable[[str], ASGIApp] | None = None) -> None:
        self._app = app
        self._unforeseen = unforeseen or _unforeseen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _SAFE_ID.fullmatch(given) else clock.new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in _DEFAULT_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                log.exception("request failed", action="request_failed", method=scope["method"], path=_route(scope))
                if started:  # the answer is half out; only a broken connection can still say that it is wrong
                    raise
                await self._unforeseen(request_id)(scope, receive, send_with_headers)


def _route(scope: Scope) -> str:
    """The route's pattern: the path itself may hold an opt-out token, which has no place in a log."""
    return getattr(scope.get("route"), "path", "")


def _unforeseen(request_id: str) -> ASGIApp:
    return problem(
        request_id,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The service failed in a way nobody foresaw, and nothing was acknowledged.",
        fix="Look in the service's log for this request_id; the line holds the traceback.",
    )
