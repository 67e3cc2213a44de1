"""The work of ``template send``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from orchestrator import errors
from orchestrator.cli import session
from orchestrator.cli.deciding import person
from orchestrator.cli.output import Output
from orchestrator.domain.specimen import Specimen, SpecimenState

_SHOWN = ("state", "to_email", "subject", "sendgrid_message_id", "reason")


def send_test(
    to: str, tenant: str, campaign: str | None, sample: str | None, folder: Path | None, output: Output
) -> None:
    """Send a test mail and write what came of it.

    Raises:
        SendRejected, NotSent, SendInDoubt: As SendGrid answered.
        OrchestratorError: As `Operations.send_test` says; nothing was sent.
    """
    with session.opened() as orchestrator:
        send = orchestrator.operations.send_test
        sent = send(tenant, to, campaign_id=campaign, sample=sample, template_dir=folder, by=person())
    _require_accepted(sent)
    told = asdict(sent)
    if output.structured:
        output.document(told)
    else:
        output.rows("", _SHOWN, [tuple(told[name] for name in _SHOWN)])
    output.say(f"→ It is on its way to {sent.to_email}. No campaign has changed, and nothing is counted.")


def _require_accepted(sent: Specimen) -> None:
    if sent.state is SpecimenState.REJECTED:
        raise errors.SendRejected(f"SendGrid refused the test mail: {sent.reason}")
    if sent.state is SpecimenState.NOT_SENT:
        raise errors.NotSent(f"The test mail was not sent: {sent.reason}")
    if sent.state is not SpecimenState.ACCEPTED:
        raise errors.SendInDoubt(
            f"Nobody knows whether the test mail was sent: {sent.reason}",
            fix="Look into the mailbox. It is not sent again by itself, and no owner is concerned.",
        )
