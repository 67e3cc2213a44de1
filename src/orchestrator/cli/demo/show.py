"""What a person sees of the demo, on standard error."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.cli.demo import browser, stage
from orchestrator.cli.output import Output, person
from orchestrator.cli.version import version

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.cli.demo.stage import Stage
    from orchestrator.services.looking.statistics import Funnel

_BAR = 24
_COLOR = "cyan"
#: label: (count, what it is a share of)
_ROWS = {
    "Targeted": ("targeted", None),
    "Sent": ("sent", "targeted"),
    "Delivered": ("delivered", "sent"),
    "Engaged": ("engaged", "delivered"),
    "  opened": ("opened", "delivered"),
    "  clicked": ("clicked", "delivered"),
    "Responded": ("responded", "delivered"),
    "Bounced": ("bounced", "sent"),
    "Unsubscribed": ("unsubscribed", "delivered"),
    "Complained": ("complained", "delivered"),
    "Failed": ("failed", "targeted"),
}


def headline(output: Output, ignored: list[str]) -> None:
    """Say what this is, and what has no say in it."""
    output.say(f"[bold]outreach {version()} · demo · SANDBOX[/] — no email leaves this machine")
    if ignored:
        output.say(f" [yellow]ignored here:[/] {', '.join(ignored)} (the demo uses its own sandbox and nothing live)")


def scenery(output: Output, on: Stage, keep: bool) -> None:
    """Say what is running."""
    fate = "kept" if keep else "temporary"
    output.say(f" [green]✓[/] database          {on.directory / 'outreach.db'} ({fate})")
    output.say(f" [green]✓[/] service + worker  {on.url}")
    output.say(f" [green]✓[/] sandbox           {on.sandbox_url} (a SendGrid of its own)")


def funnel_table(funnel: Funnel) -> Table:
    """Return the funnel as a table with bars; every share is shown with its fraction."""
    table = Table.grid(padding=(0, 2))
    for label, (name, of) in _ROWS.items():
        count, whole = funnel.counts[name], funnel.counts[of] if of else funnel.counts[name]
        bar = ProgressBar(
            total=max(whole, 1), completed=count, width=_BAR, complete_style=_COLOR, finished_style=_COLOR
        )
        share = f"{count}/{whole} {of}" if of else ""
        percent = f"{count / whole:>4.0%}" if of and whole else ""
        table.add_row(
            Text(f" {label}"), Text(str(count), justify="right"), bar, Text(percent), Text(share, style="dim")
        )
    machines = funnel.counts["machine_opened"]
    table.add_row(
        Text(" Opened by a machine"), Text(str(machines)), "", "", Text("never counted as opened", style="dim")
    )
    return table


def follow(output: Output, on: Stage, done: Callable[[], bool], timeout: float) -> None:
    """Show the funnel filling up until `done`."""
    deadline = time.monotonic() + timeout

    def look() -> RenderableType:
        counts = on.statistics()
        total, waiting = sum(counts.values()), counts.get("scheduled", 0)
        bar = ProgressBar(
            total=max(total, 1), completed=total - waiting, width=_BAR, complete_style=_COLOR, finished_style=_COLOR
        )
        held = on.orchestrator.desk.waiting(on.tenant)["held"]
        aside = f"{held} held: an estate" if held else ""
        line = Table.grid(padding=(0, 1))
        line.add_row(" Sending", bar, f"{total - waiting}/{total}", Text(aside, style="dim"))
        return Group(line, "", funnel_table(on.orchestrator.get_funnel(on.tenant)), "")

    if not output.animated:
        on.wait_until(done, timeout)
        if not (output.quiet or output.structured):
            person().print(look())
        return
    with Live(look(), console=person(), auto_refresh=False) as live:
        while time.monotonic() < deadline and not on.wait_until(done, 0.2):
            live.update(look(), refresh=True)
        live.update(look(), refresh=True)


def invitation(output: Output, on: Stage, mail: str | None, *, opening: bool) -> None:
    """Say that a mail is waiting, where it is, and how to get there."""
    output.say("[bold] Your turn — one mail is waiting for you:[/]")
    output.say(f"  1  open it          {on.inbox(mail)}{'   (opening in your browser)' if opening else ''}")
    output.say("  2  click the button in it")
    output.say("  3  reply            and watch the right-hand strip")
    output.say(f"  results             {on.url}/t/{on.tenant}")
    if browser.remote():
        output.say(" You are here over SSH. On the machine you sit at, run")
        output.say(f"  {browser.tunnel(on.url)}")
        output.say(" and open the same address there.")
    output.say("")


def happened(output: Output, event: Mapping[str, Any], who: str) -> None:
    """Say in one line what the product has just recorded."""
    moment = datetime.now().astimezone().strftime("%H:%M:%S")  # the watcher's own clock
    words = str(event["type"]).removeprefix("event.outreach.").replace("_", " ").replace(".", " ")
    output.say(f" {moment}  {escape(words):<12} {escape(who)}")


def elsewhere(output: Output, on: Stage) -> None:
    """Say what else can be looked at and tried now."""
    output.say(" Behind the pages:")
    output.say(f"  mails    {on.sandbox_url}/sandbox/api/messages")
    output.say(f"  health   {on.url}/readyz?verbose")
    output.say(f"  metrics  {on.url}/metrics")
    output.say(" In another terminal:")
    output.say(f"  export DB_DSN={shlex.quote(on.dsn)}")
    output.say(f"  {_program()} stats")
    output.say(f"  {_program()} campaign list --batch {stage.BATCH}")
    output.say(f"  {_program()} reply list")
    output.say(" Ctrl-C stops and cleans up.")


def _program() -> str:
    """The command that runs this program in another terminal, which may have no environment activated."""
    found = shutil.which(sys.argv[0])
    if not found:
        return "outreach"
    near = os.path.join(".venv", "bin", "outreach")
    return near if os.path.exists(near) and os.path.samefile(near, found) else shlex.quote(os.path.abspath(found))
