"""The work of ``doctor`` and ``resolve``."""

from __future__ import annotations

import getpass
from dataclasses import asdict

from orchestrator.cli import session
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.output import Output
from orchestrator.services.upkeep.doctor import Diagnosis, Level

_EXIT = {
    Level.OK: ExitCode.OK,
    Level.NOTE: ExitCode.OK,
    Level.PERSON: ExitCode.NEEDS_A_PERSON,
    Level.FAILED: ExitCode.CHECKS_FAILED,
}
_DOUBTS = ("message_id", "owner_email", "since", "state", "why", "campaign_id", "tenant_id")


def examine(output: Output) -> ExitCode:
    """Write what the doctor found; never fails for that."""
    with session.opened() as orchestrator:
        found = orchestrator.operations.doctor()
    if output.structured:
        output.document({"level": found.level, **asdict(found)})
        return _EXIT[found.level]
    rows = ((finding.level, finding.name, finding.detail) for finding in found.findings)
    output.rows("Checks", ("level", "check", "found"), rows)
    if found.in_doubt:
        output.write("")
        output.rows("Mails in doubt", _DOUBTS, _doubts(found))
    for finding in found.findings:
        if finding.fix is not None:
            output.say(f"→ {finding.name}: {finding.fix}")
    return _EXIT[found.level]


def _doubts(found: Diagnosis) -> list[tuple[object, ...]]:
    return [
        (
            doubt.message_id,
            doubt.owner_email,
            doubt.handed_at,
            "waits for you" if doubt.check_at is None else "looked into",
            "; ".join(filter(None, (doubt.cause, doubt.standing if doubt.standing != doubt.cause else None))),
            doubt.campaign_id,
            doubt.tenant_id,
        )
        for doubt in found.in_doubt
    ]


def resolve(message: str, decision: str, tenant: str | None, why: str | None, output: Output) -> None:
    """Decide about a mail in doubt. Raises `ValidationError`, `AttemptNotFound`, `InvalidState`."""
    with session.opened() as orchestrator:
        campaign = orchestrator.operations.resolve(message, decision, tenant, by=person(), why=why)
    told = {"campaign_id": campaign.id, "status": campaign.status, "due": campaign.next_send_at}
    if output.structured:
        output.document(told)
    else:
        output.rows("", tuple(told), [tuple(told.values())])
    output.say(f"→ outreach campaign events {campaign.id}")


def person() -> str | None:
    """Return the name of whoever runs this, for what is kept of a decision; None where nobody has one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return None
