"""``python -m benchmarks [NAME] [options]``: JSON lines on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks import claim, create, dashboard, environment, fleet, render, send, stats, stores, webhooks, whole
from benchmarks.measuring import Options, WrongResult, emit, say
from tests.postgres import PostgresUnavailable

#: What is measured on a database, and what needs none.
STORED: dict[str, Callable[[stores.Store, Options], Iterator[dict[str, Any]]]] = {
    "create": create.run,
    "claim": claim.run,
    "send": send.run,
    "webhooks": webhooks.run,
    "stats": stats.run,
    "whole": whole.run,
}
#: Takes minutes, so it is measured only when it is asked for.
LONG: dict[str, Callable[[stores.Store, Options], Iterator[dict[str, Any]]]] = {
    "fleet": fleet.run,
    "dashboard": dashboard.run,
}
BARE: dict[str, Callable[[Options], Iterator[dict[str, Any]]]] = {"render": render.run}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches that were asked for.

    Returns:
        0; 1 when what was measured did not do its work; 3 when the database that was asked for cannot be had.
    """
    asked = _parser().parse_args(arguments)
    environment.isolate()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))  # so that servers and files are cleaned up
    options = Options(
        n=asked.n, repeat=asked.repeat, concurrency=asked.concurrency, profile=asked.profile, case=asked.case
    )
    names = [*STORED, *BARE] if asked.name == "all" else [asked.name]
    kinds = stores.KINDS if asked.database == "both" else (asked.database,)
    needed = kinds if any(name in STORED | LONG for name in names) else ()
    try:
        with stores.opened(needed, required=asked.database == "postgresql") as opened:
            for line in _lines(names, opened, options):
                emit(line | ({"profiled": True} if options.profile else {}))
            emit(environment.description(opened))
    except PostgresUnavailable as unavailable:
        say(str(unavailable))
        return 3
    except WrongResult as wrong:
        say(f"not a figure: {wrong}")
        return 1
    return 0


def _lines(names: Sequence[str], opened: Sequence[stores.Store], options: Options) -> Iterator[dict[str, Any]]:
    for name in names:
        if name in BARE:
            say(name)
            yield from BARE[name](options)
            continue
        for store in opened:
            say(f"{name} on {store.version}")
            yield from (STORED | LONG)[name](store, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=["all", *STORED, *LONG, *BARE], help="default: all")
    parser.add_argument("--n", type=_positive, help="rows (mails, events, campaigns) of each run")
    parser.add_argument("--database", choices=[*stores.KINDS, "both"], default="both")
    parser.add_argument("--repeat", type=_positive, default=3, help="runs of each case; the median counts (default 3)")
    parser.add_argument("--concurrency", type=_positive, default=200, help="mails in flight in send (default 200)")
    parser.add_argument("--case", default="", help="only cases of `whole` and `dashboard` whose name holds this text")
    parser.add_argument("--profile", action="store_true", help="print where this process spends its time, on stderr")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
