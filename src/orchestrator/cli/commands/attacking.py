"""The command that attacks: ``chaos``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(chaos)


def chaos(
    database: Annotated[
        list[str] | None,
        typer.Option("--database", metavar="URL", help="Database; repeatable. Default: a temporary SQLite file."),
    ] = None,
    kills: Annotated[int, typer.Option("--kills", min=0, help="Processes to kill.")] = 100,
    campaigns: Annotated[
        int | None, typer.Option("--campaigns", min=1, help="Owners to write to; default: 20 per kill.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides who is killed where, and which faults come when.")] = 7,
    faults: Annotated[
        str, typer.Option("--faults", metavar="NAMES", help="all, none, or names separated by commas.")
    ] = "all",
    withhold_evidence: Annotated[
        bool, typer.Option("--withhold-evidence", help="Let no webhook arrive, ever: what is in doubt must be held.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep database, logs and books in this folder.")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Kill workers while a simulated SendGrid fails in every way it can, then prove that each owner was mailed once.

    Configuration and live keys are ignored; no email leaves the machine.
    Exit 0 when there is no duplicate, no loss and nothing undecided, else 9.
    """
    from orchestrator.cli.chaos import command
    from orchestrator.cli.chaos.plan import Attack

    ordered = Attack(
        kills=kills,
        campaigns=campaigns or 20 * max(kills, 5),
        seed=seed,
        families=command.families_of(faults),
        withhold=withhold_evidence,
        keep=keep,
    )
    raise typer.Exit(int(command.run(ordered, database or [], Output(json=json, quiet=quiet))))
