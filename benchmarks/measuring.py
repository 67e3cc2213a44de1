"""Timing, memory, and the JSON line that a case becomes."""

from __future__ import annotations

import cProfile
import gc
import json
import pstats
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEGABYTE = 1024 * 1024


class WrongResult(Exception):
    """What was measured did not do its work, so its time means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asked for; ``n`` is None where each bench takes its own size."""

    n: int | None = None
    repeat: int = 3
    concurrency: int = 50
    profile: bool = False
    #: Only cases whose name holds this text, where a bench has many.
    case: str = ""

    def size(self, default: int) -> int:
        return self.n or default


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: how many rows, in how many seconds, with how much memory at most."""

    rows: int
    seconds: float
    peak_rss_mb: float


@dataclass(slots=True)
class Runs:
    """The repeated runs of one piece of work; the median counts, and the highest memory."""

    each: list[Measured] = field(default_factory=list)

    def add(self, measured: Measured) -> None:
        self.each.append(measured)

    @property
    def rows(self) -> int:
        return self.each[0].rows

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.each)

    @property
    def per_second(self) -> float:
        return statistics.median(run.rows / run.seconds for run in self.each)

    @property
    def peak_rss_mb(self) -> float:
        return max(run.peak_rss_mb for run in self.each)


def measure(rows: int, work: Callable[[], object], *, profile: bool = False, process: int | None = None) -> Measured:
    """Run `work` once.

    Args:
        rows: How many rows (mails, events, calls) it handles.
        work: What is timed. The garbage of whatever came before is collected first.
        profile: Print where this thread spent its time on stderr; the figures are then too low.
        process: Whose memory is reported; default this process's.
    """
    gc.collect()
    forget_peak(process)
    profiler = cProfile.Profile() if profile else None
    started = time.perf_counter()
    if profiler:
        profiler.runcall(work)
    else:
        work()
    seconds = time.perf_counter() - started
    if profiler:
        for order in ("tottime", "cumulative"):
            pstats.Stats(profiler, stream=sys.stderr).sort_stats(order).print_stats(30)
    return Measured(rows, seconds, peak_rss_mb(process))


def result(
    bench: str, case: str, database: str | None, ours: Runs, limit: tuple[str, Runs], **more: Any
) -> dict[str, Any]:
    """Return one case as the dict that is printed.

    Args:
        bench: Name of the bench.
        case: Name of the case.
        database: ``sqlite``, ``postgresql``, or None when none takes part.
        ours: The product's runs.
        limit: What the product is compared with, and its runs.
        **more: Further fields; they win over the usual ones.
    """
    what, bare = limit
    return {
        "bench": bench,
        "case": case,
        "database": database,
        "n": ours.rows,
        "seconds": _rounded(ours.seconds),
        "per_second": _rounded(ours.per_second),
        "limit": {"what": what, "per_second": _rounded(bare.per_second)},
        "ratio": ratio(ours, bare),
        "peak_rss_mb": round(ours.peak_rss_mb, 1),
        "repeat": len(ours.each),
        "spread": spread([run.seconds for run in ours.each]),
        **more,
    }


def ratio(ours: Runs, limit: Runs) -> float:
    """Return our rate as a share of the limit's."""
    return _rounded(ours.per_second / limit.per_second)


def emit(line: dict[str, Any]) -> None:
    """Print one JSON line on stdout."""
    print(json.dumps(line), flush=True)


def say(text: str) -> None:
    """Tell whoever watches what is going on."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def expect(actual: object, expected: object, what: str) -> None:
    """Raise `WrongResult` unless both are equal: a fast wrong answer is not a figure."""
    if actual != expected:
        raise WrongResult(f"{what}: expected {expected!r}, got {actual!r}")


def forget_peak(process: int | None = None) -> None:
    """Let the peak of memory begin at what is held now; only Linux can (``man 5 proc``, clear_refs)."""
    with suppress(OSError):
        Path("/proc", str(process or "self"), "clear_refs").write_text("5", "ascii")


def peak_rss_mb(process: int | None = None) -> float:
    """Return the highest resident memory since `forget_peak` (since the start, except on Linux), in megabytes."""
    with suppress(OSError):
        for line in Path("/proc", str(process or "self"), "status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE


def spread(values: Sequence[float]) -> float:
    """Return by how much the slowest run exceeds the fastest, as a share: noise of the machine, mostly."""
    return _rounded(max(values) / min(values) - 1)


def _rounded(value: float) -> float:
    """Four significant digits: more would be noise."""
    return float(f"{value:.4g}")
