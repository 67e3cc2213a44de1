"""A page of ours with a form in it filled in once more as it was sent, and what is wrong said where it is wrong.

It works on finished HTML, so that no form has to do anything for it and none can be forgotten. Only our own pages are
read here: their attributes stand in quotes, and what strangers wrote is escaped in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

#: Where a page says what is wrong, before all else; and what says it beside the field.
SUMMARY, BESIDE = "refused", "refused-why"
#: Hidden fields that belong to one showing of a page, not to what was sent.
_OF_THE_SHOWING = frozenset({"csrf", "seen", "was"})
_BUTTONS = frozenset({"submit", "button", "image", "reset"})
_TICKED = frozenset({"checkbox", "radio"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it was sent: the path it went to, the address of the page it stood on, and its fields."""

    to: str
    page: str
    fields: Mapping[str, Sequence[str]]

    def once(self, name: str) -> str | None:
        """Return the value of a field that was sent once, with line ends as they are in a page, else None."""
        values = self.fields.get(name, ())
        return values[0].replace("\r\n", "\n") if len(values) == 1 else None


class Spot(NamedTuple):
    """A control of a page: its element's id, and what its label says."""

    id: str
    label: str


@dataclass(slots=True)
class _Token:
    """A tag or a piece of text; ``after`` is put behind it."""

    text: str
    kind: Literal["start", "end", "text"] = "text"
    name: str = ""
    attributes: dict[str, str | None] = field(default_factory=dict)
    after: str = ""

    def is_(self, name: str) -> bool:
        return self.kind == "start" and self.name == name

    def get(self, name: str) -> str:
        return self.attributes.get(name) or ""

    def set(self, **changes: str | bool) -> None:
        """Change attributes: a text is a value, True is there, False is not."""
        for name, value in changes.items():
            self.attributes.pop(name, None)
            if value is not False:
                self.attributes[name] = None if value is True else str(value)
        written = (name if value is None else f'{name}="{escape(value)}"' for name, value in self.attributes.items())
        self.text = f"<{' '.join((self.name, *written))}>"

    @property
    def is_control(self) -> bool:
        """Whether a person can enter something here."""
        if self.is_("input"):
            return self.get("type") not in {"hidden", *_BUTTONS}
        return self.is_("select") or self.is_("textarea")


class Page:
    """The HTML of one of our pages, to be changed, and written again with `str`."""

    def __init__(self, html: str) -> None:
        reader = _Reader()
        reader.feed(html)
        reader.close()
        self._tokens = reader.tokens

    def __str__(self) -> str:
        return "".join(token.text + token.after for token in self._tokens)

    def at(self, address: str) -> None:
        """Let links and forms that leave out their page mean `address`, whatever the browser calls this one."""
        path = address.partition("?")[0]
        for token in self._tokens:
            if token.is_("a") and token.get("href").startswith("?"):
                token.set(href=path + token.get("href"))
            elif token.is_("form") and "action" not in token.attributes:
                token.set(action=address if token.get("method") == "post" else path)
            elif token.is_("body"):
                token.set(**{"data-page": address})

    def fill(self, sent: Sent, names: Iterable[str] = ()) -> Spot | None:
        """Fill in the form that was sent, and open what hides it.

        Args:
            sent: What was sent.
            names: What the wrong field may be called, likeliest first.

        Returns:
            The wrong field; None: it is not on the page, or nobody could see it.
        """
        span = self._form(sent)
        if span is None:
            return None
        controls = [at for at in span if self._tokens[at].is_control]
        self._enter(controls, sent)
        wrong = next((at for name in names for at in controls if self._tokens[at].get("name") == name), None)
        pressed = next((at for at in span if _is_pressed(self._tokens[at], sent)), span.start)
        dialog = self._reveal(pressed if wrong is None else wrong)
        if wrong is None and dialog is not None:
            self._describe(dialog)
        if wrong is None:
            return None
        alike = [at for at in controls if self._tokens[at].get("name") == self._tokens[wrong].get("name")]
        # One of many boxes stands for all of them, which have the name of their form.
        return self._mark(wrong, self._tokens[span.start].get("aria-label") if len(alike) > 1 else "")

    def has(self, sent: Sent) -> bool:
        """Whether the page still has the form that was sent."""
        return self._form(sent) is not None

    def say(self, title: str, summary: str, beside: str = "") -> None:
        """Say before the title and at the top that something is wrong, and beside its field, or in its dialog, what."""
        for at, token in enumerate(self._tokens):
            if token.is_("title"):
                token.after = f"{escape(title)} · "
            elif token.get("id") == SUMMARY:
                token.after = summary
            elif beside and BESIDE in token.get("aria-describedby").split():
                self._tokens[self._end_of(at)].after = beside

    def _spans(self, name: str) -> Iterator[range]:
        """Yield where each element of a kind stands; elements of the kinds asked for never stand in their like."""
        start = None
        for at, token in enumerate(self._tokens):
            if token.is_(name):
                start = at
            elif token.kind == "end" and token.name == name and start is not None:
                yield range(start, at + 1)
                start = None

    def _form(self, sent: Sent) -> range | None:
        return next((one for one in self._spans("form") if self._is_the_form(one, sent)), None)

    def _is_the_form(self, span: range, sent: Sent) -> bool:
        form, inside = self._tokens[span.start], self._tokens[span.start : span.stop]
        if form.get("method") != "post" or urlsplit(form.get("action") or sent.page).path != sent.to:
            return False
        hidden = {one.get("name"): one.get("value") for one in inside if one.get("type") == "hidden"}
        acts = [one for one in inside if one.is_("button") and one.get("name")]
        return all(sent.once(name) == value for name, value in hidden.items() if name not in _OF_THE_SHOWING) and (
            not acts or any(_is_pressed(one, sent) for one in acts)
        )

    def _enter(self, controls: Iterable[int], sent: Sent) -> None:
        for at in controls:
            token = self._tokens[at]
            values = [value.replace("\r\n", "\n") for value in sent.fields.get(token.get("name"), ())]
            if token.get("type") in _TICKED:
                token.set(checked=(token.get("value") or "on") in values)
            elif not values or token.get("type") in ("file", "password"):
                continue
            elif token.name == "select":
                self._choose(at, values)
            elif token.name == "textarea":
                for inner in self._tokens[at + 1 : self._end_of(at)]:
                    inner.text = ""
                token.after = "\n" + escape(values[0])  # the first line end of a textarea is none of its text
            else:
                token.set(value=values[0])

    def _choose(self, at: int, values: Sequence[str]) -> None:
        options = [one for one in self._tokens[at : self._end_of(at)] if one.is_("option")]
        if not any(option.get("value") in values for option in options):
            return
        for option in options:
            option.set(selected=option.get("value") in values)

    def _reveal(self, at: int) -> int | None:
        """Open the details and the dialog that hold a place; return where the dialog begins.

        Without scripts it is the dialog's own form that closes it.
        """
        holding = [one for kind in ("details", "dialog") for one in self._spans(kind) if at in one]
        for span in holding:
            self._tokens[span.start].set(open=True)
            for token in self._tokens[span.start : span.stop]:
                if token.is_("button") and token.get("popovertargetaction") == "hide":
                    token.set(type="submit", formmethod="dialog", formnovalidate=True)
        return holding[-1].start if holding and self._tokens[holding[-1].start].is_("dialog") else None

    def _mark(self, at: int, label: str) -> Spot:
        token = self._tokens[at]
        self._describe(at)
        token.set(**{"id": token.get("id") or "refused-field", "autofocus": True, "aria-invalid": "true"})
        return Spot(token.get("id"), label or self._label(at))

    def _describe(self, at: int) -> None:
        token = self._tokens[at]
        token.set(**{"aria-describedby": " ".join((*token.get("aria-describedby").split(), BESIDE))})

    def _label(self, at: int) -> str:
        token = self._tokens[at]
        for span in self._spans("label"):
            if at in span or self._tokens[span.start].get("for") == token.get("id"):
                words = "".join(one.text for one in self._tokens[span.start : span.stop] if one.kind == "text")
                return " ".join(unescape(words).split())
        return token.get("aria-label") or token.get("name")

    def _end_of(self, at: int) -> int:
        """Return what stands behind a control, or at a dialog's beginning."""
        name = self._tokens[at].name
        if name in ("input", "dialog"):
            return at
        return next(
            n for n in range(at, len(self._tokens)) if self._tokens[n].kind == "end" and self._tokens[n].name == name
        )


def _is_pressed(token: _Token, sent: Sent) -> bool:
    named = token.is_("button") and token.get("name") and token.get("type") not in ("button", "reset")
    return bool(named) and sent.once(token.get("name")) == token.get("value")


class _Reader(HTMLParser):
    """Takes a page apart into tags and texts that together say the same again."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[_Token] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tokens.append(_Token(self.get_starttag_text() or "", "start", tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.tokens.append(_Token(f"</{tag}>", "end", tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tokens.append(_Token(self.get_starttag_text() or ""))

    def handle_data(self, data: str) -> None:
        self.tokens.append(_Token(escape(data, quote=False)))

    def handle_comment(self, data: str) -> None:
        self.tokens.append(_Token(f"<!--{data}-->"))

    def handle_decl(self, decl: str) -> None:
        self.tokens.append(_Token(f"<!{decl}>"))
