"""Reading the documentation: its pages, their code blocks, tables and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: A Python block that begins with this word is shown and not run; readers see it, too.
SKETCH = "# Sketch"

_BLOCK = re.compile(r"^```(?P<language>[\w-]*)[^\n]*\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
_EXPORT = re.compile(r"^export ([A-Z_]+)=(?:\"([^\"]*)\"|'([^']*)'|(\S*))", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page; `line` is where its code begins."""

    language: str
    code: str
    line: int


@cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def pages() -> list[Path]:
    """Every page a reader may come to."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path, *languages: str) -> list[Block]:
    text = text_of(page)
    found = [
        Block(match["language"], match["code"], text.count("\n", 0, match.start("code")) + 1)
        for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def exports(page: Path) -> dict[str, str]:
    """The variables that a page tells its reader to set, the last value of each."""
    code = "\n".join(block.code for block in blocks(page, "sh"))
    return {name: double or single or bare for name, double, single, bare in _EXPORT.findall(code)}


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return _BLOCK.sub("", text_of(page))


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The fragments that headings of a page can be linked by, as GitHub makes them."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {heading.strip().replace(" ", "-") for heading in kept}


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of every table row under `heading`, without the head and the ruler; code marks are taken off."""
    section = re.split(rf"^#+ {re.escape(heading)}$", text_of(page), maxsplit=1, flags=re.MULTILINE)[1]
    section = re.split(r"^#{1,3} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells[1:] if not set(row[0]) <= set("-: ")]
