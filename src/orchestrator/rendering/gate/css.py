"""Style declarations, as far as mail programs care about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_VALUE = re.compile(r"""\s*([-\w]+)\s*:((?:[^;"'(]|"[^"]*"|'[^']*'|\([^)]*\))*)""")
_INNERMOST = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Declaration:
    """``name: value`` with both in lower case, as it stands in `source`, on line `line` of its style."""

    name: str
    value: str
    source: str
    line: int


@lru_cache(maxsize=512)
def declarations(style: str) -> tuple[Declaration, ...]:
    """Read the value of a ``style`` attribute, or what stands between two braces."""
    found = []
    for match in _VALUE.finditer(style):
        name, value = match[1].lower(), match[2].strip().lower()
        found.append(Declaration(name, value, match[0].strip(), style.count("\n", 0, match.start(1)) + 1))
    return tuple(found)


@lru_cache(maxsize=64)
def in_sheet(sheet: str) -> tuple[Declaration, ...]:
    """Read the declarations of a ``<style>`` element, those inside media rules too."""
    return tuple(_in_sheet(without_comments(sheet)))


def without_comments(sheet: str) -> str:
    """Return `sheet` with its comments emptied; lines stay where they are."""
    return _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), sheet)


def _in_sheet(sheet: str) -> Iterator[Declaration]:
    for block in _INNERMOST.finditer(sheet):
        before = sheet.count("\n", 0, block.start(1))
        for each in declarations(block[1]):
            yield Declaration(each.name, each.value, each.source, each.line + before)
