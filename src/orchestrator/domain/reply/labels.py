"""What a reply says, by rules that name the words they went by.

No model and no percentages: a rule is a name and a pattern, all that fire are looked at, and where they disagree the
order of `_PRECEDENCE` decides. It leans to the side of who wants to be left alone: a plausible opt-out beats everything
but a legal threat, which is one, too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache

from orchestrator.domain import text as texts
from orchestrator.domain.reply import phrases, phrases_elsewhere, phrases_opt_out
from orchestrator.domain.reply.folding import fold
from orchestrator.domain.reply.mail import Classified, ReplyLabel

MAX_TEXT = 20_000  #: characters that are looked at
MAX_WORDS = 20  #: places that are named
SHORT_LINE = 45  #: characters; a shorter line was ended by its writer, a longer one perhaps by a program

_TOKEN = re.compile(r"[^\W_]+(?:['’‘`´ʼ][^\W\d_]+)*|\n[^\S\n]*|[.!?…？！。]+|[,;:()、，；]|[👍👎]")
_PRECEDENCE = (
    ReplyLabel.LEGAL,
    ReplyLabel.OPT_OUT,
    ReplyLabel.WRONG_PERSON,
    ReplyLabel.SOLD,
    ReplyLabel.NOT_INTERESTED,
    ReplyLabel.INTERESTED,
    ReplyLabel.QUESTION,
)
#: Words after which what was said before is taken back: "not for sale, but make me an offer".
_TURN = re.compile(r" (?:but|however|though|unless|although|except|pero|mais|aber|mas|ma|maar) ")


@dataclass(frozen=True, slots=True)
class _Hit:
    label: ReplyLabel
    rule: str
    start: int
    end: int


def classify(new_text: str) -> Classified:
    """Return what a reply says, and the words by which that is known.

    Args:
        new_text: What is new in the reply; quoted text holds words of ours, such as "unsubscribe".
    """
    written = texts.storable(new_text)[:MAX_TEXT]
    plain = _Plain.of(written)
    hits = [
        _Hit(label, rule, match.start(), match.end())
        for label, rule, pattern in _rules()
        for match in pattern.finditer(plain.text)
    ]
    label = _decided(hits, plain.text)
    chosen = sorted((hit for hit in hits if hit.label is label), key=lambda hit: (hit.start, hit.end))
    if not chosen:
        return Classified(label=ReplyLabel.OTHER)
    words = (plain.as_written(hit.start, hit.end, written) for hit in _widest(chosen))
    return Classified(label=label, words=tuple(dict.fromkeys(words))[:MAX_WORDS], rule=chosen[0].rule)


def _decided(hits: list[_Hit], plain: str) -> ReplyLabel:
    found = {hit.label for hit in hits}
    label = next((label for label in _PRECEDENCE if label in found), ReplyLabel.OTHER)
    if label is ReplyLabel.NOT_INTERESTED and ReplyLabel.INTERESTED in found:
        declined = min(hit.end for hit in hits if hit.label is ReplyLabel.NOT_INTERESTED)
        wanted = max(hit.start for hit in hits if hit.label is ReplyLabel.INTERESTED)
        if _TURN.search(plain, declined - 1, wanted + 1):
            return ReplyLabel.INTERESTED
    return label


def _widest(hits: list[_Hit]) -> list[_Hit]:
    """Return `hits`, in the order of the text, without those that lie within another."""
    kept: list[_Hit] = []
    for hit in hits:
        if kept and hit.start == kept[-1].start:
            kept[-1] = hit
        elif not kept or hit.end > kept[-1].end:
            kept.append(hit)
    return kept


@cache
def _rules() -> tuple[tuple[ReplyLabel, str, re.Pattern[str]], ...]:
    return tuple(
        (label, f"{label}.{name}", re.compile(pattern))
        for label, name, pattern in (*phrases_opt_out.RULES, *phrases.RULES, *phrases_elsewhere.RULES)
    )


@dataclass(frozen=True, slots=True)
class _Plain:
    """A text as rules see it: words in small letters without accents and apostrophes, one space between them.

    Sentences are set off by `` . `` or `` ? ``, at both ends, too; a comma is a word of its own.
    """

    text: str
    #: Where each word begins in `text`, and where it stands in what was written.
    begins: list[int]
    spans: list[tuple[int, int]]

    @classmethod
    def of(cls, written: str) -> _Plain:
        """Take `written` apart into words."""
        words, begins, spans = ["."], [0], [(0, 0)]
        length = 2
        line = 0
        for token in _TOKEN.finditer(written):
            if token[0][0] == "\n":
                word = "." if _is_ended(written[line : token.start()], written[token.end() : token.end() + 1]) else ""
                line = token.end()
            else:
                word = _word(token[0])
            if not word or (word in ".,?" and words[-1] in (".", "?", word)):
                words[-1] = "?" if word == "?" and len(words) > 1 else words[-1]
                continue
            words.append(word)
            begins.append(length)
            spans.append(token.span())
            length += len(word) + 1
        if words[-1] not in (".", "?"):
            words.append(".")
            begins.append(length)
            spans.append((len(written), len(written)))
        return cls(" ".join(words), begins, spans)

    def as_written(self, start: int, end: int, written: str) -> str:
        """Return what was written where `text` has the characters from `start` to `end`."""
        first, last = bisect_right(self.begins, start) - 1, bisect_right(self.begins, max(end - 1, start)) - 1
        return " ".join(written[self.spans[first][0] : self.spans[last][1]].split())


def _is_ended(line: str, following: str) -> bool:
    """Whether the writer, and not a program, ended a line: a single word like "stop", or one that begins anew below."""
    return len(line) < SHORT_LINE and (" " not in line.strip() or not following.islower())


def _word(token: str) -> str:
    first = token[0]
    if first in ".!…。！":
        return "?" if "?" in token else "."
    if first in "?？":
        return "?"
    if first in ",;:()、，；":
        return ","
    return fold(token).replace("'", "")
