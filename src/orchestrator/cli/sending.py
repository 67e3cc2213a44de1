"""The work of ``send`` and ``preview``."""

from __future__ import annotations

import tempfile
import webbrowser
from dataclasses import asdict
from pathlib import Path

from orchestrator import errors
from orchestrator.cli import session
from orchestrator.cli.output import Output


def send(campaign_id: str, tenant: str, output: Output) -> None:
    """Send one campaign and write what came of it.

    Raises:
        InvalidState: It was not sent because the address is suppressed, or the campaign was withdrawn.
        ComplianceError: The sender lacks what the law wants; the library would only warn.
        OrchestratorError: As `send_campaign` says.
    """
    with session.opened() as orchestrator:
        orchestrator.services.require_ready(by_itself=True)
        answer = orchestrator.send_campaign(campaign_id, tenant)
    if answer["status"] in ("suppressed", "withdrawn"):
        raise errors.InvalidState(
            f"Nothing was sent: the campaign is {answer['status']} ({answer.get('reason')}).",
            fix=f"`outreach campaign events {answer['campaign_id']}` tells how it came to that.",
        )
    if output.structured:
        output.document(answer)
    else:
        output.rows("", tuple(answer), [tuple(answer.values())])
    output.say(f"→ outreach campaign events {answer['campaign_id']}")


def preview(campaign_id: str, tenant: str, output: Output, *, html: bool, file: Path | None, browser: bool) -> None:
    """Write a campaign's mail, to standard output or a file, or show it in the browser.

    Raises:
        ValidationError, CampaignNotFound, TemplateError: As they say.
        ConfigurationError: The file cannot be written.
    """
    with session.opened() as orchestrator:
        campaign = orchestrator.get_campaign(campaign_id, tenant)
        if campaign is None:
            raise errors.CampaignNotFound(campaign_id)
        mail = orchestrator.services.composer.preview(campaign)
    part = mail.html if html else mail.text
    if file is not None or browser:
        path = _write(file or _beside(".html" if html else ".txt"), part)
        output.say(f"{mail.subject} → {path}")
        if browser:
            webbrowser.open(path.as_uri())
    elif output.structured:
        output.document(asdict(mail))
    else:
        output.say(f"[bold]Subject:[/] {mail.subject}\n")
        output.write(part)


def _beside(suffix: str) -> Path:
    """A file that outlives this process, because the browser reads it when we are gone."""
    return Path(tempfile.mkdtemp(prefix="outreach-preview-")) / f"mail{suffix}"


def _write(path: Path, text: str) -> Path:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise errors.ConfigurationError(
            f"{path} cannot be written: {problem.strerror}.", fix="Choose another file with -o."
        ) from None
    return path.resolve()
