"""Text that strangers typed, made safe to stand on one line of a mail header, a page or a database row."""

from __future__ import annotations

import json
import re

#: Line and paragraph separators, C0 and C1 controls, DEL, and every other kind of white space.
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: Characters that are invisible or turn the reading order round (UAX #9, UTS #39), halves of a broken surrogate pair,
#: and non-characters. The joiners U+200C and U+200D are not here: Persian and Indic names need them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
#: What PostgreSQL cannot store in text or JSON: NUL, and surrogates that stand alone.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class JsonText(str):
    """JSON that is written already: where a value is to be stored as JSON, it goes in as it stands."""

    __slots__ = ()


def one_line(text: str) -> str:
    """Return `text` on one line: white space and control characters become single spaces, invisible ones go."""
    if not text.isprintable():
        text = _INVISIBLE.sub("", _BREAKS.sub(" ", text))
    return " ".join(text.split()) if "  " in text else text.strip()


def header_line(text: str) -> str:
    """Return `text` as `one_line`, printable characters only: for subjects, display names and messages."""
    line = one_line(text)
    return line if line.isprintable() else one_line("".join(filter(str.isprintable, line)))


def several_lines(text: str) -> str:
    """Return `text` with line feeds as its only line ends, without other control and invisible characters."""
    return _INVISIBLE.sub("", _CONTROLS.sub("", _LINE_ENDS.sub("\n", text)))


def numbered(document: str) -> str:
    """Return a JSON document in which what cannot be seen stands as its escape: it shows, and means the same."""
    hidden = {char for char in set(document) if char != "\n" and (not char.isprintable() or _INVISIBLE.match(char))}
    return document.translate({ord(char): json.dumps(char)[1:-1] for char in hidden})


def storable(text: str) -> str:
    """Return `text` without NUL characters and lone surrogates, which no PostgreSQL column takes."""
    return text if text.isprintable() else _UNSTORABLE.sub("", text)


def shortened(text: str, limit: int) -> str:
    """Return `text` if it has at most `limit` characters, else cut at a word boundary and ended by an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    at = cut.rfind(" ")
    return (cut[:at] if at > limit // 2 else cut).rstrip(" ,;:.-–—") + "…"
