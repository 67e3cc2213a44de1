"""Events as lines of JSON: for development, and for platforms that collect logs anyway."""

from __future__ import annotations

from typing import Any, TextIO

import orjson
import structlog


class LogPublisher:
    """Writes each CloudEvent as one line of JSON, from any number of threads.

    Args:
        stream: Where to write; default: standard output. It is flushed after each event and never closed.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._log = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[structlog.processors.JSONRenderer(serializer=_one_line)],
            wrapper_class=structlog.BoundLogger,
            context_class=dict,
            cache_logger_on_first_use=True,
        )

    def publish(self, event: dict[str, Any]) -> None:
        """Write `event`.

        Raises:
            OSError: The stream cannot be written (disk full, pipe closed).
            ValueError: The stream is closed.
            TypeError: The event holds something JSON cannot express.
        """
        # Each attribute of the envelope becomes a key of the line, so the line is the event itself.
        self._log.info(**event)


def _one_line(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event).decode()
