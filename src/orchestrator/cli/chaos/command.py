"""``outreach chaos``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator import errors
from orchestrator.cli.chaos import report, supervisor, verdict
from orchestrator.cli.chaos.plan import DEAFENING, FAMILIES, Attack
from orchestrator.cli.chaos.stage import Stage, staged
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.output import Output, as_json


def families_of(faults: str) -> tuple[str, ...]:
    """Return the fault families that ``all``, ``none`` or a comma-separated list names. Raises `ValidationError`."""
    if faults == "all":
        return tuple(FAMILIES)
    named = tuple(name.strip() for name in faults.split(",") if name.strip() and faults != "none")
    if unknown := sorted(set(named) - FAMILIES.keys() - DEAFENING.keys()):
        raise errors.ValidationError(
            "faults", f"unknown: {', '.join(unknown)}", fix=f"There are: all, none, {', '.join(FAMILIES | DEAFENING)}."
        )
    return named


def run(ordered: Attack, databases: Sequence[str], output: Output) -> ExitCode:
    """Attack each database in turn (none: a temporary SQLite file), and say how it went.

    Raises:
        ConfigurationError, InvalidState: A database cannot be used for this.
    """
    found = [_run_on(dsn, ordered, output) for dsn in databases or (None,)]
    ok = all(one["ok"] for one in found)
    if output.structured:
        output.document({"ok": ok, "runs": found})
    return ExitCode.OK if ok else ExitCode.CHECKS_FAILED


def _run_on(dsn: str | None, ordered: Attack, output: Output) -> dict[str, Any]:
    with staged(ordered, dsn) as on:
        output.say(
            f"Killing {ordered.kills} processes while {ordered.campaigns} owners are written to, on {on.database}, "
            f"seed {ordered.seed}. Nothing leaves this machine."
        )
        course = supervisor.attack(ordered, on)
        truth = on.provider.truth()
        published = [event for path in on.published() for event in verdict.read_lines(path)]
        found = verdict.judge(on.orchestrator, on.importer.created, truth, published, withheld=ordered.withhold)
        told = report.document(ordered, course, found, on.database)
        if ordered.keep is not None:
            _keep(on, truth, told, course.toll.story)
    if not output.structured:
        report.tell(output, told)
    return told


def _keep(on: Stage, truth: dict[str, Any], told: dict[str, Any], story: Sequence[str]) -> None:
    """Write the books of both sides down, and everything the store knows of the guilty."""
    tenants = {campaign: tenant for tenant, campaign in on.importer.created}
    guilty = {id_: verdict.evidence(on.orchestrator, (tenants[id_], id_)) for id_ in told["guilty"]}
    for name, content in (("truth", truth), ("report", told), ("guilty", guilty), ("story", story)):
        (on.site.directory / f"{name}.json").write_text(as_json(content, indent=True), encoding="utf-8")
