"""Options that several commands share, worded once."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

#: The tenant of somebody who has only one, and the demo's.
DEFAULT_TENANT = "00000000-0000-4000-8000-000000000001"

Tenant = Annotated[
    str,
    typer.Option("--tenant", envvar="OUTREACH_TENANT", help="The tenant's UUID.", metavar="UUID", show_default=True),
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON document; errors become JSON on stderr.")]
JsonLines = Annotated[bool, typer.Option("--jsonl", help="Write one JSON document per line.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no hints.")]
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's UUID.")]


class Group(TyperGroup):
    """A command that only holds others: alone it shows its help, which is no error."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])
