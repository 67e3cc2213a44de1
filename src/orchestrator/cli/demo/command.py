"""``outreach demo``."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, replace
from typing import Any

from orchestrator.cli.demo import browser, drive, show, verdict
from orchestrator.cli.demo.stage import BATCH, Play, Stage, ignored_configuration, staged
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.output import Output

#: Story seconds per real second, and seconds that events are gathered, when nobody watches.
CHECK_SPEED, CHECK_FLUSH = 120.0, 0.05
PATIENCE = 20.0  # seconds the show may take to fill the funnel; it takes about six


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
    on.mailbox.look_after({result.campaign.id for result in created if result.campaign})
    output.say(f" [green]✓[/] sample data       {len(created)} owners in public-record style, and you")
    output.say("")
    yours = on.write_to_you()
    on.wait_until(lambda: on.mail_of(yours) is not None, PATIENCE)
    mail = on.mail_of(yours)
    opening = not output.structured and browser.wanted() and browser.opened(on.inbox(mail))
    watch = Watch(on, output, yours)
    show.invitation(output, on, mail, opening=opening)

    answered: list[str | None] = []

    def over() -> bool:
        if not (on.everything_left() and bool(on.sandbox.settle(0.0)["settled"])):
            return False
        if not answered:
            answered.append(_one_answers(on, yours))
        return True

    show.follow(output, on, over, PATIENCE)
    if answered and answered[0]:
        output.say(f" [green]✓[/] one owner answered  outreach campaign show {answered[0]}")
        output.say("")
    if output.structured:
        output.document({**_addresses(on), "inbox": on.inbox(mail)})
    show.elsewhere(output, on)
    watch.everything()
    threading.Event().wait()


class Watch:
    """Tells in the terminal what the product records: of your own mail at once, of the others when the show is over.

    Args:
        on: The stage.
        output: Where to tell it.
        yours: The campaign whose owner is whoever watches.
    """

    def __init__(self, on: Stage, output: Output, yours: str) -> None:
        self._on, self._output, self._yours = on, output, yours
        self._everything = False
        on.orchestrator.subscribe("*", self._tell)

    def everything(self) -> None:
        """Tell of the sample's owners too from now on; the made-up ones have the overview."""
        self._everything = True

    def _tell(self, event: dict[str, Any]) -> None:
        campaign = event["data"].get("campaign_id")
        if campaign == self._yours:
            show.happened(self._output, event, "you")
        elif self._everything and (owner := self._owner(campaign)):
            show.happened(self._output, event, owner)

    def _owner(self, campaign: str | None) -> str | None:
        stored = campaign and self._on.orchestrator.get_campaign(campaign, self._on.tenant)
        return stored.owner_email if stored and stored.batch == BATCH else None


def _one_answers(on: Stage, yours: str) -> str | None:
    """Let the owner of the newest mail that was opened answer it, never you; return the campaign, or None."""
    reports = on.sandbox.truth()["campaigns"]
    opened = [
        message
        for message in on.sandbox.messages(limit=500)
        if reports[drive.campaign_of(message)]["status"] == "opened" and drive.campaign_of(message) != yours
    ]
    return drive.answer(on, opened[0]) if opened else None


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
