"""Telling what a person wrote from what their program quoted, and from their signature.

There is no standard for it: each program has its own words, in the language of its user, and cuts lines where it
likes. So lines are looked at for the signs that programs leave, each line a bounded number of times and to a bounded
length: the time grows with the length of the mail, whatever it holds. (With patterns over whole mails it does not: a
library in wide use takes 14 s for 15 kB of ``On On On …``.)
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain import text as texts
from orchestrator.domain.reply import quote_words as words
from orchestrator.domain.reply.folding import fold

MAX_LINE = 400  #: characters of a line, or of lines joined, that are looked at


def new_text(text: str, *, own_markers: Sequence[str] = ()) -> str:
    """Return what is new in a reply: without the quoted mail, without the signature.

    When nothing stands above the quote, what stands below and between it is the answer.

    Args:
        text: The whole mail as plain text.
        own_markers: Words that stand in our own mails only, such as the host of our links; a line that holds one is
            quoted, and so is everything below it.
    """
    lines = texts.several_lines(text).split("\n")
    folded = [fold(line[:MAX_LINE]).strip() for line in lines]
    markers = tuple(fold(marker) for marker in own_markers if marker.strip())
    marked = [any(marker in fold(line) for marker in markers) for line in lines] if markers else [False] * len(lines)
    cut = next((at for at in range(len(lines)) if marked[at] or _quote_begins(folded, at)), len(lines))
    above = _unsigned(lines[:cut], folded[:cut])
    below = _between_quotes(lines, folded, marked, cut, everywhere=not above)
    return _tidied([*above, "", *below])


def _quote_begins(folded: list[str], at: int) -> bool:
    line = folded[at]
    if not line:
        return False
    if line.startswith(">") or words.SEPARATOR.match(line):
        return True
    if words.RULER.match(line):
        return any(words.HEADER.match(each) for each in _next_filled(folded, at, 2))
    if words.HEADER.match(line):
        return _is_header_block(folded, at)
    return _is_attribution(folded, at)


def _is_header_block(folded: list[str], at: int) -> bool:
    """Whether From, Sent, To, Subject follow each other, as Outlook writes them above a quote in all languages."""
    found = [words.HEADER.match(line) for line in (folded[at], *_next_filled(folded, at, 6))]
    kinds = {match.lastgroup for match in found if match}
    return "sender" in kinds and len(kinds) >= 3


def _next_filled(folded: list[str], at: int, count: int) -> list[str]:
    return [line for line in folded[at + 1 : at + 1 + 2 * count] if line][:count]


def _is_attribution(folded: list[str], at: int) -> bool:
    """Whether "On …, … wrote:" begins here; programs break it into up to three lines."""
    if not words.OPENER.match(folded[at]):
        return False
    joined = ""
    for number, line in enumerate(folded[at : at + 3]):
        if not line:
            break
        joined = f"{joined} {line}".lstrip()[:MAX_LINE]
        if words.WHEN_OR_WHO.search(joined):
            if words.WROTE_AT_END.search(joined):
                return True
            if joined.endswith(words.WROTE) and "".join(_next_filled(folded, at + number, 1)).startswith(">"):
                return True
    return bool(words.WROTE_INSIDE.match(joined))


def _between_quotes(
    lines: list[str], folded: list[str], marked: list[bool], cut: int, *, everywhere: bool
) -> list[str]:
    """Return what stands below and between the lines of a quote marked by ``>``.

    Below an answer that stands above, only text between quoted lines is believed: what follows the quote then is a
    footer of some program.
    """
    quoted = [at for at in range(cut, len(lines)) if folded[at].startswith(">")]
    if not quoted:
        return []
    last = len(lines) if everywhere else quoted[-1]
    kept: list[str] = []
    run: list[int] = []
    for at in range(quoted[0], last + 1):
        if at < last and folded[at] and not folded[at].startswith(">"):
            run.append(at)
        elif run:
            kept += _answer(lines, folded, marked, run)
            run = []
    return _unsigned(kept, [fold(line[:MAX_LINE]).strip() for line in kept])


def _answer(lines: list[str], folded: list[str], marked: list[bool], run: list[int]) -> list[str]:
    """Return the lines of `run` if a person wrote them: no rest of a quoted line that was too long, no attribution."""
    first, last = run[0], run[-1]
    wrapped = folded[first - 1].startswith(">") and last + 1 < len(folded) and folded[last + 1].startswith(">")
    rest_of_a_line = wrapped and len(run) == 1 and len(folded[first - 1]) > 60
    if rest_of_a_line or any(marked[at] for at in run) or _is_attribution(folded, first):
        return []
    return [*lines[first : last + 1], ""]


def _unsigned(lines: list[str], folded: list[str]) -> list[str]:
    """Return `lines` without signature, advertising of the program and legal small print at the end."""
    end = len(lines)
    for at, line in enumerate(folded):
        if line == "--" or words.SIGNATURE_LINE.match(line) or words.SMALL_PRINT.match(line):
            end = at
            break
    kept = lines[:end]
    if any(line.strip() for line in kept):
        return kept
    # Some write below their program's signature.
    left = [
        line
        for line, plain in zip(lines, folded, strict=True)
        if not (plain == "--" or words.SIGNATURE_LINE.match(plain))
    ]
    return left if any(line.strip() for line in left) else []


def _tidied(lines: list[str]) -> str:
    """Join `lines` without empty ones at either end, and never two in a row."""
    kept: list[str] = []
    for line in lines:
        line = line.rstrip()
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()
