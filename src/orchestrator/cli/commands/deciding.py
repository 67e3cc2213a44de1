"""Commands for whoever is called when something is wrong: ``doctor``, ``resolve``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(doctor)
    app.command()(resolve)


def doctor(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Look the installation over: database, counters, mails in doubt, duplicates, webhooks, pauses.

    Exit 8 when a person has to decide something, 9 when something is broken.
    """
    from orchestrator.cli import deciding

    raise typer.Exit(int(deciding.examine(Output(json=json, quiet=quiet))))


def resolve(
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="Id of the attempt, as `outreach doctor` shows it.")
    ],
    sent: Annotated[bool, typer.Option("--sent", help="SendGrid took it: the campaign is sent.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="It never arrived: send it again.")] = False,
    why: Annotated[
        str | None, typer.Option("--why", metavar="TEXT", help="What that rests on; kept in history.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="UUID", help="Whose it must be; default: whosever it is.")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Decide about a mail in doubt, after looking it up in SendGrid's Activity feed."""
    if sent == resend:
        raise typer.BadParameter("say either --sent or --resend", param_hint="--sent")
    from orchestrator.cli import deciding

    deciding.resolve(message, "sent" if sent else "resend", tenant, why, Output(json=json, quiet=quiet))
