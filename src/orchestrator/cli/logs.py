"""Logging of the command line: to standard error, for people on a terminal, as JSON otherwise."""

from __future__ import annotations

import logging
import os
import sys


def configure(level: str = "warning") -> None:
    """Send the package's log lines to standard error; others' warnings go there by Python's own last resort.

    Args:
        level: Least severe level that is shown; ``OUTREACH_LOG_LEVEL`` wins over it.
    """
    import structlog

    chosen = os.environ.get("OUTREACH_LOG_LEVEL", level).upper()
    threshold = logging.getLevelNamesMapping().get(chosen, logging.WARNING)
    terminal = sys.stderr.isatty()
    colors = terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    last = (
        [structlog.dev.ConsoleRenderer(colors=colors)]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_StandardError(),
        cache_logger_on_first_use=False,
    )


class _StandardError:
    """Finds standard error at each line, so that a test or a caller may replace it."""

    def __call__(self, *_args: object) -> _StandardError:
        return self

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    log = debug = info = warn = warning = error = exception = critical = fatal = failure = msg
