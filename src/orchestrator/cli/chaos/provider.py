"""The sandbox as the supervisor sees it: a process with an API to make things go wrong and to ask for the truth."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from orchestrator import errors

TIMEOUT = 60.0


class Provider:
    """Speaks to the control API of a sandbox.

    Args:
        url: The sandbox's base address.
        always: Knobs that stay turned whatever the weather.
    """

    def __init__(self, url: str, always: Mapping[str, float | bool]) -> None:
        self._address = urlsplit(url).netloc
        self._always = dict(always)

    def throw(self, knobs: Mapping[str, float | bool]) -> None:
        """Turn these faults on, and all others off."""
        self._ask("PUT", "faults", {**knobs, **self._always})

    def pending(self) -> int:
        """Return how many events are still to happen or to be acknowledged."""
        emitter: dict[str, Any] = self._ask("GET", "truth?detail=false")["emitter"]
        return int(emitter["pending"])

    def truth(self) -> dict[str, Any]:
        """Return the true books, with every mail."""
        return self._ask("GET", "truth")

    def _ask(self, method: str, what: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT)
        try:
            connection.request(method, f"/sandbox/api/{what}", orjson.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise errors.OrchestratorError(f"The sandbox answered {answer.status} to {method} {what}: {content!r}")
        return orjson.loads(content)
