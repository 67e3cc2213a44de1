"""``POST /webhooks/sendgrid/inbound``: mail in, by SendGrid's Inbound Parse. A 2xx is a promise that it is stored.

Whatever goes wrong is answered with 503. SendGrid then brings the mail again for 72 hours; after a 3xx or 4xx it drops
it at once and tells nobody (its support article on Inbound Parse's retries), and a wrong key must not cost a reply. The
same goes for a body beyond the limit. SendGrid takes no mail that large, so this one grew on its way, or SendGrid takes
more than it did: a person has three days to find the line in the log, where a 413 would leave them none.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from mmap import mmap
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from orchestrator import errors
from orchestrator.api.core import InboundCore
from orchestrator.api.errors import documented, problem, title_of
from orchestrator.api.lane import Lane
from orchestrator.api.lingering import LingeringResponse
from orchestrator.api.metrics import Metrics
from orchestrator.api.spool import spooled

PATH = "/webhooks/sendgrid/inbound"
#: SendGrid takes mails of up to 30 MB; the form around one has room to spare.
LIMIT = 40 * 1024 * 1024

log = structlog.get_logger(__name__)

_REQUEST_BODY: dict[str, Any] = {"required": True, "content": {"multipart/form-data": {"schema": {"type": "object"}}}}
_STORED: dict[str, Any] = {
    "type": "object",
    "required": ["outcome"],
    "properties": {"outcome": {"type": "string"}, "reply_id": {"type": ["string", "null"]}},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The mail is stored.", "content": {"application/json": {"schema": _STORED}}},
    **documented(errors.InboundNotConfigured),
}


def routes(core: InboundCore, metrics: Metrics, lane: Lane) -> APIRouter:
    """Return the routes for inbound mail: signed, and with a secret at the end of the path.

    Args:
        core: Verifies and stores a mail.
        metrics: Counts it.
        lane: Where `core` is called.
    """
    router = APIRouter(tags=["webhooks"])

    async def receive(request: Request) -> Response:
        """Store one inbound mail and answer after the commit; 503 for whatever else happens."""
        started = time.perf_counter()
        secret = request.path_params.get("secret")
        try:
            async with spooled(request, LIMIT) as body:
                return await lane.run(take, request, body, secret, started)
        except ClientDisconnect:
            raise
        except Exception as error:
            return _refusal(request, metrics, error, time.perf_counter() - started)

    def take(request: Request, body: bytes | mmap, secret: str | None, started: float) -> Response:
        receipt = core.take(body, request.headers, secret)
        seconds = time.perf_counter() - started
        metrics.inbound(str(receipt.outcome), seconds)
        log.info(
            "inbound mail stored", action="inbound_stored", outcome=str(receipt.outcome), reply_id=receipt.reply_id,
            bytes=len(body), ms=round(seconds * 1000, 1),
        )  # fmt: skip
        return JSONResponse({"outcome": str(receipt.outcome), "reply_id": receipt.reply_id})

    for path, name in ((PATH, "receiveInboundMail"), (f"{PATH}/{{secret}}", "receiveInboundMailBySecret")):
        router.add_api_route(
            path,
            receive,
            methods=["POST"],
            operation_id=name,
            summary="Receive inbound mail",
            responses=_RESPONSES,
            response_class=JSONResponse,
            openapi_extra={"requestBody": _REQUEST_BODY},
        )
        # Both spellings, because a redirect would lose the mail.
        router.add_api_route(f"{path}/", receive, methods=["POST"], include_in_schema=False)
    return router


def _refusal(request: Request, metrics: Metrics, error: Exception, seconds: float) -> Response:
    known = isinstance(error, errors.OrchestratorError)
    outcome = error.code if known else "error"
    metrics.inbound(outcome, seconds)
    fix = error.fix if known else "Look in the service's log for this request_id; the line holds the traceback."
    log.error(
        "inbound mail refused; SendGrid brings it again for 72 hours, then it is lost",
        action="inbound_refused",
        outcome=outcome,
        reason=str(error) if known else type(error).__name__,
        fix=fix,
        ms=round(seconds * 1000, 1),
        exc_info=None if known else error,
    )
    answer = problem(
        request.state.request_id,
        HTTPStatus.SERVICE_UNAVAILABLE,
        str(error) if known else "The service failed in a way nobody foresaw, and nothing was acknowledged.",
        kind=f"/errors/{error.code}" if known else "about:blank",
        title=title_of(type(error)) if known else None,
        fix=fix,
        lingering=isinstance(error, errors.PayloadTooLarge),
    )
    if isinstance(answer, LingeringResponse):
        answer.most = 2 * LIMIT  # it has to hear the answer, or all it knows is that the connection broke
    return answer
