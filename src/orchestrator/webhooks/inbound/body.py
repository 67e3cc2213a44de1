"""The text of a mail whose parts are known: what its writer typed, and the quoted mail below it."""

from __future__ import annotations

import re
from itertools import chain

from orchestrator.domain import text
from orchestrator.domain.reply import Attachment, ReportPart
from orchestrator.webhooks.inbound import headers, html
from orchestrator.webhooks.inbound.mime import Part, embedded

MAX_TEXT = 1_000_000  #: characters of a mail's text that are kept
MAX_REPORT = 20_000  #: characters of a report that are kept

_REPORTS = frozenset({"message/delivery-status", "message/disposition-notification", "message/feedback-report"})
_MAILS = frozenset({"message/rfc822", "message/global"})
#: Parts that no person opens.
_FOR_PROGRAMS = _REPORTS | {"text/rfc822-headers", "message/rfc822-headers"}
#: Multiparts of which one part is the message and the others say something about it.
_FIRST_PART_ONLY = frozenset({"multipart/report", "multipart/signed", "multipart/related", "multipart/appledouble"})
_QUOTE_MARKS = re.compile(r">*")


def text_of(part: Part) -> str:
    """Return the text of a mail or of a part of it, from HTML where there is nothing else."""
    if part.disposition == "attachment":
        return ""
    if not part.type.startswith("multipart/"):
        return _text_of_leaf(part)
    if not part.parts:  # its boundary is missing, or never comes
        return plain(part.text(), None)
    found = [(child.type, text_of(child)) for child in _shown(part)]
    if part.type == "multipart/alternative":
        preferred = (each for kind, each in found if kind == "text/plain")
        return next((each for each in chain(preferred, (each for _, each in found)) if each.strip()), "")
    return "\n".join(each for _, each in found if each.strip())


def plain(source: str, content_type: str | None) -> str:
    """Return plain text cleaned, lines joined that were only broken for transport.

    Args:
        source: The text as it came.
        content_type: The Content-Type header of it, which may say ``format=flowed`` (RFC 3676).
    """
    cleaned = text.several_lines(source[:MAX_TEXT])
    content = headers.content_of([("Content-Type", content_type)] if content_type else [])
    if content.get_content_type() == "text/plain" and (headers.parameter(content, "format") or "").lower() == "flowed":
        return _unflowed(cleaned, delete_space=(headers.parameter(content, "delsp") or "").lower() == "yes")
    return cleaned


def from_html(source: str) -> str:
    """Return HTML as plain text, cleaned."""
    return html.to_text(text.several_lines(source))[:MAX_TEXT]


def attachment_of(part: Part) -> Attachment | None:
    """Return what is told of a part that is a file; None when it is text of the mail, or only holds other parts."""
    name = headers.file_name(part.content)
    is_text = part.type in ("text/plain", "text/html") and part.disposition != "attachment" and not name
    return None if is_text or part.type.startswith("multipart/") else file_of(part)


def file_of(part: Part, *, name: str | None = None, kind: str | None = None) -> Attachment | None:
    """Return what is told of a part that is a file; None when it is meant for programs.

    Args:
        part: The part.
        name: What it is called where the part itself does not say.
        kind: Its media type where the part itself does not say.
    """
    if part.type in _FOR_PROGRAMS:
        return None
    own = part.type if "content-type" in part.content else kind
    return Attachment(
        name=headers.file_name(part.content) or headers.cleaned_name(name or "") or "unnamed",
        type=headers.cleaned_name(own or "") or "application/octet-stream",
        size=part.size(),
    )


def report_of(part: Part) -> ReportPart | None:
    """Return the part of a report that is meant for programs; None when this is none."""
    if part.type in _FOR_PROGRAMS:
        return ReportPart(part.type, text.several_lines(part.text()[:MAX_REPORT]))
    if part.type in _MAILS:
        return ReportPart(part.type, text.several_lines(embedded(part).raw_headers[:MAX_REPORT]))
    return None


def _shown(part: Part) -> list[Part]:
    return part.parts[:1] if part.type in _FIRST_PART_ONLY else part.parts


def _text_of_leaf(part: Part) -> str:
    if part.type == "text/html":
        return from_html(part.text())
    if part.type == "text/plain" and not headers.parameter(part.content, "filename", "content-disposition"):
        return plain(part.text(), part.content.get("content-type"))
    return ""


def _unflowed(source: str, *, delete_space: bool) -> str:
    """Join lines of ``format=flowed`` (RFC 3676 §4.2): a line that ends in a space goes on in the next."""
    lines: list[str] = []
    flowing: str | None = None
    for line in source.split("\n"):
        marks = _QUOTE_MARKS.match(line)[0]  # pyright: ignore[reportOptionalSubscript] # matches always
        content = line[len(marks) :].removeprefix(" ")
        if flowing == marks and content != "-- ":
            lines[-1] += content
        else:
            lines.append(f"{marks} {content}" if marks else content)
        flowing = marks if content.endswith(" ") and content != "-- " else None
        if flowing is not None and delete_space:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)
