"""Where in a template something comes from that was found in a mail made with it."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.rendering import problems
from orchestrator.rendering.renderer import Renderer

_WORD = re.compile(r"[\w-]+")
_INCLUDED = re.compile(r"""\{%[-+]?\s*(?:include|extends|import|from)\s+["']([^"']+)["']""")
_ALIKE = 0.5


class Source:
    """A template and what it includes, searched for the line that a piece of a mail was made by.

    Args:
        paths: The template's file, then the files it includes.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.path = paths[0]
        self._lines = [(path, n, line) for path in paths for n, line in enumerate(_read(path), 1)]

    def find(self, near: str, made: str) -> tuple[Path, int | None]:
        """Return the file and the line, None when no line is likely.

        Args:
            near: Words that stand at the place; when they stand in the template too, only those lines are candidates.
            made: The line of the mail; the candidate that shares most words with it is taken.
        """
        holding = [each for each in self._lines if near and near in each[2]]
        if not holding and near:
            start = near.split("=")[0][:12] if near.startswith("<") else ""
            holding = [each for each in self._lines if start and start in each[2]]
        if len(holding) == 1:
            return holding[0][0], holding[0][1]
        words = set(_WORD.findall(made))
        if not words:
            return (holding[0][0], holding[0][1]) if holding else (self.path, None)
        scored = [
            (len(words & set(_WORD.findall(line))) / len(words), -n, path, n)
            for path, n, line in holding or self._lines
        ]
        score, _, path, number = max(scored, default=(0.0, 0, self.path, 0))
        return (path, number) if holding or score >= _ALIKE else (self.path, None)


def files_of(renderer: Renderer, name: str) -> list[Path]:
    """Return the file of a template, and those it includes by name."""
    files, waiting = [], [name]
    while waiting:
        path = renderer.path_of(waiting.pop())
        if path not in files:
            files.append(path)
            waiting += _INCLUDED.findall("\n".join(_read(path)))
    return files


def excerpt(path: Path, line: int | None, message: str) -> str:
    """Return the line with a caret under the words that `message` quotes; empty when there is no line."""
    return problems.located(str(path), line, message).excerpt


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
