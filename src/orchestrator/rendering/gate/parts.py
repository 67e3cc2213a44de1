"""Rules about what both parts must show, and that they show the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.rendering.gate.findings import Flaw, Part
from orchestrator.rendering.gate.mail import Mail

_BOTH = (Part.HTML, Part.TEXT)
_ALIKE = 0.8
_PREHEADER = range(40, 111)  # characters
_LEFTOVER = re.compile(r"\{\{|\}\}|\{%|%\}|\[\[|\]\]|<%|\b(?:None|nan|NaN|undefined|null)\b")
_SPACING = re.compile(r"(?<=[^\s+*=-])\s{2,}(?=\S)|\s,(?=\s|$)|\b(?:Hi|Hello|Dear) +,|,\s*,|\(\s*\)")
_ADVERTISEMENT = re.compile(r"\b(?:advertisement|solicitation|commercial (?:message|e-?mail))\b", re.IGNORECASE)
_REASON = re.compile(
    r"\b(?:why you|because|records?|listed as|you own|owner of|you (?:asked|signed|inquired|subscribed))\b",
    re.IGNORECASE,
)
_OTHER = {Part.HTML: Part.TEXT, Part.TEXT: Part.HTML}


def flaws(mail: Mail) -> Iterator[Flaw]:
    """Yield what the parts of `mail` lack, and where they differ."""
    yield from _preheader(mail)
    yield from _alike(mail)
    yield from _leftovers(mail)
    yield from _spacing(mail)
    yield from _opt_out(mail)
    for part in _BOTH:
        yield from _sender(mail, part)
        yield from _subject_matter(mail, part)


def _preheader(mail: Mail) -> Iterator[Flaw]:
    said = mail.page.preheader
    box = next((element for element in mail.page.elements if element.is_switched_off), None)
    line = box.line if box else 0
    if not said:
        hint = '<div style="display:none">{{ preheader }}</div> as the first thing in the body'
        yield Flaw("preheader", Part.HTML, f"there is none: write {hint}", near="<body")
    elif len(said) not in _PREHEADER:
        yield Flaw("preheader", Part.HTML, f"it has {len(said)} characters", "length", said[:20], line)
    elif said.casefold() == mail.rendered.subject.casefold():
        yield Flaw("preheader", Part.HTML, "it is the subject again", "subject", said[:20], line)


def _alike(mail: Mail) -> Iterator[Flaw]:
    for part in _BOTH:
        words, other = mail.words[part], mail.words[_OTHER[part]]
        lacking = words - other
        if words and len(lacking) > (1 - _ALIKE) * len(words):
            some = ", ".join(f'"{word}"' for word in sorted(lacking, key=len, reverse=True)[:5])
            message = f"it lacks {len(lacking)} of the {len(words)} words of the {part} part, such as {some}"
            yield Flaw("parts-differ", _OTHER[part], message, part)
        told_elsewhere = ("", mail.content.memo_url, mail.content.unsubscribe_url)
        for link in mail.links[part]:
            if link not in (*mail.links[_OTHER[part]], *told_elsewhere) and not link.startswith("#"):
                message = f"'{link[:80]}' is not in the {_OTHER[part]} part"
                yield Flaw("links-differ", part, message, link, link, mail.line_of_link(part, link))


def _leftovers(mail: Mail) -> Iterator[Flaw]:
    for part in Part:
        for match in _LEFTOVER.finditer(mail.own_words[part]):
            around = mail.own_words[part][max(0, match.start() - 20) : match.end() + 12]
            message = f"'{match[0]}' is left over, in \"{around}\""
            yield Flaw("leftover", part, message, match[0], match[0], mail.line_of(part, match[0]))


def _spacing(mail: Mail) -> Iterator[Flaw]:
    # Indentation and line ends are no spaces to a reader of HTML; in the text part a list is laid out with spaces.
    pieces = [(Part.HTML, number, " ".join(piece.split("\n")).strip()) for number, piece in mail.page.shown]
    lines = [(Part.TEXT, number, line) for number, line in enumerate(mail.rendered.text.split("\n"), 1)]
    lines = [each for each in lines if each[2] != "-- " and not each[2][:1].isspace()]
    for part, number, line in (*pieces, *lines, (Part.HTML, 0, mail.page.text)):
        if match := _SPACING.search(line):
            around = line[max(0, match.start() - 24) : match.end() + 16].strip()
            place = number or mail.line_of(part, match[0].strip(" ,") or around[:12])
            yield Flaw("spacing", part, f'a value is missing, or a space too many, in "{around}"', "", around, place)


def _opt_out(mail: Mail) -> Iterator[Flaw]:
    url = mail.content.unsubscribe_url
    links = [link for link in mail.page.all("a") if link.attributes.get("href", "").strip() == url]
    if not any(link.text and not link.hidden for link in links):
        yield Flaw(
            "opt-out",
            Part.HTML,
            'the opt-out link cannot be seen: write <a … href="{{ unsubscribe_url }}">Unsubscribe</a>',
        )
    if url not in mail.rendered.text:
        yield Flaw("opt-out", Part.TEXT, "the opt-out link is missing: write {{ unsubscribe_url }}")
    for link in links:
        names = list(link.attributes)
        tracked = link.attributes.get("clicktracking", "").lower() != "off"
        if tracked or names.index("clicktracking") > names.index("href"):
            message = "'<a' leads to the opt-out and may be tracked: write <a clicktracking=\"off\" href=…"
            yield Flaw("opt-out-tracked", Part.HTML, message, "", link.source[:60], link.line)


def _sender(mail: Mail, part: Part) -> Iterator[Flaw]:
    shown = mail.shown[part]
    postal, company = mail.brand["postal_address"], mail.brand["company"]
    # A template may put the pieces of the address on lines of their own.
    if any(piece not in shown for piece in postal.split(", ")):
        yield Flaw("postal-address", part, "the postal address is missing: write {{ brand.postal_address }}")
    if company and company not in shown:
        yield Flaw("company", part, "the sender's name is missing: write {{ brand.company }}")
    if not _ADVERTISEMENT.search(mail.own_words[part]):
        yield Flaw("advertisement", part, "no notice: write Advertisement from {{ brand.company }}")
    if not _REASON.search(mail.own_words[part]):
        yield Flaw("reason", part, 'it does not say why this person gets the mail: "Why you: our records list …"')


def _subject_matter(mail: Mail, part: Part) -> Iterator[Flaw]:
    shown, address = mail.shown[part], mail.variables["address"]
    if address["line1"] not in shown:
        yield Flaw("property", part, "the property is missing: write {{ address.line1 }}")
    if mail.content.memo_url not in mail.links[part]:
        yield Flaw("memo-link", part, "the memo link is missing: write {{ memo_url }}")
    wanted = {"the ZIP code": address["zip"], "the score": mail.variables["score"]}
    lacking = [what for what, value in wanted.items() if value not in shown]
    unbroken = "".join(shown.split())  # the text part breaks a word that is wider than a line
    if any("".join(reason.note.split()) not in unbroken for reason in mail.variables["reasons"]):
        lacking.append("a reason's note")
    for what in lacking:
        yield Flaw("facts", part, f"{what} is not in it", what)
