"""The linter of subject and letter: true, calm, and nothing that filters punish."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.rendering.gate.findings import Flaw, Part
from orchestrator.rendering.gate.mail import DATUM, Mail

SUBJECT_LENGTH = range(15, 61)
_SUBJECT_MARGIN = len("About ")
LETTER_WORDS = range(50, 151)
_CAPITALS = 0.2  # of all letters
_SIGNATURE = " -- "

_REPLY = re.compile(r"^\s*(?:re|fwd?|aw|wg|sv|vs|tr|rv|antw|odp)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_URGENCY = re.compile(
    r"\b(?:act (?:now|fast|today|immediately)|hurry|urgent(?:ly)?|(?:last|final) (?:chance|notice|call|warning)"
    r"|today only|only today|limited[ -]time|limited offer|time[ -]sensitive|expir(?:es|ing) (?:today|soon|tonight)"
    r"|(?:do not|don['’]t) (?:miss|wait|delay)|before it(?:['’]s| is) too late|running out|while (?:it|supplies) lasts?"
    r"|immediate (?:action|response|attention)|respond within|deadline|once in a lifetime|as soon as possible|asap)\b",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"\bdear (?:friend|sir|madam|homeowner|home owner|property owner|owner|resident|customer|neighbou?r|investor|trust"
    r"|valued|beneficiary|winner)\b",
    re.IGNORECASE,
)
_ADMISSION = re.compile(
    r"\bth(?:is|e above)(?:['’]?s| is) (?:intended as )?an? (?:e-?mail )?advertisement\b"
    r"|\b(?:this is )?not (?:a )?spam\b|\b(?:i|we) found your?\b",
    re.IGNORECASE,
)
_HYPE = re.compile(
    r"\b(?:guaranteed?|risk[ -]free|100 ?% free|free (?:gift|money)|claim your|cash offers?|we buy houses|any condition"
    r"|no obligation|top dollar|(?:quick|fast) cash|congratulations|no fees|unbeatable|amazing)\b|\${2,}",
    re.IGNORECASE,
)
_FAIRNESS = re.compile(
    r"\b(?:changing neighbou?rhood|neighbou?rhood is changing|new kind of (?:people|neighbou?rs)"
    r"|before (?:values|prices) (?:drop|fall)|good families|no children|christian|(?:exclusive|safe) neighbou?rhood)\b",
    re.IGNORECASE,
)
_SHOUTED = re.compile(r"\b(?:[A-Z]{4,}\b|[A-Z]{2,}\b[ ,]+[A-Z]{2,}\b[ ,]+[A-Z]{2,}\b)(?:\W+[A-Z]{2,}\b)*")
_TOO_MANY = "more than one letter in five is a capital"
_LETTERS = re.compile(r"[^\W\d_]")
_COPY = (
    ("copy-salutation", _SALUTATION, "is no greeting: write {{ greeting }}"),
    ("copy-admission", _ADMISSION, "is what filters punish: write Advertisement from {{ brand.company }}"),
    ("copy-urgency", _URGENCY, "is urgency: leave it out"),
    ("copy-hype", _HYPE, "is what spam says: say it plainly"),
    ("copy-fairness", _FAIRNESS, "speaks of people or of the neighbourhood: leave it out"),
)


def flaws(mail: Mail) -> Iterator[Flaw]:
    """Yield what is wrong with the words of `mail`; data that was merged in is not judged."""
    yield from subject_flaws(mail)
    for part in (Part.HTML, Part.TEXT):
        said = mail.own_words[part]
        for rule, pattern, hint in _COPY:
            for found in {match[0] for match in pattern.finditer(said)}:
                yield Flaw(rule, part, f"'{found}' {hint}", found.lower(), found, mail.line_of(part, found))
        yield from _record_name(mail, part)
        for found in _shouted(said):
            yield Flaw("copy-shouting", part, f"'{found}' is shouted", found, found, mail.line_of(part, found))
        if _is_mostly_capitals(said):
            yield Flaw("copy-shouting", part, _TOO_MANY)
        if said.count("!") > 1:
            yield Flaw(
                "copy-exclamation", part, f"there are {said.count('!')} of '!'", "", "!", mail.line_of(part, "!")
            )
        if said.count("?") > 1:
            yield Flaw("copy-questions", part, f"there are {said.count('?')} questions")
    yield from _length(mail)


def subject_flaws(mail: Mail) -> Iterator[Flaw]:
    """Yield what is wrong with the subject of `mail`; the street in it is not judged."""
    subject, own = mail.rendered.subject, mail.own_words[Part.SUBJECT]
    most = max(SUBJECT_LENGTH.stop - 1, len(mail.variables["address"]["line1"]) + _SUBJECT_MARGIN)
    if not SUBJECT_LENGTH.start <= len(subject) <= most:
        yield Flaw("subject-length", Part.SUBJECT, f"it has {len(subject)} characters")
    if _REPLY.match(subject):
        yield Flaw("subject-reply", Part.SUBJECT, f'"{subject}" pretends to answer')
    if found := _URGENCY.search(own):
        yield Flaw("subject-urgency", Part.SUBJECT, f"'{found[0]}' is urgency")
    for words in _shouted(own):
        yield Flaw("subject-shouting", Part.SUBJECT, f"'{words}' is shouted", words)
    if _is_mostly_capitals(own):
        yield Flaw("subject-shouting", Part.SUBJECT, _TOO_MANY)
    if "$" in own:
        yield Flaw("subject-money", Part.SUBJECT, "it has a '$'")
    if own.count("!") > 1:
        yield Flaw("subject-exclamation", Part.SUBJECT, f"there are {own.count('!')} of '!'")


def _record_name(mail: Mail, part: Part) -> Iterator[Flaw]:
    """``Hello SAMPLE, JANE A,``: a name as a public record has it is no way to greet."""
    name = mail.variables["owner_name"]
    if not name or name in mail.variables["greeting"]:
        return
    if found := re.search(rf"\b(?:hi|hello|dear)\s+{re.escape(name)}", mail.shown[part], re.IGNORECASE):
        message = f"'{found[0]}' greets with the name of a record: write {{{{ greeting }}}}"
        yield Flaw("copy-salutation", part, message, "record", "owner_name", mail.line_of(part, found[0]))


def _shouted(said: str) -> set[str]:
    return {match[0] for match in _SHOUTED.finditer(said)}


def _is_mostly_capitals(said: str) -> bool:
    letters = _LETTERS.findall(said)
    return len(letters) >= 10 and sum(letter.isupper() for letter in letters) > _CAPITALS * len(letters)


def _length(mail: Mail) -> Iterator[Flaw]:
    """The letter is what stands above the signature's delimiter; only its own words can be too many."""
    whole = len(_letter(mail.shown[Part.TEXT]).split())
    own = len(_letter(mail.own_words[Part.TEXT]).replace(DATUM, " ").split())
    if whole < LETTER_WORDS.start or own >= LETTER_WORDS.stop:
        words = f"the letter has {whole} words" if whole < LETTER_WORDS.start else f"{own} words are the template's own"
        yield Flaw("copy-length", Part.TEXT, words)


def _letter(said: str) -> str:
    return said.split(_SIGNATURE)[0]
