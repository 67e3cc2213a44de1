"""Commands that decide what may leave: ``campaign hold|release|cancel``, ``batch``, ``tenant``, ``why``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; shown to whoever asks.")]
Label = Annotated[str, typer.Argument(metavar="LABEL", help="The import's label, as given with --batch.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    batch = typer.Typer(cls=options.Group, help="All campaigns of one import that have not been sent.")
    batch.command("hold")(hold_batch)
    batch.command("release")(release_batch)
    batch.command("cancel")(cancel_batch)
    app.add_typer(batch, name="batch")
    tenant = typer.Typer(cls=options.Group, help="What is decided for a tenant as a whole.")
    tenant.command("show")(show_tenant)
    tenant.command("set")(set_tenant)
    tenant.command("describe")(describe_tenant)
    app.add_typer(tenant, name="tenant")
    app.command()(why)


def register_campaign(group: typer.Typer) -> None:
    """Add the commands about one campaign to ``campaign``."""
    group.command()(hold)
    group.command()(release)
    group.command()(cancel)
    group.command()(consent)


def hold(
    campaign: options.CampaignId,
    reason: Reason = "held by a person",
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Keep a campaign from going out by itself, until it is released."""
    from orchestrator.cli import scheduling

    scheduling.hold(campaign, tenant, reason, Output(json=json, quiet=quiet))


def release(
    campaign: options.CampaignId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """End a hold, whatever it was for: the campaign goes out at its time, or now."""
    from orchestrator.cli import scheduling

    scheduling.release(campaign, tenant, Output(json=json, quiet=quiet))


def cancel(
    campaign: options.CampaignId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Call a campaign off that has not been sent."""
    from orchestrator.cli import scheduling

    scheduling.cancel(campaign, tenant, Output(json=json, quiet=quiet))


def consent(
    campaign: options.CampaignId,
    basis: Annotated[
        str,
        typer.Option(
            "--basis",
            metavar="BASIS",
            help="express, existing_customer, inquiry, referral_with_permission, published_business_contact"
            " or none_cold.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="TEXT", help="Where that is known from: a form, a contract, a date."),
    ] = None,
    country: Annotated[
        str | None, typer.Option("--country", metavar="CODE", help="Where the owner lives, such as CA or DE.")
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Record why an owner may be written to; that ends a hold for a missing consent."""
    from orchestrator.cli import scheduling

    output = Output(json=json, quiet=quiet)
    scheduling.consent(campaign, tenant, output, basis=basis, source=source, country=country)


def hold_batch(
    label: Label,
    reason: Reason = "held by a person",
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
) -> None:
    """Keep what has not been sent of an import from going out by itself, until it is released."""
    from orchestrator.cli import scheduling

    scheduling.hold_batch(label, tenant, reason, Output(json=json))


def release_batch(label: Label, tenant: options.Tenant = options.DEFAULT_TENANT, json: options.Json = False) -> None:
    """End every hold in an import."""
    from orchestrator.cli import scheduling

    scheduling.release_batch(label, tenant, Output(json=json))


def cancel_batch(label: Label, tenant: options.Tenant = options.DEFAULT_TENANT, json: options.Json = False) -> None:
    """Call off what has not been sent of an import."""
    from orchestrator.cli import scheduling

    scheduling.cancel_batch(label, tenant, Output(json=json))


def show_tenant(tenant: options.Tenant = options.DEFAULT_TENANT, json: options.Json = False) -> None:
    """Show what is decided for a tenant: its pause, and its policy for mail that missed its time."""
    from orchestrator.cli import scheduling

    scheduling.show_tenant(tenant, Output(json=json))


def set_tenant(
    missed: Annotated[
        str | None,
        typer.Option("--missed", metavar="send|skip|hold", help="What becomes of mail that missed its time."),
    ] = None,
    after: Annotated[
        int | None, typer.Option("--after", metavar="SECONDS", help="When mail that is due has missed its time.")
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
) -> None:
    """Decide what becomes of a tenant's mail that missed its time; what is not given is as configured for all."""
    from orchestrator.cli import scheduling

    scheduling.set_tenant(tenant, missed, after, Output(json=json))


def describe_tenant(
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="What people call it.")] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", metavar="ZONE", help="Its clock, for example America/New_York.")
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
) -> None:
    """Say how a tenant is called and by which clock it lives; what is not given stays."""
    from orchestrator.cli import scheduling

    scheduling.describe_tenant(tenant, name, time_zone, Output(json=json))


def why(
    campaign: options.CampaignId, tenant: options.Tenant = options.DEFAULT_TENANT, json: options.Json = False
) -> None:
    """Say why a campaign has not gone out, or whether it will: every gate it passes, in order."""
    from orchestrator.cli import scheduling

    scheduling.why(campaign, tenant, Output(json=json))
