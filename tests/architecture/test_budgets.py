"""Sizes that keep the package readable: nobody has to hold more than a page in mind."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "orchestrator"
SOURCES = sorted(PACKAGE.rglob("*.py"))
# A migration is one list of statements in the order they ran; cutting it up would hide that order.
MIGRATIONS = PACKAGE / "repository" / "migrations" / "versions"
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
# Words for "I did not find a name"; a module is called after what it knows.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_measure():
    assert len(SOURCES) > 10


def test_a_file_fits_in_300_lines():
    measured = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in measured.items() if lines > MAX_FILE_LINES} == {}


def test_a_function_fits_in_40_lines():
    measured = {
        f"{name_of(path)}:{function.lineno} {function.name}": length(function)
        for path in SOURCES
        if path.parent != MIGRATIONS
        for function in functions(path.read_text("utf-8"))
    }
    assert len(measured) > 1000
    assert {name: lines for name, lines in measured.items() if lines > MAX_FUNCTION_LINES} == {}


def test_nothing_is_left_for_later():
    found = {name_of(path): UNFINISHED.findall(path.read_text("utf-8")) for path in SOURCES}
    assert {name: words for name, words in found.items() if words} == {}


def test_modules_are_named_after_what_they_know():
    assert [name_of(path) for path in SOURCES if path.stem in EMPTY_NAMES or path.parent.name in EMPTY_NAMES] == []


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_has_nothing_to_say(command: tuple[str, ...]):
    """Lint includes the budget for complexity: 10 (pyproject.toml, `mccabe`)."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_function_is_measured_without_its_docstring():
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    a = 1\n    return a\n'
    assert [length(function) for function in functions(source)] == [3]


def functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method in `source`, nested ones too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines from `def` to the end, docstring not counted."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines
