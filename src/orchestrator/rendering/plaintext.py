"""The text part, wrapped as mail programs of the last forty years expect it."""

from __future__ import annotations

import re
from itertools import chain, groupby

WIDTH = 78  # RFC 5322 §2.1.1
#: ``  + For      `` or ``  * ``: what continues such a line stands under its text, not under its mark.
_HANGING = re.compile(r" *(?:[-+*=] +(?:[A-Z]\w+ {2,})?)?")
_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


def wrapped(text: str) -> str:
    """Return `text` with lines of at most 78 characters; links stay whole, at most one blank line in a row.

    The signature's delimiter ``-- `` keeps its trailing space (RFC 3676 §4.3).
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) > WIDTH:
            lines += _broken(line)
        else:
            lines.append(line if line == "-- " else line.rstrip())
    return "\n".join(_single_blanks(lines)).strip("\n") + "\n"


def _single_blanks(lines: list[str]) -> list[str]:
    return [line for blank, run in groupby(lines, key=lambda line: not line) for line in ([""] if blank else run)]


def _broken(line: str) -> list[str]:
    match = _HANGING.match(line)
    indent = " " * (match.end() if match else 0)
    out, current = [], line[: len(indent)]
    room = WIDTH - len(indent)
    for piece in chain.from_iterable(_pieces(word, room) for word in line[len(indent) :].split()):
        joined = f"{current} {piece}" if len(current) > len(indent) else current + piece
        if len(joined) > WIDTH and len(current) > len(indent):
            out.append(current)
            joined = indent + piece
        current = joined
    return [*out, current]


def _pieces(word: str, room: int) -> list[str]:
    """A word that no line holds, cut; a link is never cut."""
    if len(word) <= room or _LINK.search(word):
        return [word]
    return [word[at : at + room] for at in range(0, len(word), room)]
