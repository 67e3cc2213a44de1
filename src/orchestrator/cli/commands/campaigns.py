"""Commands about campaigns: ``campaign list|show|events``, ``send``, ``preview``, ``stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.commands import scheduling
from orchestrator.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(cls=options.Group, help="Look at campaigns, hold them, call them off.")
    group.command("list")(list_)
    group.command()(show)
    group.command()(events)
    scheduling.register_campaign(group)
    app.add_typer(group, name="campaign")
    app.command()(send)
    app.command()(preview)
    app.command()(stats)


def list_(
    tenant: options.Tenant = options.DEFAULT_TENANT,
    status: Annotated[str | None, typer.Option("--status", help="Only those that have this status now.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Only those of this import.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    before: Annotated[
        str | None, typer.Option("--before", metavar="CAMPAIGN", help="Only older ones: the last id of a page.")
    ] = None,
    json: options.Json = False,
    jsonl: options.JsonLines = False,
    quiet: options.Quiet = False,
) -> None:
    """List campaigns, newest first."""
    from orchestrator.cli import reading

    output = Output(json=json, lines=jsonl, quiet=quiet)
    reading.list_campaigns(tenant, output, status=status, batch=batch, limit=limit, before=before)


def show(
    campaign: options.CampaignId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
) -> None:
    """Show everything that is known of one campaign."""
    from orchestrator.cli import reading

    reading.show_campaign(campaign, tenant, Output(json=json))


def events(
    campaign: options.CampaignId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    jsonl: options.JsonLines = False,
) -> None:
    """List what happened to a campaign, in the order it happened."""
    from orchestrator.cli import reading

    reading.list_events(campaign, tenant, Output(json=json, lines=jsonl))


def send(
    campaign: options.CampaignId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Send a campaign's mail now, whatever its schedule says. Never twice, and never to a suppressed address."""
    from orchestrator.cli import sending

    sending.send(campaign, tenant, Output(json=json, quiet=quiet))


def preview(
    campaign: options.CampaignId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    text: Annotated[bool, typer.Option("--text", help="The text part (the default).")] = False,
    html: Annotated[bool, typer.Option("--html", help="The HTML part.")] = False,
    file: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show the HTML part in the browser.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show a campaign's mail as it would go out now; nothing is sent and its opt-out link opts nobody out."""
    if text and html:
        raise typer.BadParameter("choose one of --text and --html", param_hint="--html")
    from orchestrator.cli import sending

    output = Output(json=json, quiet=quiet)
    sending.preview(campaign, tenant, output, html=html or (open_ and not text), file=file, browser=open_)


def stats(
    tenant: options.Tenant = options.DEFAULT_TENANT,
    batch: Annotated[str | None, typer.Option("--batch", help="The funnel of this import only.")] = None,
    json: options.Json = False,
) -> None:
    """Show campaigns by current status, and the funnel: how far they ever got, with the fraction of every rate."""
    from orchestrator.cli import reading

    reading.show_statistics(tenant, batch, Output(json=json))
