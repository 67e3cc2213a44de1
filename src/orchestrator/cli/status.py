"""The work of ``status``."""

from __future__ import annotations

from dataclasses import asdict

from orchestrator.cli import session
from orchestrator.cli.output import Output
from orchestrator.services.looking.overview import Status


def show(output: Output) -> None:
    """Write who works and what waits. Raises `ConfigurationError` when the database cannot be asked."""
    with session.opened() as orchestrator:
        status = orchestrator.operations.status()
    if output.structured:
        output.document(asdict(status))
        return
    workers = (
        (w.kind, f"{w.host}:{w.pid}", w.state if w.alive else "silent", w.sent, w.started_at, w.seen_at, w.version)
        for w in status.workers
    )
    output.rows(
        "Workers and services", ("kind", "process", "state", "sent", "started_at", "seen_at", "version"), workers
    )
    output.write("")
    queues = (
        (q.tenant_id, _counted(q.due, status), q.scheduled, f"{q.waiting:.0f} s", q.next_send_at) for q in status.queues
    )
    output.rows("What waits to be sent", ("tenant", "due", "scheduled", "waiting", "next_send_at"), queues)
    silent: list[tuple[object, ...]] = [(p.what, p.kind, p.reason, p.since, None) for p in status.paused]
    silent += [(h.what, "sendgrid", "asked for a wait (429 or 503)", None, h.until) for h in status.held_off]
    if silent:
        output.write("")
        output.rows("What does not send", ("what", "by", "reason", "since", "until"), silent)
    output.write("")
    output.rows("What else waits", ("what", "how many"), _counts(status))
    if not any(w.alive and w.kind == "worker" for w in status.workers):
        output.say("No worker is alive: nothing is sent by itself. → outreach worker")


def _counts(status: Status) -> list[tuple[str, str]]:
    return [
        ("mails in doubt", _counted(status.in_doubt, status)),
        ("campaigns held", _counted(status.held, status)),
        ("events to be published", _counted(status.unpublished, status)),
    ]


def _counted(count: int, status: Status) -> str:
    return f"{count} or more" if count >= status.counted_up_to else str(count)
