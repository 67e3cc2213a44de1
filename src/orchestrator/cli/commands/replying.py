"""Commands about what owners answered: ``reply list|show|label|release|assign``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output

ReplyId = Annotated[str, typer.Argument(metavar="REPLY", help="The reply's UUID, as `outreach reply list` shows it.")]
Whose = Annotated[
    str | None, typer.Option("--tenant", metavar="UUID", help="Whose it must be; default: whosever it is.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(cls=options.Group, help="Read what owners answered, and say what it means.")
    group.command("list")(list_)
    group.command()(show)
    group.command()(label)
    group.command()(release)
    group.command()(assign)
    app.add_typer(group, name="reply")


def list_(
    tenant: options.Tenant = options.DEFAULT_TENANT,
    unmatched: Annotated[
        bool, typer.Option("--unmatched", help="What came in and belongs to no campaign, of any tenant.")
    ] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that a person has to read: no rule settles them.")
    ] = False,
    label: Annotated[str | None, typer.Option("--label", help="Only those with this label now.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only human, automatic, bounce, receipt, complaint or opt_out mail.")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Instead, how each rule judged and how often people corrected it.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    before: Annotated[
        str | None, typer.Option("--before", metavar="REPLY", help="Only older ones: the last id of a page.")
    ] = None,
    json: options.Json = False,
    jsonl: options.JsonLines = False,
    quiet: options.Quiet = False,
) -> None:
    """List replies, newest first."""
    from orchestrator.cli import replying

    output = Output(json=json, lines=jsonl, quiet=quiet)
    if summary:
        replying.summarize(None if unmatched else tenant, output)
        return
    chosen = replying.Choice(waiting=waiting, label=label, kind=kind, before=before)
    replying.list_replies(None if unmatched else tenant, output, chosen, limit)


def show(reply: ReplyId, tenant: Whose = None, json: options.Json = False) -> None:
    """Show one reply: what is new in it first, why it was judged so, then the whole mail."""
    from orchestrator.cli import replying

    replying.show(reply, tenant, Output(json=json))


def label(
    reply: ReplyId,
    label: Annotated[
        str,
        typer.Argument(
            metavar="LABEL",
            help="opt_out, not_interested, sold, wrong_person, legal, question, interested or other.",
        ),
    ],
    tenant: Whose = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what a reply really says. It acts: opt_out suppresses the owner's address at once."""
    from orchestrator.cli import replying

    replying.label(reply, label, tenant, Output(json=json, quiet=quiet))


def release(reply: ReplyId, tenant: Whose = None, json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Note that a reply has been read: the owner's other mail may go out again."""
    from orchestrator.cli import replying

    replying.release(reply, tenant, Output(json=json, quiet=quiet))


def assign(
    reply: ReplyId,
    campaign: options.CampaignId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Give a mail that belongs to nobody to the campaign it answers; it acts as if it had been found."""
    from orchestrator.cli import replying

    replying.assign(reply, campaign, tenant, Output(json=json, quiet=quiet))
