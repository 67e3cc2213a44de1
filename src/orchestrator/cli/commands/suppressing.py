"""``suppress``: whom nobody may write to, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output

What = Annotated[str, typer.Argument(metavar="WHAT", help="An address, a domain (example.com) or a property's UUID.")]
Kind = Annotated[
    str | None, typer.Option("--kind", metavar="address|domain|property", help="What WHAT is, where it is not plain.")
]
_REASONS = "bounce|unsubscribe|complaint|invalid|manual|soft_bounces|sold|wrong_person"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(cls=options.Group, help="Whom nobody may write to, and why.")
    group.command()(add)
    group.command()(remove)
    group.command("list")(list_entries)
    group.command()(check)
    group.command("import")(import_file)
    group.command("export")(export_file)
    group.command()(sync)
    app.add_typer(group, name="suppress")


def add(
    what: What,
    reason: Annotated[str, typer.Option("--reason", metavar=_REASONS, help="Why.")] = "manual",
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="Where this comes from.")] = "a person",
    kind: Kind = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Let nothing be sent to an address or a domain, or about a property, any more."""
    from orchestrator.cli.suppress import work

    work.add(tenant, what, reason, source, kind, Output(json=json, quiet=quiet))


def remove(
    what: What,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar=_REASONS, help="Only entries with this reason.")
    ] = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Why; it is kept for ever.")] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="The owner has expressly agreed again; needed for what an owner said.")
    ] = False,
    kind: Kind = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Take entries back, and let go out what nothing else stops. A complaint is never taken back."""
    from orchestrator.cli.suppress import work

    output = Output(json=json, quiet=quiet)
    work.remove(tenant, what, output, kind=kind, reason=reason, why=why, consent=consent)


def list_entries(
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="address|domain|property", help="Only entries of this kind.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar=_REASONS, help="Only entries with this reason.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="Entries to show.", min=1, max=10_000)] = 100,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on behind this place.")] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    jsonl: options.JsonLines = False,
) -> None:
    """Show the list, a page at a time."""
    from orchestrator.cli.suppress import work

    output = Output(json=json, lines=jsonl)
    work.list_entries(tenant, output, kind=kind, reason=reason, limit=limit, after=after)


def check(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address.")],
    property_id: Annotated[
        str | None, typer.Option("--property", metavar="UUID", help="About which property it would be.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 9 when it must not be written to, for scripts.")
    ] = False,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
) -> None:
    """Say whether we would write to an address, and why not."""
    from orchestrator.cli.failures import ExitCode
    from orchestrator.cli.suppress import work

    allowed = work.check(tenant, address, property_id, Output(json=json))
    raise typer.Exit(int(ExitCode.CHECKS_FAILED if exit_code and not allowed else ExitCode.OK))


def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV with a header, or one per line; - for stdin.")],
    reason: Annotated[
        str | None, typer.Option("--reason", metavar=_REASONS, help="The reason of every row; default: its own.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="TEXT", help="Where this comes from; default: the file's name.")
    ] = None,
    errors: Annotated[Path | None, typer.Option("--errors", metavar="FILE", help="Write rejected rows here.")] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put the addresses, domains and properties of a file on the list; doing it again changes nothing."""
    from orchestrator.cli.suppress import files

    job = files.Job(source=file, tenant=tenant, reason=reason, origin=source, rejects=errors)
    raise typer.Exit(int(files.import_file(job, Output(json=json, quiet=quiet))))


def export_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - for stdout.")] = "-",
    tenant: options.Tenant = options.DEFAULT_TENANT,
    jsonl: options.JsonLines = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the whole list down as CSV, to be taken in elsewhere."""
    from orchestrator.cli.suppress import files

    files.export_file(tenant, file, Output(lines=jsonl, quiet=quiet))


def sync(
    names: Annotated[
        list[str] | None, typer.Option("--list", metavar="NAME", help="Only this one of SendGrid's lists; repeatable.")
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    jsonl: options.JsonLines = False,
    quiet: options.Quiet = False,
) -> None:
    """Take over SendGrid's own lists: bounces, invalid addresses, spam reports, unsubscribes."""
    from orchestrator.cli.suppress import work

    work.sync(tenant, names or [], Output(json=json, lines=jsonl, quiet=quiet))
