"""Commands that stop and start all sending: ``pause``, ``resume``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output

OneTenant = Annotated[
    str | None, typer.Option("--tenant", metavar="UUID", help="Only this tenant; default: everything.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(pause)
    app.command()(resume)


def pause(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; shown wherever sending is missed.")],
    tenant: OneTenant = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Let no worker send anything more, until `outreach resume`; what is on its way still arrives."""
    from orchestrator.cli import pausing

    pausing.pause(reason, tenant, Output(json=json, quiet=quiet))


def resume(tenant: OneTenant = None, json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Let workers send again, whoever paused it: a person, SendGrid's refusal or its compliance team.

    A wait that SendGrid asked for (429, 503) ends too.
    """
    from orchestrator.cli import pausing

    pausing.resume(tenant, Output(json=json, quiet=quiet))
