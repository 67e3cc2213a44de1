"""``outreach chaos``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orchestrator import errors
from orchestrator.cli.chaos import report, supervisor, verdict
from orchestrator.cli.chaos.plan import BY_NAME, FAMILIES, Attack
from orchestrator.cli.chaos.stage import Stage, staged
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.output import Output, as_json


def families_of(faults: str) -> tuple[str, ...]:
    """Return the fault families that ``all``, ``none`` or a comma-separated list names. Raises `ValidationError`."""
    words = [word.strip() for word in faults.split(",") if word.strip() not in ("", "none")]
    named = tuple(dict.fromkeys(name for word in words for name in (FAMILIES if word == "all" else (word,))))
    if unknown := sorted(set(named) - FAMILIES.keys() - BY_NAME.keys()):
        raise errors.ValidationError(
            "faults", f"unknown: {', '.join(unknown)}", fix=f"There are: all, none, {', '.join(FAMILIES | BY_NAME)}."
        )
    return named


def run(ordered: Attack, databases: Sequence[str], output: Output) -> ExitCode:
    """Attack each database in turn (none: a temporary SQLite file), and say how it went.

    Raises:
        ConfigurationError: This is not Linux, or a database cannot be used.
        InvalidState: A database holds other campaigns.
    """
    if sys.platform != "linux":
        raise errors.ConfigurationError(
            "The attack needs Linux: only there do killed processes take their children along.",
            fix="Run it in a container or a virtual machine.",
        )
    found = [
        _run_on(dsn, _of_its_own(ordered, n, len(databases)), output) for n, dsn in enumerate(databases or (None,))
    ]
    ok = all(one["ok"] for one in found)
    if output.structured:
        output.document({"ok": ok, "runs": found})
    return ExitCode.OK if ok else ExitCode.CHECKS_FAILED


def _of_its_own(ordered: Attack, number: int, several: int) -> Attack:
    """Give each of several runs a folder of its own."""
    if ordered.keep is None or several < 2:
        return ordered
    return replace(ordered, keep=ordered.keep / str(number + 1))


def _run_on(dsn: str | None, ordered: Attack, output: Output) -> dict[str, Any]:
    with staged(ordered, dsn) as on:
        processes = "process" if ordered.kills == 1 else "processes"
        output.say(
            f"Killing {ordered.kills} {processes} while {ordered.campaigns} owners are written to, on {on.database}, "
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
