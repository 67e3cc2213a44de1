"""How a reply is shown: its label, what in it made the rule fire, what followed, and what to do now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from orchestrator.dashboard.words import Chip
from orchestrator.domain.reply import ReplyKind, ReplyLabel
from orchestrator.domain.text import one_line, several_lines, shortened
from orchestrator.repository.replies import UNREADABLE, Reply
from orchestrator.services.looking.correspondence import Letter

#: Characters of an answer that a list shows; the original has the rest.
LONGEST = 1_000
LABELS: Mapping[str, Chip] = {
    ReplyLabel.INTERESTED: Chip("reply", "good", "Interested"),
    ReplyLabel.QUESTION: Chip("question", "info", "Question"),
    ReplyLabel.NOT_INTERESTED: Chip("cross", "", "Not interested"),
    ReplyLabel.OPT_OUT: Chip("stop", "", "Opt-out"),
    ReplyLabel.WRONG_PERSON: Chip("warning", "watch", "Wrong person"),
    ReplyLabel.SOLD: Chip("warning", "watch", "Sold"),
    ReplyLabel.LEGAL: Chip("flag", "stop", "Legal"),
    ReplyLabel.OTHER: Chip("envelope", "", "Other"),
}
_KINDS: Mapping[str, Chip] = {
    ReplyKind.AUTOMATIC: Chip("machine", "", "Automatic"),
    ReplyKind.BOUNCE: Chip("return", "stop", "Bounce"),
    ReplyKind.RECEIPT: Chip("machine", "", "Receipt"),
    ReplyKind.COMPLAINT: Chip("flag", "stop", "Spam report"),
    ReplyKind.OPT_OUT: Chip("stop", "", "Opt-out by mail"),
    UNREADABLE: Chip("warning", "watch", "Unreadable"),
}
_HINTS = {
    ReplyLabel.INTERESTED: "Answer what is asked, then propose a time or a number to call.",
    ReplyLabel.QUESTION: "Answer the question first, in a sentence or two.",
    ReplyLabel.OTHER: "No rule knew this. Read it and give it a label.",
    ReplyLabel.LEGAL: "Let whoever is responsible read this before anybody answers.",
    ReplyLabel.WRONG_PERSON: "Check the owner in your property data before writing about this property again.",
    ReplyLabel.SOLD: "Take the new owner into your property data.",
    ReplyLabel.NOT_INTERESTED: "No answer is needed.",
    ReplyLabel.OPT_OUT: "No answer: it would be one more mail.",
}
#: Labels of owners who may be glad to hear from a person.
_ANSWERABLE = (ReplyLabel.INTERESTED, ReplyLabel.QUESTION, ReplyLabel.OTHER)
_NO_REPLY = "It was recorded with its campaign, and is not counted as a reply."
_MEANT = {
    ReplyKind.AUTOMATIC: _NO_REPLY,
    ReplyKind.BOUNCE: "A mail server says that the mail did not arrive. It is not counted as a reply.",
    ReplyKind.RECEIPT: "A mail program says what became of the mail. It is not counted as a reply.",
    ReplyKind.COMPLAINT: "The owner called the mail spam.",
    ReplyKind.OPT_OUT: "It came to the address for opting out, which says enough, whatever the text says.",
}
_STOPPED = {
    ReplyLabel.SOLD: "Nothing more is written about this property.",
    ReplyLabel.NOT_INTERESTED: "Nothing more is sent about this property.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A reply in words; what strangers wrote is plain text, or escaped markup that only marks words."""

    id: str
    reply: Reply
    letter: Letter
    chip: Chip
    sender: str
    #: Where the property is that was written about; empty for a mail of nobody.
    place: str
    text: Markup
    #: Whether there is more of it than `text`.
    cut: bool
    #: Why it has its label, and the rule's name or the header that says so.
    because: str
    code: str
    followed: tuple[str, ...]
    hint: str
    #: ``mailto:`` to answer it; empty where no answer is wanted.
    answer: str
    waits: bool
    #: Whether something waits for somebody to have read it: the owner's other mail, or just its place in the list.
    releasable: bool
    #: Whether a person may say what it says.
    labelled: bool
    attachments: tuple[str, ...]


def shown(letter: Letter) -> Shown:
    """Return `letter` as its page shows it."""
    reply, campaign = letter.reply, letter.campaign
    is_human = reply.kind == ReplyKind.HUMAN
    because, code = _because(reply)
    text = several_lines(reply.text)
    return Shown(
        id=reply.id,
        reply=reply,
        letter=letter,
        chip=_chip(reply),
        sender=_sender(letter),
        place=", ".join(filter(None, (campaign.line1 or "Property", campaign.city))) if campaign else "",
        text=marked(text[:LONGEST], reply.rule_words or []),
        cut=len(text) > LONGEST,
        because=because,
        code=code,
        followed=tuple(_followed(letter)),
        hint=_HINTS.get(ReplyLabel(str(reply.label)), "") if is_human and reply.label else "",
        answer=_mailto(letter) if is_human and reply.label in _ANSWERABLE else "",
        waits=reply.waits_for_a_person,
        releasable=_is_releasable(letter),
        labelled=is_human,
        attachments=tuple(_attachments(reply.details.get("attachments"))),
    )


def marked(text: str, phrases: Iterable[str]) -> Markup:
    """Return `text` escaped, with every place of `phrases` in a ``<mark>``; white space within them may differ."""
    patterns = [r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases if phrase.split()]
    if not patterns:
        return escape(text)
    found = re.compile("|".join(sorted(patterns, key=len, reverse=True)))
    parts, at = [], 0
    for match in found.finditer(text):
        parts += [escape(text[at : match.start()]), Markup("<mark>{}</mark>").format(match[0])]
        at = match.end()
    return Markup("").join([*parts, escape(text[at:])])


def _is_releasable(letter: Letter) -> bool:
    reply = letter.reply
    keeps_waiting = reply.kind == ReplyKind.HUMAN and letter.suppressed is None
    return reply.released_at is None and (keeps_waiting or reply.waits_for_a_person or letter.campaign is None)


def _chip(reply: Reply) -> Chip:
    if reply.kind == ReplyKind.HUMAN:
        return LABELS.get(str(reply.label), Chip("envelope", "", "Other"))
    return _KINDS.get(reply.kind, Chip("envelope", "", reply.kind.replace("_", " ").capitalize()))


def _sender(letter: Letter) -> str:
    reply, campaign = letter.reply, letter.campaign
    name = one_line(str(reply.details.get("from_name") or "")) or (campaign.owner_name if campaign else None)
    return name or reply.from_email or (campaign.owner_email if campaign else None) or "Nobody known"


def _because(reply: Reply) -> tuple[str, str]:
    """Return why a reply has its label, in words, and the name of the rule or what in the mail says so."""
    if reply.kind != ReplyKind.HUMAN:
        return ("Certain", str(reply.details["evidence"])) if reply.details.get("evidence") else ("", "")
    if reply.labelled_at is not None:
        was = LABELS.get(str(reply.rule_label))
        changed = was is not None and reply.rule_label != reply.label
        return ("Confirmed by a person" if not changed else f"Changed by a person; the rule said {was.word}"), ""  # type: ignore[union-attr]
    if reply.rule_label is None:
        return "Given with the answer", ""
    n = len(reply.rule_words or [])
    if not n:
        return "No rule fired", ""
    return f"Suggested by {n} marked {'phrase' if n == 1 else 'phrases'}, rule", str(reply.rule)


def _followed(letter: Letter) -> Iterable[str]:
    reply = letter.reply
    if reply.kind != ReplyKind.HUMAN:
        yield _MEANT.get(ReplyKind(reply.kind), "") if reply.kind != UNREADABLE else "These bytes are no mail."
    if reply.matched is None:
        yield f"It belongs to no campaign: {reply.details.get('unmatched') or 'nobody knows why'}."
        return
    if letter.suppressed is not None:
        yield f"Address suppressed ({str(letter.suppressed).replace('_', ' ')})."
    if reply.kind == ReplyKind.HUMAN:
        yield _STOPPED.get(ReplyLabel(str(reply.label)), "Nothing more goes out by itself." if reply.label else "")
    if back := _day(reply.details.get("returns_on")):
        yield f"Back on {back.day} {back:%B %Y}."


def _mailto(letter: Letter) -> str:
    campaign, reply = letter.campaign, letter.reply
    to = reply.from_email or (campaign.owner_email if campaign else "")
    about = one_line(reply.subject or (campaign.subject if campaign else ""))
    subject = about if about.lower().startswith("re:") else f"Re: {about}"
    return f"mailto:{quote(to, safe='@')}?subject={quote(shortened(subject, 200))}" if to else ""


def _attachments(files: Any) -> Iterable[str]:
    for file in files if isinstance(files, list) else ():
        if isinstance(file, dict):
            yield f"{shortened(str(file.get('name') or 'unnamed'), 80)} ({file.get('size') or 0:,} bytes)"


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
