"""What the documentation prints works as printed."""

from __future__ import annotations

import code
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from orchestrator import OutreachOrchestrator
from orchestrator.repository import OutreachRepository
from orchestrator.sandbox import Sandbox, SandboxServer
from tests.docs import pages
from tests.docs.pages import DOCS, ROOT, SKETCH

RUN = [
    ROOT / "README.md",
    *(
        DOCS / f"{name}.md"
        for name in ("quickstart", "configuration", "webhooks", "sending", "events", "errors", "sandbox")
    ),
]


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(Sandbox()) as running:
        yield running


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    """What the blocks of one page share; whatever they opened and left open is closed."""
    shared: dict[str, Any] = {"__name__": "documentation"}
    yield shared
    opened = list(shared.values())
    for each in opened:
        if isinstance(each, OutreachOrchestrator):
            each.close()
            each.repository.close()
    for each in opened:
        if isinstance(each, OutreachRepository):
            each.close()


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_every_python_block_of_a_page_runs_from_top_to_bottom(
    page: Path,
    dsn: str,
    server: SandboxServer,
    names: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """With the variables that the page itself tells its reader to export; only addresses are this test's own."""
    monkeypatch.chdir(tmp_path)
    for name, value in pages.exports(page).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DB_DSN", dsn)
    monkeypatch.setenv("OUTREACH_SENDGRID_URL", server.url)
    run = [block for block in pages.blocks(page, "python") if not block.code.startswith(SKETCH)]
    for block in run:
        # Line numbers of the page, so that a traceback points into it.
        code = "\n" * (block.line - 1) + block.code
        exec(compile(code, str(page), "exec"), names)
    assert run


def test_the_readme_sends_one_mail_and_counts_it(
    dsn: str,
    server: SandboxServer,
    names: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    for name, value in {
        **pages.exports(ROOT / "README.md"),
        "DB_DSN": dsn,
        "OUTREACH_SENDGRID_URL": server.url,
    }.items():
        monkeypatch.setenv(name, value)
    (block,) = pages.blocks(ROOT / "README.md", "python")
    exec(compile(block.code, "README.md", "exec"), names)
    (message,) = server.sandbox.messages()
    printed = capsys.readouterr().out
    assert message.x_message_id in printed
    assert "'sent': 1" in printed


def test_the_readme_first_shows_the_two_commands_and_nothing_else():
    first = pages.blocks(ROOT / "README.md")[0]
    commands = [line.split("#")[0].strip() for line in first.code.splitlines()]
    assert [command for command in commands if command] == ["./dev demo", "./dev test"]


class Prompt(code.InteractiveConsole):
    """Python's prompt, which takes a line at a time; it compiles and runs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def runcode(self, code: CodeType) -> None:
        pass

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        self.wrong.append("\n".join(self.buffer))


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_every_python_block_can_be_pasted_into_pythons_prompt(page: Path):
    """The prompt ends a compound statement at a blank line, so each has one after it and none within."""
    prompt = Prompt()
    for block in pages.blocks(page, "python"):
        for line in [*block.code.splitlines(), ""]:
            prompt.push(line)
    assert not prompt.wrong


@pytest.mark.parametrize("page", pages.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_block_at_least_compiles(page: Path):
    for block in pages.blocks(page, "python"):
        compile("\n" * (block.line - 1) + block.code, str(page), "exec")
    assert pages.text_of(page).startswith("# ")
