"""An answer to a client that is still sending."""

from __future__ import annotations

import asyncio
import contextlib

from fastapi.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

MAX_SECONDS = 5.0
MAX_DISCARDED = 16 * 1024 * 1024


class LingeringResponse(JSONResponse):
    """Answers at once, then discards what still arrives before the connection closes.

    A socket closed with unread bytes makes TCP send a reset, and a reset can destroy the answer before the client has
    read it. So the rest is read and thrown away, as nginx's ``lingering_close`` does, within limits of time and size.
    A reader that has seen the end of the body says so in ``request.state.body_ended``.

    Attributes:
        most: Bytes that are discarded at most.
    """

    most = MAX_DISCARDED

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers["Connection"] = "close"

        async def send_but_stay_open(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "more_body": True}
            await send(message)

        await super().__call__(scope, receive, send_but_stay_open)
        if not scope.get("state", {}).get("body_ended", False):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MAX_SECONDS):
                    await _discard(receive, self.most)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive, most: int) -> None:
    discarded = 0
    while discarded < most:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        discarded += len(message.get("body", b""))
