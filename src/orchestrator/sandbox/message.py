"""One accepted mail to one recipient, and the request it came in."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.sandbox import ids

_ANCHOR = re.compile(r"<a\s([^>]*)>", re.IGNORECASE)
_HREF = re.compile(r"""href=(?:"(https?://[^"\s]+)"|'(https?://[^'\s]+)')""", re.IGNORECASE)
_TEXT_LINK = re.compile(r"https?://[^\s<>\"]+")
_MAX_TRACKED_LINKS = 1000


@dataclass(frozen=True, slots=True)
class Link:
    """A tracked link: its address and its position among all links of that body part."""

    url: str
    index: int
    part: str


@dataclass(slots=True, eq=False)
class Message:
    """One recipient's copy of a request.

    Args:
        x_message_id: Id of the request, shared by all its recipients.
        index: Position of the recipient in the request, from 0; part of every id.
        email: Recipient as given.
        name: Recipient's display name or None.
        kind: ``to``, ``cc`` or ``bcc``.
        payload: The request's JSON, shared by all its recipients; never changed.
        personalization: The block of the payload that named this recipient.
        custom_args: Merged custom arguments; the personalization's win.
        sg_message_id: SendGrid's long id of this copy.
        smtp_id: The Message-ID header the recipient sees.
        accepted_at: Unix seconds.
        number: Running number in this sandbox, from 1.
        attempts: Delivery attempts that were deferred so far.
        events: Every event that happened, in the shape it was posted.
    """

    x_message_id: str
    index: int
    email: str
    name: str | None
    kind: str
    payload: dict[str, Any]
    personalization: dict[str, Any]
    custom_args: dict[str, str]
    sg_message_id: str
    smtp_id: str
    accepted_at: int
    number: int
    attempts: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Short id used by the control API: ``{X-Message-Id}.{index}``."""
        return f"{self.x_message_id}.{self.index}"

    @property
    def subject(self) -> str | None:
        subject = self.personalization.get("subject") or self.payload.get("subject")
        return self._substituted(subject) if subject else None

    @property
    def sender(self) -> dict[str, Any]:
        return self.personalization.get("from") or self.payload["from"]

    @property
    def headers(self) -> dict[str, str]:
        return {**(self.payload.get("headers") or {}), **(self.personalization.get("headers") or {})}

    @property
    def categories(self) -> list[str]:
        return self.payload.get("categories") or []

    @property
    def group_id(self) -> int | None:
        return (self.payload.get("asm") or {}).get("group_id")

    def body(self, content_type: str) -> str | None:
        """Return the first body part of that type with its substitutions made, or None."""
        for part in self.payload.get("content") or []:
            if part["type"].startswith(content_type):
                return self._substituted(part["value"])
        return None

    def _substituted(self, text: str) -> str:
        for tag, value in (self.personalization.get("substitutions") or {}).items():
            text = text.replace(tag, value)
        return text

    @property
    def template_id(self) -> str | None:
        return self.payload.get("template_id")

    def tracks(self, what: str) -> bool:
        """Say whether `what` (``open`` or ``click``) is tracked; the account's own default is on."""
        return self._tracking(what).get("enable", True)

    def _tracking(self, what: str) -> dict[str, Any]:
        return (self.payload.get("tracking_settings") or {}).get(f"{what}_tracking") or {}

    def links(self) -> list[Link]:
        """Return the links SendGrid would rewrite: quoted, absolute, not marked ``clicktracking=off``."""
        if not self.tracks("click"):
            return []
        links: list[Link] = []
        for index, anchor in enumerate(_ANCHOR.finditer(self.body("text/html") or "")):
            if href := _tracked(anchor.group(1)):
                links.append(Link(html.unescape(href.group(1) or href.group(2)), index, "html"))
        if self._tracking("click").get("enable_text"):
            found = _TEXT_LINK.findall(self.body("text/plain") or "")
            links += [Link(url, index, "text") for index, url in enumerate(found)]
        return links[:_MAX_TRACKED_LINKS]

    def rewritten(self, address: Callable[[Link], str]) -> str | None:
        """Return the HTML part as SendGrid sends it: each tracked link leads to `address` of it; None: no such part."""
        known = {link.index: link for link in self.links() if link.part == "html"}
        position = itertools.count()

        def anchor(found: re.Match[str]) -> str:
            link, href = known.get(next(position)), _tracked(found.group(1))
            if link is None or href is None:
                return found.group(0)
            start, end = href.span()
            return f'<a {href.string[:start]}href="{html.escape(address(link))}"{href.string[end:]}>'

        body = self.body("text/html")
        return None if body is None else _ANCHOR.sub(anchor, body)


def _tracked(attributes: str) -> re.Match[str] | None:
    """Return where the address of a link stands that SendGrid would rewrite; None: it would not."""
    href = _HREF.search(attributes)
    return href if href and "clicktracking=off" not in attributes.lower().replace('"', "").replace("'", "") else None


def messages_of(
    payload: dict[str, Any], x_message_id: str, request_part: str, now: int, numbers: Iterator[int]
) -> Iterator[Message]:
    """Yield the messages that a request makes, one for each recipient.

    Args:
        payload: The request's JSON.
        x_message_id: Id of the request.
        request_part: What they share of their `sg_message_id`.
        now: Unix seconds.
        numbers: Their running numbers.
    """
    shared = payload.get("custom_args") or {}
    index = 0
    for block in payload["personalizations"]:
        own = block.get("custom_args")
        custom_args = {**shared, **own} if own else shared
        headers = {**(payload.get("headers") or {}), **(block.get("headers") or {})}
        given = next((value for key, value in headers.items() if key.lower() == "message-id"), None)
        smtp_id = given or ids.smtp_id(x_message_id)
        for kind in ("to", "cc", "bcc"):
            for person in block.get(kind) or ():
                yield Message(
                    x_message_id, index, person["email"], person.get("name"), kind, payload, block, custom_args,
                    f"{request_part}.{index}", smtp_id, now, next(numbers),
                )  # fmt: skip
                index += 1
