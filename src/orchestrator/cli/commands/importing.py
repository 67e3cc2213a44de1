"""``import``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output


class Format(StrEnum):
    """What a file is written in."""

    AUTO = "auto"
    CSV = "csv"
    JSONL = "jsonl"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("import")(import_)


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV or JSONL file; - reads standard input.")],
    tenant: options.Tenant = options.DEFAULT_TENANT,
    format_: Annotated[Format, typer.Option("--format", help="auto: by the file's extension.")] = Format.AUTO,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Read a CSV column as a field; COLUMN= ignores it."),
    ] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Label for rows that carry none.")] = None,
    rejects: Annotated[
        Path | None, typer.Option("--errors", metavar="FILE", help="Write rejected rows to this CSV file, if any.")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Create a campaign per row. Running it again adds only what is missing.

    CSV: the first line names the columns; every value is text, so the ZIP
    code 02139 stays 02139.
      required  property_id, owner_email, line1, score, memo_url
      optional  owner_name, owner_name_format, line2, city, state, zip, beds,
                baths, sqft, year_built, scheduled_at, batch, greeting,
                country, consent_basis, consent_source, reason1_note,
                reason1_weight, reason1_direction … reason3_direction

    JSONL: one object per line.
      required  property_record, score_result, memo_url
      optional  scheduled_at, batch, context, greeting, country,
                consent_basis, consent_source

    Exit 6 when some rows were rejected; all others are imported.
    """
    from orchestrator.cli.imports import command

    job = command.Job(
        source=file, tenant=tenant, format=format_.value, mapping=map_ or [], batch=batch, rejects=rejects
    )
    raise typer.Exit(int(command.run(job, Output(json=json, quiet=quiet))))
