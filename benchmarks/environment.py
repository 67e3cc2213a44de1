"""Where the figures were measured, and keeping whoever measures out of them."""

from __future__ import annotations

import logging
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from benchmarks.stores import Store


def isolate() -> None:
    """Forget the product's configuration of whoever runs this (no key of theirs is ever used), and log to stderr."""
    for name in [n for n in os.environ if n.startswith(("SENDGRID_", "OUTREACH_")) or n == "DB_DSN"]:
        del os.environ[name]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def description(stores: Sequence[Store]) -> dict[str, Any]:
    """Return the machine and the versions as the last line of a run."""
    return {
        "bench": "environment",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _processor(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
        "databases": {store.kind: store.version for store in stores},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
