"""Writes docs/state-machine.md from the table in `orchestrator.domain.lifecycle`: python -m docs.state_machine."""

from __future__ import annotations

from pathlib import Path

from orchestrator.domain import lifecycle
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.events import Fact

PAGE = Path(__file__).with_name("state-machine.md")

INTRODUCTION = """\
# The state machine

Generated from `src/orchestrator/domain/lifecycle.py` by `python -m docs.state_machine`; a test compares the two.

A campaign's status is the highest rank among the facts that count. Facts come late, twice and out of order, so the
order in which they arrive never matters; each leaves its own time, and the earliest wins. Facts up to rank 5 count for
the latest attempt of each step, so that late news of a first attempt cannot fail a second one; from rank 6 on they
count from any attempt. A time earlier than a day before the campaign was created, or later than a day after the event
arrived, is replaced by the time of arrival.
"""

COMMANDS = """\
Commands may be refused, and then raise `InvalidState`; facts never are.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, _ranks(), _facts(), _transitions(), _commands()])


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _ranks() -> str:
    rows = [[str(lifecycle.RANK[status]), f"`{status}`"] for status in sorted(OutreachStatus, key=lifecycle.RANK.get)]
    return "## Ranks\n\n" + _table(["rank", "status"], rows)


def _facts() -> str:
    rows = []
    for fact in Fact:
        rule = lifecycle.RULES[fact]
        stamps = ", ".join(f"`{name}`" for name in rule.stamps) or "none"
        suppresses = f"suppresses the address ({rule.suppresses})" if rule.suppresses else ""
        proves = "yes" if rule.evidence else "no"
        rows.append([f"`{fact}`", f"`{rule.status}`" if rule.status else "–", stamps, proves, suppresses])
    header = ["fact", "argues for", "times it sets", "proves that the mail left", "effect"]
    return "## Facts\n\n" + _table(header, rows)


def _transitions() -> str:
    rows = []
    for status in OutreachStatus:
        moved = (lifecycle.transition(status, fact) for fact in Fact)
        rows.append([f"**{status}**", *("·" if to is status else str(to) for to in moved)])
    title = "## Status × fact\n\nA dot means: stays as it is.\n\n"
    return title + _table(["status", *(f"{fact}" for fact in Fact)], rows)


def _commands() -> str:
    rows = [
        [f"`{command}`", ", ".join(f"`{s}`" for s in OutreachStatus if s in lifecycle.ALLOWED[command])]
        for command in lifecycle.Command
    ]
    return f"## Commands\n\n{COMMANDS}\n" + _table(["command", "allowed from"], rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
