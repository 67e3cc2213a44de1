"""One mail under examination: its parts as a reader sees them, and apart from the data that was merged in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from orchestrator.rendering import content as contents
from orchestrator.rendering import plaintext
from orchestrator.rendering.gate.findings import Part
from orchestrator.rendering.gate.page import Page

_URL = re.compile(r"(?:https?://|mailto:|tel:)[^\s<>\"]+", re.IGNORECASE)
_WORD = re.compile(r"\w+(?:['’.,-]\w+)*")
_SHORT = 3  # characters; pieces of data that are no longer than this are also words of every letter
#: What stands for a piece of data in the template's own words; no rule minds it.
DATUM = "·"


@dataclass(frozen=True)
class Mail:
    """A mail, what it was made from, and the name its sample goes by."""

    name: str
    content: contents.MailContent
    rendered: contents.RenderedMail

    @cached_property
    def variables(self) -> dict:
        """What the templates were given."""
        return contents.variables(self.content)

    @cached_property
    def page(self) -> Page:
        """The HTML part."""
        return Page(self.rendered.html)

    @cached_property
    def shown(self) -> dict[Part, str]:
        """What a reader sees of each part, on one line."""
        return {Part.HTML: self.page.text, Part.TEXT: " ".join(self.rendered.text.split())}

    @cached_property
    def own_words(self) -> dict[Part, str]:
        """What each part says by itself: everything but links and merged data."""
        given = "|".join(_as_written(piece) for piece in self._data)
        pattern = re.compile(rf"(?<!\w)(?:{given})(?!\w)" if given else r"(?!)")
        texts = {**self.shown, Part.SUBJECT: self.rendered.subject}
        return {part: _URL.sub(DATUM, pattern.sub(DATUM, text)) for part, text in texts.items()}

    @cached_property
    def words(self) -> dict[Part, set[str]]:
        """The different words of each part, links left out."""
        return {part: set(_WORD.findall(_URL.sub(" ", text).casefold())) for part, text in self.shown.items()}

    @cached_property
    def links(self) -> dict[Part, list[str]]:
        """Where each part leads, in order, every address once."""
        in_html = [element.attributes.get("href", "").strip() for element in self.page.all("a")]
        in_text = [found.rstrip(".,;:!?)'") for found in _URL.findall(self.rendered.text)]
        known = {found for found in _URL.findall(self.rendered.text) if found in in_html}
        in_text = [link for link in in_text if not any(link != k and k.startswith(link) for k in known)]
        return {Part.HTML: list(dict.fromkeys(in_html)), Part.TEXT: list(dict.fromkeys([*in_text, *sorted(known)]))}

    def line_of(self, part: Part, words: str) -> int:
        """Return the line of a part that holds `words`; 0 when none does."""
        if part is Part.SUBJECT:
            return 0
        lines = self.page.shown if part is Part.HTML else enumerate(self.rendered.text.split("\n"), 1)
        return next((number for number, line in lines if words in line), 0)

    def line_of_link(self, part: Part, link: str) -> int:
        """Return the line of a part that leads to `link`; 0 when none does."""
        if part is Part.TEXT:
            return self.line_of(part, link)
        anchors = self.page.all("a")
        return next((a.line for a in anchors if a.attributes.get("href", "").strip() == link), 0)

    @property
    def configured(self) -> tuple[str, ...]:
        """The addresses that were given and not written into a template."""
        return tuple(filter(None, (self.content.memo_url, self.content.unsubscribe_url, self.brand["logo_url"])))

    @property
    def brand(self) -> dict:
        """The sender."""
        return self.variables["brand"]

    @cached_property
    def _data(self) -> list[str]:
        pieces = {" ".join(piece.split()) for piece in self._given()}
        return sorted((piece for piece in pieces if len(piece) > _SHORT), key=len, reverse=True)

    def _given(self) -> Iterator[str]:
        variables, record = self.variables, self.content.property_record
        yield from (variables["owner_name"], variables["greeting"])
        yield from variables["address"].values()
        yield from variables["facts"]
        yield from (reason.note for reason in variables["reasons"])
        yield from (self.brand[key] for key in ("company", "sender", "tagline", "postal_address", "logo_alt"))
        for part in (record.get("owner"), record.get("attrs"), record.get("address")):
            if isinstance(part, dict):
                yield from (str(value) for value in part.values() if value is not None)


def _as_written(piece: str) -> str:
    """Return a pattern for a piece of data as it stands in a part: a word that is wider than a line is broken there."""
    return " ".join(
        re.escape(word) if len(word) < plaintext.WIDTH // 2 else r"\s?".join(map(re.escape, word))
        for word in piece.split(" ")
    )
