"""HTML of a mail as plain text, with what was quoted marked as quoted.

Not by the standard library's HTMLParser: in Python 3.11 its time grows with the square of some inputs (40 kB of ``<a ``
took 12 s), and one mail would stop a service.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_NAME = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,40})")
_REST = re.compile(r"(?:[^>\"']++|\"[^\"]*\"|'[^']*')*+>")
_ATTRIBUTE = re.compile(r"\b(class|id|type)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
#: A number beyond all characters makes the standard library's unescape raise when it has thousands of digits.
_HUGE_NUMBER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")

_HIDDEN = frozenset({"head", "script", "style", "template", "title"})
_VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "area", "col", "wbr"})
_LINES = frozenset({
    "address", "article", "blockquote", "center", "dd", "div", "dl", "dt", "footer", "form", "h1", "h2", "h3", "h4",
    "h5", "h6", "header", "li", "main", "ol", "p", "pre", "section", "table", "tbody", "tr", "ul",
})  # fmt: skip
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})

#: Classes in which programs put the mail that is answered.
_QUOTES = frozenset({
    "gmail_quote", "gmail_quote_container", "gmail_attr", "yahoo_quoted", "yahoo-quoted-begin", "moz-cite-prefix",
    "protonmail_quote", "tutanota_quote", "zmail_extra",
})  # fmt: skip
_SIGNATURES = frozenset({
    "gmail_signature", "moz-signature", "protonmail_signature_block", "signature", "ms-outlook-mobile-signature",
    "composer_signature", "applemailsignature",
})  # fmt: skip
#: Ids of elements after which everything is the mail that is answered (Outlook in its variants).
_ALL_QUOTED_AFTER = frozenset({
    "divrplyfwdmsg", "appendonsend", "stopspelling", "mail-editor-reference-message-container", "olk_src_body_section",
})  # fmt: skip
#: What the plain text of such mails has in that place.
SEPARATOR = "_" * 32
SIGNATURE = "-- "


def to_text(source: str) -> str:
    """Return the text of an HTML body; lines of quoted mails begin with ``> ``."""
    page = _Page()
    for token in _tokens(source):
        page.take(token)
    return page.finished()


class _Page:
    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        #: The element whose end ends the quote, and how many of its name are open in it.
        self._quote: tuple[str, int] | None = None
        self._preformatted = 0

    def take(self, token: tuple[str, str, str, str]) -> None:
        kind, name, attributes, text = token
        if kind == "text":
            self._write(text)
        elif kind == "open":
            self._open(name, attributes)
        else:
            self._close(name)

    def finished(self) -> str:
        self._break()
        return "\n".join(self._lines).strip("\n")

    def _write(self, text: str) -> None:
        first, *more = text.split("\n") if self._preformatted else (text,)
        self._line.append(first)
        for line in more:
            self._break(always=True)
            self._line.append(line)

    def _open(self, name: str, attributes: str) -> None:
        if name == "br":
            self._break(always=True)
        elif name in ("td", "th"):
            self._line.append(" ")
        elif name in _LINES or name == "hr":
            self._break()
        self._preformatted += name == "pre"
        marks = _marks(attributes) if attributes else frozenset()
        if self._quote:
            if name == self._quote[0]:
                self._quote = (name, self._quote[1] + 1)
        elif name not in _VOID and _is_quote(name, marks):
            self._break()
            self._quote = (name, 1)
        if not marks.isdisjoint(_ALL_QUOTED_AFTER):
            self._mark(SEPARATOR)
        elif not marks.isdisjoint(_SIGNATURES):
            self._mark(SIGNATURE)

    def _close(self, name: str) -> None:
        self._preformatted -= name == "pre" and self._preformatted > 0
        if name in _LINES:
            self._break()
            if name in _PARAGRAPHS and self._lines and self._lines[-1]:
                self._lines.append(self._prefixed(""))
        if self._quote and name == self._quote[0]:
            left = self._quote[1] - 1
            self._break()
            self._quote = (name, left) if left else None

    def _mark(self, line: str) -> None:
        self._break()
        self._lines.append(self._prefixed(line))

    def _break(self, *, always: bool = False) -> None:
        line = _SPACE.sub(" ", "".join(self._line)).strip()
        self._line = []
        if line or always:
            self._lines.append(self._prefixed(line))

    def _prefixed(self, line: str) -> str:
        return ("> " + line).rstrip() if self._quote else line


def _is_quote(name: str, marks: frozenset[str]) -> bool:
    if name == "blockquote" and "cite" in marks:
        return True
    return not marks.isdisjoint(_QUOTES) or any(mark.startswith("yahoo_quoted") for mark in marks)


def _marks(attributes: str) -> frozenset[str]:
    """The words in `class`, `id` and `type`, in lower case."""
    found = (double or single or bare for _, double, single, bare in _ATTRIBUTE.findall(attributes[:2_000]))
    return frozenset(word for value in found for word in value.lower().split())


def _tokens(source: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield ("text", "", "", text), ("open", name, attributes, "") and ("close", name, "", "")."""
    at, end, quotes = 0, len(source), True
    while at < end:
        tag = source.find("<", at)
        if tag < 0:
            tag = end
        if tag > at:
            yield "text", "", "", _unescaped(source[at:tag])
        if tag == end:
            return
        named = _NAME.match(source, tag)
        if not named:
            at = _after_markup(source, tag)
            if at == tag + 1:
                yield "text", "", "", "<"
            continue
        name, begin = named[2].lower(), named.end()
        rest = _REST.match(source, begin) if quotes else None
        # A quote that is never closed: from there on quotes are not believed, or each tag would be read to the end.
        quotes = rest is not None
        at = rest.end() if rest else source.find(">", begin) + 1 or end
        yield ("close", name, "", "") if named[1] else ("open", name, source[begin:at], "")
        if name in _HIDDEN and not named[1]:
            at = _after_hidden(source, name, at)


def _after_markup(source: str, at: int) -> int:
    """Where a comment, declaration or instruction ends that begins at `at`; `at` + 1 when it is none."""
    if source.startswith("<!--", at):
        return source.find("-->", at + 4) + 3 if source.find("-->", at + 4) >= 0 else len(source)
    if source.startswith(("<!", "<?", "</"), at):
        return source.find(">", at) + 1 or len(source)
    return at + 1


def _after_hidden(source: str, name: str, at: int) -> int:
    found = re.compile(rf"</{name}\b", re.IGNORECASE).search(source, at)
    return found.start() if found else len(source)


def _unescaped(text: str) -> str:
    return html.unescape(_HUGE_NUMBER.sub("\ufffd", text)) if "&" in text else text
