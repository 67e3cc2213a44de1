"""The sandbox on a port of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading

import uvicorn

from orchestrator import errors
from orchestrator.sandbox.application import create_application
from orchestrator.sandbox.protocol import protocol_for
from orchestrator.sandbox.sandbox import Sandbox
from orchestrator.sandbox.send_api import SendApi

START_TIMEOUT = 10.0  # seconds
TICK = 0.1  # seconds; uvicorn renews its Date header by it
GRACE = 1.0  # seconds for requests that are being answered when the server stops
KEEP_ALIVE = 75  # seconds, as nginx


class _Server(uvicorn.Server):
    """Tells when it accepts connections, and stops when told to instead of at the next look around."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = threading.Event()
        self._told_to_stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.accepting.set()

    async def main_loop(self) -> None:
        for tick in itertools.count():
            await self.on_tick(tick)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told_to_stop.wait(), TICK)
                return

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close idle connections, give running requests a moment, then cut off what is left (uvicorn waits longer)."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if tasks := set(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=GRACE)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # Lets the connections hear of it before the loop is closed.

    def stop_soon(self) -> None:
        """End the main loop; called from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told_to_stop.set)


class SandboxServer:
    """Serves a sandbox over HTTP; usable as a context manager.

    Args:
        sandbox: What is served; started and stopped with the server.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
    """

    def __init__(self, sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> None:
        self.sandbox = sandbox
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base address clients use instead of https://api.sendgrid.com."""
        return f"http://{self._host}:{self._port}"

    def start(self) -> SandboxServer:
        """Start serving and return when connections are accepted.

        Raises:
            errors.ConfigurationError: the port is taken or the address is not this host's.
        """
        self._socket = self._listen()
        self._port = self._socket.getsockname()[1]
        application, protocol = create_application(self.sandbox), protocol_for(SendApi(self.sandbox))
        config = uvicorn.Config(
            application, http=protocol, ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="sandbox-server", daemon=True
        )
        self._thread.start()
        if not self._server.accepting.wait(START_TIMEOUT):
            raise errors.ConfigurationError(f"The sandbox did not start within {START_TIMEOUT:.0f} s on {self.url}.")
        self.sandbox.start()
        return self

    def _listen(self) -> socket.socket:
        try:
            listening = socket.create_server((self._host, self._port), backlog=1024)
        except OSError as problem:
            raise errors.ConfigurationError(
                f"The sandbox cannot listen on {self._host}:{self._port}: {problem.strerror or problem}.",
                fix="Choose another port, or 0 for any free one.",
            ) from problem
        # asyncio does this for its own sockets only; without it an answer in two writes waits 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening

    def stop(self) -> None:
        """Stop serving; requests that hang are cut off."""
        self.sandbox.stop()
        if self._server is not None and self._thread is not None:
            self._server.stop_soon()
            self._thread.join()
            self._server = self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> SandboxServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
