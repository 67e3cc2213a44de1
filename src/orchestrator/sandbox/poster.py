"""Posts webhook bodies over one kept connection, the way SendGrid's servers do: signed, and following no redirect."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

from orchestrator import errors
from orchestrator.sandbox.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER

USER_AGENT = "SendGrid Event API"
_CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


class Poster:
    """One connection to one webhook; belongs to one thread.

    Args:
        url: Absolute http or https address.
        sign: Returns timestamp text and signature for a body.
        timeout: Seconds per socket operation.

    Raises:
        errors.ConfigurationError: `url` is not an http or https address.
    """

    def __init__(self, url: str, sign: Callable[[bytes], tuple[str, str]], timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _CONNECTIONS or not parts.hostname:
            raise errors.ConfigurationError(
                f"The sandbox cannot post events to {url!r}.",
                fix="Give an absolute address, for example http://127.0.0.1:8000/webhooks/sendgrid.",
            )
        self._connection = _CONNECTIONS[parts.scheme](parts.hostname, parts.port, timeout=timeout)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._sign = sign
        #: HTTP status of the newest answer.
        self.status: int | None = None

    def post(self, body: bytes) -> str | None:
        """Post one body; return None when it was answered with 2xx, else what went wrong."""
        timestamp, signature = self._sign(body)
        headers = {
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json;charset=utf-8",
            "Accept-Encoding": "gzip",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: signature,
        }
        kept = self._connection.sock is not None
        try:
            return self._attempt(body, headers)
        except ConnectionError as failure:
            self._connection.close()
            # A kept connection may have been closed by the other side meanwhile; that says nothing about the webhook.
            return self.post(body) if kept else _told(failure)
        except (OSError, http.client.HTTPException) as failure:
            self._connection.close()
            return _told(failure)

    def _attempt(self, body: bytes, headers: dict[str, str]) -> str | None:
        self._connection.request("POST", self._target, body, headers)
        answer = self._connection.getresponse()
        answer.read()
        self.status = answer.status
        return None if 200 <= answer.status < 300 else f"HTTP {answer.status}"

    def close(self) -> None:
        self._connection.close()


def _told(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"
