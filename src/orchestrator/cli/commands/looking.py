"""Commands for the dashboard: ``dashboard password``."""

from __future__ import annotations

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    dashboard = typer.Typer(cls=options.Group, help="Who may see the dashboard.")
    dashboard.command("password")(password)
    dashboard.callback()(group)
    app.add_typer(dashboard, name="dashboard")


def group() -> None:
    """Who may see the dashboard."""


def password(json: options.Json = False) -> None:
    """Turn a password into the hash that OUTREACH_DASHBOARD_PASSWORD_HASH holds.

    It is asked for twice on a terminal, and read from standard input otherwise.
    """
    from orchestrator.cli import looking

    looking.password(Output(json=json))
