"""``POST /webhooks/sendgrid``: SendGrid's events in. A 2xx is a promise that they are stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from orchestrator import errors
from orchestrator.api.body import WEBHOOK_LIMIT, read_capped
from orchestrator.api.core import Core, Receipt
from orchestrator.api.errors import documented, status_of
from orchestrator.api.lane import Lane
from orchestrator.api.metrics import Metrics

PATH = "/webhooks/sendgrid"

log = structlog.get_logger(__name__)

_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
}
_COUNTS: dict[str, Any] = {
    "type": "object",
    "required": ["received", "new", "duplicate", "unknown"],
    "properties": {name: {"type": "integer"} for name in ("received", "new", "duplicate", "unknown")},
}
_RESPONSES = {
    200: {"description": "The batch is stored.", "content": {"application/json": {"schema": _COUNTS}}},
    **documented(
        errors.MalformedPayload,
        errors.SignatureMissing,
        errors.SignatureInvalid,
        errors.PayloadTooLarge,
        errors.WebhookNotConfigured,
    ),
}


def routes(core: Core, metrics: Metrics, lane: Lane, unread: Callable[[str], object] = lambda _: None) -> APIRouter:
    """Return the routes for webhooks.

    Args:
        core: Verifies and stores a batch.
        metrics: Counts it.
        lane: Where `core` is called.
        unread: Told why, when a batch could not even be read; what `core` refuses it knows itself.
    """
    router = APIRouter(tags=["webhooks"])

    async def raw_body(request: Request) -> bytes:
        started = time.perf_counter()
        try:
            return await read_capped(request, WEBHOOK_LIMIT)
        except errors.PayloadTooLarge as error:
            _note_refusal(metrics, error, time.perf_counter() - started, None)
            await lane.run(unread, error.code)
            raise
        except ClientDisconnect:
            await lane.run(unread, "client-disconnect")
            raise

    async def receive(request: Request, body: bytes = Depends(raw_body)) -> JSONResponse:
        """Store one batch of SendGrid events and answer with counts, after the commit."""
        return await lane.run(store, body, request.headers)

    def store(body: bytes, headers: Headers) -> JSONResponse:
        started = time.perf_counter()
        try:
            receipt = core.receive_webhook(body, headers)
        except Exception as error:
            _note_refusal(metrics, error, time.perf_counter() - started, len(body))
            raise
        return JSONResponse(_note_receipt(metrics, receipt, time.perf_counter() - started, len(body)))

    # Both spellings, because a redirect would lose the batch: SendGrid does not follow one.
    router.add_api_route(
        PATH,
        receive,
        methods=["POST"],
        operation_id="receiveSendgridWebhook",
        summary="Receive SendGrid events",
        responses=_RESPONSES,
        openapi_extra={"requestBody": _REQUEST_BODY},
    )
    router.add_api_route(f"{PATH}/", receive, methods=["POST"], include_in_schema=False)
    return router


def _note_receipt(metrics: Metrics, receipt: Receipt, seconds: float, size: int) -> dict[str, int]:
    metrics.webhook_accepted(receipt, seconds)
    counts = {
        "received": receipt.received,
        "new": receipt.new,
        "duplicate": receipt.duplicate,
        "unknown": receipt.unknown,
    }
    log.info(
        "webhook stored", action="webhook_stored", outcome="accepted", bytes=size, ms=round(seconds * 1000, 1), **counts
    )
    return counts


def _note_refusal(metrics: Metrics, error: Exception, seconds: float, size: int | None) -> None:
    known = isinstance(error, errors.OrchestratorError)
    outcome = error.code if known else "error"
    metrics.webhook_refused(outcome, seconds)
    write = log.warning if known and status_of(type(error)) < 500 else log.error
    write(
        "webhook refused",
        action="webhook_refused",
        outcome=outcome,
        reason=str(error) if known else type(error).__name__,
        bytes=size,
        ms=round(seconds * 1000, 1),
    )
