"""The work of ``worker``: sending what is due until asked to stop, and then letting go of nothing half done."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from orchestrator import engines
from orchestrator.cli import collector, logs, session, signals
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.output import Output

if TYPE_CHECKING:
    from orchestrator.orchestrator import OutreachOrchestrator

log = structlog.get_logger(__name__)


def work(concurrency: int, drain_timeout: float, output: Output) -> None:
    """Send what is due until SIGTERM or Ctrl-C; then drain.

    Ends the process with 143 or 130, whichever signal it was, when the drain took longer than `drain_timeout` seconds.

    Raises:
        ConfigurationError: There is no key, no sender address, or no usable database.
        ComplianceError: The sender lacks what the law wants.
    """
    logs.configure("info")
    asked = signals.Asked()
    with session.opened() as orchestrator:
        _require_everything(orchestrator)
        engine = engines.create(orchestrator, concurrency=concurrency)
        collector.rest()
        engine.start()
        output.say(f"Sending what is due, up to {concurrency} mails at a time. Ctrl-C drains and stops.")
        number = asked.wait()
        output.say("Draining: mails on their way are waited for. The same again ends at once.")
        drained = engine.stop(drain_timeout)
        if not drained:
            log.warning("not drained in time", action="worker.undrained", timeout=drain_timeout)
            _end_now(signals.exit_code(number))


def work_once(concurrency: int, output: Output) -> None:
    """Send everything that is due, reconcile and publish, once; a signal ends it early. Raises like `work`."""
    logs.configure("info")
    asked = signals.Asked()
    with session.opened() as orchestrator:
        _require_everything(orchestrator)
        orchestrator.operations.recover()
        words = Counter(orchestrator.operations.reconcile())
        words += Counter(orchestrator.send_due(engines.ENDLESS, concurrency, asked.is_set))
        published = 0
        while not asked.is_set() and (count := orchestrator.relay_events()):
            published += count
        orchestrator.operations.maintain()
    log.info("one round is done", action="worker.once", published=published, **words)
    told = ", ".join(f"{count} {word}" for word, count in words.items() if count) or "nothing was sent"
    output.say(f"{told}; {published} events published.")


def _require_everything(orchestrator: OutreachOrchestrator) -> None:
    """Find out now what would otherwise be found out at the first mail."""
    orchestrator.repository.server_version()
    orchestrator.services.require_ready(by_itself=True)


def _end_now(code: ExitCode) -> None:
    """End without waiting for threads: what is on its way stays in doubt, and its events decide."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))
