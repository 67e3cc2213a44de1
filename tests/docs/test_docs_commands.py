"""Every command that the documentation names can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from orchestrator.cli.application import app
from tests.docs import pages
from tests.docs.pages import ROOT

_INLINE = re.compile(r"`((?:\./dev run )?outreach(?: [^`]+)?|\./dev [^`]+)`")
_WORD = re.compile(r"[a-z][a-z-]*")


def mentioned(page: Path) -> list[str]:
    """Command lines of `outreach` and `./dev`, from shell blocks and from the running text."""
    shell = re.sub(r"<<'(\w+)'\n.*?\n\1$", "", "\n".join(b.code for b in pages.blocks(page, "sh")), flags=re.S | re.M)
    lines = [line.split("#")[0].strip() for line in shell.splitlines()]
    found = [line for line in lines if line.startswith(("outreach", "./dev"))]
    return found + _INLINE.findall(pages.prose(page))


def unknown_parts(line: str) -> Iterator[str]:
    """Subcommands and options of an `outreach` command line that do not exist."""
    command: Any = get_command(app)
    for word in shlex.split(line)[1:]:
        if word.startswith("-"):
            known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
            if word not in known:
                yield word
        elif hasattr(command, "commands") and _WORD.fullmatch(word):
            if word not in command.commands:
                yield word
                return
            command = command.commands[word]


@pytest.mark.parametrize("page", pages.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_named_exists(page: Path):
    jobs = subprocess.run(["./dev", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    wrong = []
    for line in mentioned(page):
        line = line.removeprefix("./dev run ")
        if line.startswith("./dev"):
            job = line.split()[1]
            wrong += [line] if f"\n  {job} " not in jobs else []
        elif line.startswith("outreach"):
            wrong += [f"{line}: {part}" for part in unknown_parts(line)]
    assert not wrong


def test_the_pages_do_name_commands():
    assert sum(len(mentioned(page)) for page in pages.pages()) > 40
