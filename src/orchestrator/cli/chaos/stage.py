"""What a run needs besides its cast: a database, a sandbox in a process of its own, a clock, and an importer."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

from orchestrator import errors
from orchestrator.cli.chaos import processes
from orchestrator.cli.chaos.clockwork import Clockwork, wound
from orchestrator.cli.chaos.importing import BATCH, Importer
from orchestrator.cli.chaos.ledger import Ledger
from orchestrator.cli.chaos.plan import Attack
from orchestrator.cli.chaos.processes import Site
from orchestrator.cli.chaos.provider import Provider
from orchestrator.cli.demo.stage import folder_of
from orchestrator.clock import new_id
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.repository import OutreachRepository, statistics

#: Seconds of the run that a mail stays in doubt before it may be sent again: longer than any delay of a webhook here.
GRACE = 120
#: How many tenants take turns.
TENANTS = 3
START_TIMEOUT = 30.0
#: Imported once, by the process that all others are forked from: starting Python anew would take longer than a lease.
PRELOADED = [
    "orchestrator.cli.chaos.processes",
    "alembic.command",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.h11_impl",
]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that lives as long as a run."""

    context: ForkServerContext
    site: Site
    clock: Clockwork
    provider: Provider
    orchestrator: OutreachOrchestrator
    importer: Importer
    ledger: Ledger
    database: str

    def published(self) -> list[Path]:
        """Return the files that events were published to."""
        return sorted(self.site.directory.glob("events-*.jsonl"))


@contextmanager
def staged(ordered: Attack, dsn: str | None) -> Iterator[Stage]:
    """Set everything up but the cast, and take it down at the end of the block.

    Args:
        ordered: What was asked for.
        dsn: The database's address; None makes a temporary SQLite file.

    Raises:
        ConfigurationError: The database cannot be used, or the folder cannot be made.
        InvalidState: The database holds campaigns that are not of such a run.
    """
    with ExitStack() as stack:
        directory = folder_of(stack, ordered.keep, "chaos")
        dsn = dsn or f"sqlite:///{directory / 'outreach.db'}"
        database = _prepared(dsn)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        clock = wound(context.RawValue("d", 0.0))
        port = _reserved_port(stack)
        url, public_key = _sandbox(stack, context, directory, port, ordered.seed, clock)
        site = Site(dsn, directory, url, public_key, port, clock, GRACE)
        hearing, telling = context.Pipe(duplex=False)
        stack.callback(hearing.close)
        stack.callback(telling.close)
        orchestrator = stack.enter_context(processes.installation(site, processes.Trap(None, telling)))
        tenants = [new_id() for _ in range(TENANTS)]
        importer = Importer(orchestrator, tenants, f"run-{tenants[0][-12:]}")
        importer.start()
        stack.callback(importer.end)
        yield Stage(
            context=context,
            site=site,
            clock=clock,
            provider=Provider(url, {"withhold": 1.0} if ordered.withhold else {}),
            orchestrator=orchestrator,
            importer=importer,
            ledger=Ledger(orchestrator.repository, tenants),
            database=database,
        )


def _prepared(dsn: str) -> str:
    """Bring the database to the current schema; return its name and version."""
    repository = OutreachRepository(dsn)
    try:
        repository.upgrade()
        with repository.reading() as tx:
            foreign = statistics.count_besides(tx, BATCH)
        if foreign:
            raise errors.InvalidState(
                f"The database holds {foreign} campaigns of yours; they would be sent into the sandbox.",
                fix="Give an empty database to --database, or none for a temporary SQLite file.",
            )
        return repository.server_version()
    finally:
        repository.close()


def _reserved_port(stack: ExitStack) -> int:
    """Return a port that nobody else is given while the run lasts, although its service comes and goes.

    A socket that is bound and does not listen keeps it; whoever connects meanwhile is refused, as by a dead service.
    """
    reserving = stack.enter_context(socket.socket())
    reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserving.bind(("127.0.0.1", 0))
    return reserving.getsockname()[1]


def _sandbox(
    stack: ExitStack, context: ForkServerContext, directory: Path, port: int, seed: int, clock: Clockwork
) -> tuple[str, str]:
    """Start the sandbox; return its address and its verification key."""
    hearing, telling = context.Pipe(duplex=False)
    webhook = f"http://127.0.0.1:{port}/webhooks/sendgrid"
    process = context.Process(
        target=processes.play_sendgrid, args=(directory, webhook, seed, clock, telling), daemon=True
    )
    process.start()
    stack.callback(process.join)
    stack.callback(process.kill)
    telling.close()
    with hearing:
        if not hearing.poll(START_TIMEOUT):
            raise errors.ConfigurationError(f"The sandbox did not start within {START_TIMEOUT:.0f} s.")
        return hearing.recv()
