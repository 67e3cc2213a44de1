"""Where log lines of a program go that uses this package as a library."""

from __future__ import annotations

import structlog


def to_the_standard_library() -> None:
    """Hand log lines to `logging`, unless the program has configured structlog itself.

    structlog's own default is standard output, and that belongs to the program that uses this library.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(
                colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
