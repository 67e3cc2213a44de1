"""``outreach demo``."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, replace
from typing import Any

from orchestrator.cli.demo import drive, show, verdict
from orchestrator.cli.demo.stage import Play, Stage, ignored_configuration, staged
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.output import Output

#: Story seconds per real second, and seconds that events are gathered, when nobody watches.
CHECK_SPEED, CHECK_FLUSH = 120.0, 0.05
PATIENCE = 60.0  # seconds the show may take to fill the funnel; it takes about six


def run(play: Play, output: Output, *, check: bool) -> ExitCode:
    """Run the demo until Ctrl-C, or once and headless with `check`."""
    show.headline(output, ignored_configuration())
    if check:
        return _check(replace(play, speed=CHECK_SPEED, flush=CHECK_FLUSH), output)
    try:
        with staged(play) as on:
            _perform(on, play, output)
    except KeyboardInterrupt:
        kept = f"The database is in {play.keep}." if play.keep else "Everything it made is deleted."
        output.say(f"\n Stopped. {kept}")
    return ExitCode.OK


def _perform(on: Stage, play: Play, output: Output) -> None:
    show.scenery(output, on, keep=play.keep is not None)
    created = on.import_sample()
    output.say(f" [green]✓[/] sample data       {len(created)} owners in public-record style")
    output.say("")

    def quiet() -> bool:
        return on.everything_left() and bool(on.sandbox.settle(0.0)["settled"])

    show.follow(output, on, quiet, PATIENCE)
    _one_answers(on, output)
    if output.structured:
        output.document(_addresses(on))
    show.your_turn(output, on)
    threading.Event().wait()


def _one_answers(on: Stage, output: Output) -> None:
    """Let the owner of the newest mail that was opened answer it, so that there is a reply to look at."""
    reports = on.sandbox.truth()["campaigns"]
    opened = [m for m in on.sandbox.messages(limit=500) if reports[drive.campaign_of(m)]["status"] == "opened"]
    if opened:
        campaign = drive.answer(on, opened[0])
        output.say(f" [green]✓[/] one owner answered  outreach campaign show {campaign}")
        output.say("")


def _addresses(on: Stage) -> dict[str, Any]:
    funnel = on.orchestrator.get_funnel(on.tenant)
    return {
        "service": on.url,
        "sandbox": on.sandbox_url,
        "db_dsn": on.dsn,
        "tenant": on.tenant,
        "statistics": on.statistics(),
        "funnel": funnel.counts,
    }


def _check(play: Play, output: Output) -> ExitCode:
    began = time.monotonic()
    with staged(play) as on:
        rows = verdict.judge(on, drive.drive(on))
    ok = all(row.ok for row in rows)
    seconds = round(time.monotonic() - began, 1)
    if output.structured:
        output.document({"ok": ok, "seconds": seconds, "checks": [asdict(row) | {"ok": row.ok} for row in rows]})
    else:
        marks = {True: "✓", False: "✗"}
        columns = ("", "about", "number", "expected", "found")
        output.rows("", columns, ((marks[row.ok], row.group, row.name, row.expected, row.found) for row in rows))
    wrong = sum(not row.ok for row in rows)
    color, told = ("green", "all equal the truth") if ok else ("red", f"{wrong} differ from the truth")
    output.say(f"[{color}]{len(rows)} numbers compared in {seconds} s, {told}.[/]")
    return ExitCode.OK if ok else ExitCode.CHECKS_FAILED
