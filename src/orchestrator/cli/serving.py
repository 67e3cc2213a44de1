"""Serving an ASGI application: on a socket that is bound first, in this thread or in one of its own."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

import uvicorn

from orchestrator import errors
from orchestrator.cli.patience import Patience

if TYPE_CHECKING:
    from fastapi import FastAPI

START_TIMEOUT = 10.0  # seconds
#: How many ports after the wished one are tried by `bind_near`.
NEIGHBOURS = 50


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        ConfigurationError: The port is taken, or the address is not this host's.
    """
    try:
        listening = socket.create_server((host, port), backlog=1024)
    except (OSError, OverflowError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise errors.ConfigurationError(
            f"Cannot listen on {host}:{port}: {reason}.",
            fix="Choose another port with --port; --port 0 takes any free one.",
        ) from problem
    # asyncio does this for its own sockets only; without it an answer in two writes waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def bind_near(host: str, port: int) -> socket.socket:
    """Return a listening socket on `port`, or on the next one that is free. Raises like `bind`."""
    for candidate in range(port, port + NEIGHBOURS):
        try:
            return bind(host, candidate)
        except errors.ConfigurationError as error:
            cause = error.__cause__
            if not (isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE):
                raise
    return bind(host, 0)


def address_of(listening: socket.socket) -> str:
    """Return the base address at which this host reaches the socket."""
    host, port = listening.getsockname()[:2]
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104


class Server(uvicorn.Server):
    """A uvicorn server that tells when it accepts connections.

    Args:
        app: What is served; its lifespan is run.
        grace: Seconds for requests that are being answered when the server stops.
        on_accepting: Called once, when connections are accepted.
        patience: How long callers are waited for.
    """

    def __init__(
        self, app: FastAPI, *, grace: int, on_accepting: Callable[[], object], patience: Patience | None = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",  # the faster one, where it is installed, has no limit to the length of headers
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=grace,
            )
        )
        self._on_accepting = on_accepting
        self._patience = patience or Patience()
        self._closing: Callable[[], object] | None = getattr(app.state, "closing", None)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # once a second
            self._patience.look(self.server_state.connections)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._closing is not None:
            self._closing()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_accepting()


class ServerThread:
    """Serves `app` on `listening` from a thread of its own; usable as a context manager."""

    def __init__(self, app: FastAPI, listening: socket.socket) -> None:
        self._accepting = threading.Event()
        self._server = Server(app, grace=1, on_accepting=self._accepting.set)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="service", daemon=True)
        self._listening = listening

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._accepting.wait(START_TIMEOUT):
            self.__exit__()
            raise errors.ConfigurationError(f"The service did not start within {START_TIMEOUT:.0f} s.")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()
