"""Commands that prepare and look over an installation: ``template``, ``db``, ``config``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    template = typer.Typer(cls=options.Group, help="Your own mail templates.")
    template.command()(eject)
    template.command()(check)
    template.command("send")(send_test)
    app.add_typer(template, name="template")
    db = typer.Typer(cls=options.Group, help="The database.")
    db.command()(upgrade)
    db.command()(current)
    db.command()(adopt)
    app.add_typer(db, name="db")
    config = typer.Typer(cls=options.Group, help="The configuration.")
    config.command("show")(show_config)
    app.add_typer(config, name="config")


def eject(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to copy the shipped templates to.")],
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Copy the shipped templates into a folder, for editing."""
    from orchestrator.cli import installation

    installation.eject_templates(directory, force, Output(json=json, quiet=quiet))


def check(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder of templates; default: the configured one.")
    ] = None,
    folder: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="The same, as an option.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Make a mail for every combination of data: thousands, half a minute.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check templates: that they render, and that every mail they make keeps the rules. Exit 9 when one does not."""
    from orchestrator.cli import gate

    raise typer.Exit(int(gate.check_templates(folder or directory, full, Output(json=json, quiet=quiet))))


def send_test(
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="A colleague's address.")],
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="CAMPAIGN", help="Whose records the mail is written from.")
    ] = None,
    sample: Annotated[
        str | None, typer.Option("--sample", metavar="NAME", help="A made-up mail; default: `sample`.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--template", metavar="DIR", help="Folder of templates; default: the configured one.")
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Send a test mail to a colleague. It belongs to no campaign, and nothing is counted from it."""
    from orchestrator.cli import specimens

    specimens.send_test(to, tenant, campaign, sample, folder, Output(json=json, quiet=quiet))


def upgrade(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Bring the database to the current schema; safe at any time, and from several processes at once."""
    from orchestrator.cli import installation

    installation.upgrade_database(Output(json=json, quiet=quiet))


def current(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Show which schema the database has. Exit 3 when it is not the current one."""
    from orchestrator.cli import installation

    raise typer.Exit(int(installation.show_revision(Output(json=json, quiet=quiet))))


def adopt(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Let a database that was cloned, restored or moved send by itself from now on."""
    from orchestrator.cli import installation

    installation.adopt_database(Output(json=json, quiet=quiet))


def show_config(
    sources: Annotated[bool, typer.Option("--sources", help="Also show where each value comes from.")] = False,
    json: options.Json = False,
) -> None:
    """Show every setting in use; secrets are masked."""
    from orchestrator.cli import installation

    installation.show_configuration(Output(json=json), sources=sources)
