"""Raw request bodies, with a limit."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect

from orchestrator import errors

#: SendGrid flushes a batch at 768 KB ("Event Webhook Overview"), so 1 MiB refuses nothing it sends.
WEBHOOK_LIMIT = 1024 * 1024
#: A one-click body is 26 bytes (RFC 8058 §3.2); browsers and forwarders may add to it.
FORM_LIMIT = 64 * 1024


async def read_capped(request: Request, limit: int) -> bytes:
    """Return the body as it came.

    Args:
        request: The request to read; nothing beyond `limit` is kept, whatever its headers say.
        limit: Most bytes to accept.

    Raises:
        PayloadTooLarge: The announced or the actual length is beyond `limit`.
        ClientDisconnect: The client hung up before the end.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    body, ended = bytearray(), False
    while not ended:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        body += message.get("body", b"")
        ended = not message.get("more_body", False)
        if len(body) > limit:
            request.state.body_ended = ended
            raise _too_large(limit)
    return bytes(body)


async def form_body(request: Request) -> bytes:
    """Dependency: a small body of any type, also an empty one."""
    return await read_capped(request, FORM_LIMIT)


def _too_large(limit: int) -> errors.PayloadTooLarge:
    return errors.PayloadTooLarge(
        f"The request's body is larger than {limit} bytes, the most this address accepts.",
        fix="Send smaller batches; SendGrid's own stay below 768 KB.",
    )
