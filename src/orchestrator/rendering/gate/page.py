"""The HTML part, read once: its elements, its texts, and what is wrong with their nesting."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

from orchestrator.rendering.gate import css, nesting

_INVISIBLE = frozenset({"style", "title", "script", "head"})
#: A space is read where one of these begins or ends.
_BLOCKS = nesting.BLOCKS | {"td", "th", "tr", "br", "li"}


@dataclass(slots=True)
class Element:
    """One element: its start tag as it was written, its attributes in order, and the text inside."""

    tag: str
    attributes: dict[str, str]
    source: str
    line: int
    hidden: bool
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text inside, on one line."""
        return " ".join("".join(self.pieces).split())

    @property
    def style(self) -> tuple[css.Declaration, ...]:
        """What its ``style`` attribute declares."""
        return css.declarations(self.attributes.get("style", ""))

    @property
    def is_switched_off(self) -> bool:
        """Whether its own style hides it."""
        return any(each.name == "display" and each.value.startswith("none") for each in self.style)


class Page(HTMLParser):
    """A parsed HTML part.

    `elements` are all elements in order, `shown` the text a reader sees, in pieces with their lines, `preheader` the
    text of the first hidden box, `sheets` the contents of the style elements with the lines they begin on, `faults`
    what is wrong with the markup, with lines.
    """

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.shown: list[tuple[int, str]] = []
        self.preheader: str | None = None
        self.sheets: list[tuple[int, str]] = []
        self.faults: list[tuple[int, str]] = []
        self.has_doctype = False
        self._open: list[Element] = []
        self._ids: set[str] = set()
        self._by_tag: dict[str, list[Element]] = {}
        self.feed(source)
        self.close()
        for element in self._open:
            self.faults.append((element.line, f"'<{element.tag}' is never closed"))

    def all(self, *tags: str) -> list[Element]:
        """Return every element with one of these tags."""
        return [element for tag in tags for element in self._by_tag.get(tag, ())]

    @property
    def text(self) -> str:
        """What a reader sees, on one line."""
        return " ".join("".join(piece for _, piece in self.shown).split())

    # ------------------------------------------------------------------------------ what the parser calls

    def handle_decl(self, decl: str) -> None:
        """Note the doctype."""
        self.has_doctype = self.has_doctype or decl.lower().split() == ["doctype", "html"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and check its place."""
        source, line = self.get_starttag_text() or "", self.getpos()[0]
        parent = self._open[-1] if self._open else None
        self.faults += [(line, fault) for fault in nesting.misplaced(tag, [e.tag for e in self._open])]
        self._check_attributes(tag, attrs, line)
        attributes: dict[str, str] = {}
        for name, value in attrs:  # as in a browser, the first of two counts
            attributes.setdefault(name, value or "")
        element = Element(tag, attributes, source, line, hidden=parent is not None and parent.hidden)
        element.hidden = element.hidden or tag in _INVISIBLE or element.is_switched_off
        self.elements.append(element)
        self._by_tag.setdefault(tag, []).append(element)
        if tag not in nesting.VOID:
            self._open.append(element)
        if tag in _BLOCKS:
            self._read(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take ``<br/>`` as ``<br>``; a browser takes ``<div/>`` as ``<div>``, too."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and note what it leaves open."""
        line = self.getpos()[0]
        if tag in nesting.VOID or not any(element.tag == tag for element in self._open):
            self.faults.append((line, f"'</{tag}' closes nothing"))
            return
        while (closed := self._open.pop()).tag != tag:
            self.faults.append((closed.line, f"'<{closed.tag}' is not closed before '</{tag}'"))
        if closed.hidden and self.preheader is None and tag not in _INVISIBLE:
            self.preheader = closed.text
        if tag == "style":
            self.sheets.append((closed.line, "".join(closed.pieces)))
        if tag in _BLOCKS:
            self._read(" ")

    def handle_data(self, data: str) -> None:
        """Note a text, and whether it can be seen."""
        inside = self._open[-1].tag if self._open else ""
        if inside in nesting.NO_TEXT and data.strip():
            self.faults.append((self.getpos()[0], f"'{data.strip()[:30]}' stands in <{inside}> outside of a cell"))
        self._read(data)

    # ------------------------------------------------------------------------------------------ behind it

    def _read(self, data: str) -> None:
        for element in self._open:
            element.pieces.append(data)
        if not (self._open and self._open[-1].hidden):
            self.shown.append((self.getpos()[0], data))

    def _check_attributes(self, tag: str, attrs: list[tuple[str, str | None]], line: int) -> None:
        for name in (name for name, times in Counter(name for name, _ in attrs).items() if times > 1):
            self.faults.append((line, f"'<{tag}' has the attribute '{name}' twice"))
        identity = dict(attrs).get("id")
        if identity is not None and identity in self._ids:
            self.faults.append((line, f"the id '{identity}' is there twice"))
        self._ids.add(identity or "")
