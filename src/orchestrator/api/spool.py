"""Large request bodies: in memory while they are small, in a file without a name when they are not."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from mmap import ACCESS_READ, mmap
from typing import IO

from fastapi import Request
from starlette.requests import ClientDisconnect

from orchestrator import errors

#: Of a body, bytes that are held in memory while it arrives; a flood of large ones fills a disk, not the memory.
IN_MEMORY = 1024 * 1024


@asynccontextmanager
async def spooled(request: Request, limit: int) -> AsyncIterator[bytes | mmap]:
    """Hand out the body as it came; it is gone at the end of the block.

    Args:
        request: The request to read; nothing beyond `limit` is kept, whatever its headers say.
        limit: Most bytes to accept.

    Raises:
        PayloadTooLarge: The announced or the actual length is beyond `limit`.
        ClientDisconnect: The client hung up before the end.
    """
    with ExitStack() as stack:
        body, file = await _read(request, limit, stack)
        if file is None:
            yield bytes(body)
            return
        file.write(body)
        file.flush()
        yield stack.enter_context(mmap(file.fileno(), 0, access=ACCESS_READ))


async def _read(request: Request, limit: int, stack: ExitStack) -> tuple[bytearray, IO[bytes] | None]:
    """Return what arrived last, and the file that holds what came before it, if there is one."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    body, written, file, ended = bytearray(), 0, None, False
    while not ended:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        body += message.get("body", b"")
        ended = not message.get("more_body", False)
        if written + len(body) > limit:
            request.state.body_ended = ended
            raise _too_large(limit)
        if len(body) > IN_MEMORY:
            if file is None:
                file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
            file.write(body)
            written += len(body)
            body.clear()
    return body, file


def _too_large(limit: int) -> errors.PayloadTooLarge:
    return errors.PayloadTooLarge(
        f"The request's body is larger than {limit} bytes, the most this address accepts.",
        fix="SendGrid takes mails of up to 30 MB. If it sends larger ones now, raise the limit in api/inbound.py.",
    )
