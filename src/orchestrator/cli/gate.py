"""The work of ``template check``."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli import session
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.output import Output
from orchestrator.rendering import Renderer, gate
from orchestrator.services.looking.templating import own_domains


def check_templates(directory: Path | None, full: bool, output: Output) -> ExitCode:
    """Write what is wrong with templates, each finding with its place and its reason.

    Args:
        directory: Folder of templates; None: the configured one, else the shipped templates.
        full: Try every combination instead of representatives.
        output: Where to write.

    Returns:
        `CHECKS_FAILED` when a rule that fails is broken.

    Raises:
        ConfigurationError: The configuration cannot be read.
    """
    configured = session.load_settings()
    chosen = directory or configured.template_dir
    if full:
        output.say("Making every mail there can be; this takes about half a minute.")
    report = gate.check(Renderer(chosen), full=full, own_domains=own_domains(configured))
    if output.structured:
        output.document(_as_json(report))
    for finding in report.findings:
        if not output.structured:
            output.write(_told(finding, report.mails))
    where = str(chosen) if chosen else "the shipped templates"
    _sum_up(report, where, output)
    return ExitCode.OK if report.ok else ExitCode.CHECKS_FAILED


def _as_json(report: gate.Report) -> dict[str, object]:
    return {
        "ok": report.ok,
        "mails": report.mails,
        "largest_html": report.largest,
        "findings": [finding.as_json() for finding in report.findings],
    }


def _told(finding: gate.Finding, made: int) -> str:
    lines = [str(finding), f"    why: {finding.rule.why}"]
    if 0 < finding.mails < made:
        lines.append(f"    in {finding.mails} of {made} mails, first with: {finding.mail}")
    return "\n".join(lines) + "\n"


def _sum_up(report: gate.Report, where: str, output: Output) -> None:
    failed = sum(finding.rule.severity is gate.Severity.FAIL for finding in report.findings)
    warned = len(report.findings) - failed
    made = (
        f" {report.mails:,} mails made, the largest HTML part {report.largest / 1000:.1f} kB." if report.mails else ""
    )
    if failed:
        output.say(f"[red]{failed} to correct, {warned} to consider[/] in {where}.{made}")
    elif warned:
        output.say(f"[yellow]{warned} to consider[/] in {where}.{made}")
    else:
        output.say(f"[green]✓[/] {where}: nothing wrong.{made}")
