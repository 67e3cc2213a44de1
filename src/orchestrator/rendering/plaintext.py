"""The text part, wrapped so that every mail program shows it as it was meant."""

from __future__ import annotations

import re
from functools import lru_cache

WIDTH = 78  # RFC 5322 §2.1.1
#: ``  + For      `` or ``  * ``: what continues such a line stands under its text, not under its mark.
_HANGING = re.compile(r" *(?:[-+*=] +(?:[A-Z]\w+ {2,})?)?")
_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


def wrapped(text: str) -> str:
    """Return `text` with lines of at most 78 characters; links stay whole, at most one blank line in a row.

    The signature's delimiter ``-- `` keeps its trailing space (RFC 3676 §4.3).
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) > WIDTH:
            lines += _broken(line)
        elif line[-1:].isspace() and line != "-- ":
            lines.append(line.rstrip())
        else:
            lines.append(line)
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"


@lru_cache(maxsize=256)  # most long lines are the template's own, the same in every mail
def _broken(line: str) -> tuple[str, ...]:
    hanging = _HANGING.match(line)
    start = hanging.end() if hanging else 0
    indent, out = " " * start, []
    line = line.rstrip()
    while len(line) > WIDTH:
        cut = line.rfind(" ", start + 1, WIDTH + 1)
        if cut < 0:
            cut = _end_of_word(line, start)
        out.append(line[:cut].rstrip())
        rest = line[cut:].lstrip()
        line = indent + rest if rest else ""
    return (*out, line) if line else tuple(out)


def _end_of_word(line: str, start: int) -> int:
    """Where to end a line whose first word is too long for it: a link stays whole, anything else is cut."""
    end = line.find(" ", start)
    end = len(line) if end < 0 else end
    return end if _LINK.search(line, start, end) else WIDTH
