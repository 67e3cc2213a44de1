"""Connections that nothing comes from are ended; those that are being answered are not."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from orchestrator.cli import serving
from orchestrator.cli.patience import BODY, HEAD, Patience


def _app(read: threading.Event, enough: threading.Event) -> FastAPI:
    app = FastAPI()

    @app.post("/")
    async def take(request: Request) -> None:
        read.set()
        await request.body()

    @app.get("/")
    def stream() -> StreamingResponse:
        return StreamingResponse(_told(enough))

    return app


def _told(enough: threading.Event) -> Iterator[bytes]:
    yield b"first"
    enough.wait(10)
    yield b"last"


class _Watched(Patience):
    looked = threading.Event()

    def look(self, connections: Iterable[Any]) -> None:
        super().look(connections)
        self.looked.set()


def test_who_says_nothing_is_not_waited_for():
    now, accepting, read, enough = [0.0], threading.Event(), threading.Event(), threading.Event()
    patience = _Watched(monotonic=lambda: now[0])
    with ExitStack() as stack:
        listening = stack.enter_context(serving.bind("127.0.0.1", 0))
        server = serving.Server(_app(read, enough), grace=1, on_accepting=accepting.set, patience=patience)
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve([listening])))
        thread.start()

        def look_after(seconds: float) -> None:
            done = threading.Event()
            now[0] += seconds
            loop.call_soon_threadsafe(lambda: (patience.look(server.server_state.connections), done.set()))
            assert done.wait(10)

        try:
            assert accepting.wait(10)
            assert patience.looked.wait(10)  # by itself
            silent, halfway, streaming = (
                stack.enter_context(socket.create_connection(listening.getsockname(), timeout=10)) for _ in range(3)
            )
            halfway.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
            streaming.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _hear(streaming, b"first")
            assert read.wait(10)
            look_after(0)
            assert not _is_over(silent)
            look_after(HEAD + 1)
            assert (_is_over(silent), _is_over(halfway)) == (True, False)
            look_after(BODY + 1)
            assert _is_over(halfway)
            enough.set()
            _hear(streaming, b"last")
        finally:
            enough.set()
            server.should_exit = True
            thread.join()


def _hear(connection: socket.socket, word: bytes) -> None:
    heard = b""
    while word not in heard:
        piece = connection.recv(4096)
        assert piece, f"the connection ended before {word!r}"
        heard += piece


def _is_over(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
