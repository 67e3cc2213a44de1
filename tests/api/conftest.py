from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.api import Lane, create_app
from tests.api.live_service import MemoryCore, Service, Switch, serving


@pytest.fixture(scope="session")
def socket_server() -> Iterator[tuple[Switch, int]]:
    switch = Switch()
    switch.app = create_app(MemoryCore(), lane=Lane(1))
    with serving(switch) as port:
        Service(MemoryCore(), port).request("GET", "/readyz")  # starts the worker thread
        yield switch, port


@pytest.fixture
def service(socket_server: tuple[Switch, int]) -> Service:
    """A fresh application around a fresh core, on a socket."""
    switch, port = socket_server
    core = MemoryCore()
    switch.app = create_app(core, lane=Lane(1))
    return Service(core, port)
