"""From the bytes of one POST to a mail, in both forms that Inbound Parse has.

By default SendGrid takes the mail apart: `headers`, `text`, `html` and files are fields of the form. With "POST the
raw, full MIME message" the field `email` is the mail itself. Documented in "Setting Up The Inbound Parse Webhook"; what
is relied on below is what really arrives.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from typing import Any

from orchestrator import errors
from orchestrator.domain import text
from orchestrator.domain.reply import Attachment, InboundMail, ReportPart
from orchestrator.webhooks.inbound import body, charsets, headers, mime
from orchestrator.webhooks.inbound.mime import Part

MAX_RECIPIENTS = 100
MAX_ATTACHMENTS = 200


def parse(raw_body: bytes, content_type: str) -> InboundMail:
    """Return the mail of one Inbound Parse POST; what a stranger wrote in it never makes this fail.

    Args:
        raw_body: The body, already verified.
        content_type: The request's Content-Type header, which holds the boundary.

    Raises:
        MalformedPayload: The body is no form of type multipart/form-data, or has no field.
    """
    form = _read_form(raw_body, content_type)
    raw_mode = "email" in form.fields and "headers" not in form.fields
    mail = _whole_mail(form) if raw_mode else _taken_apart(form)
    return replace(mail, dedupe_key=_dedupe_key(mail))


@dataclass(frozen=True, slots=True)
class _Form:
    """The fields of a form, files apart; of fields that came twice the first."""

    fields: dict[str, Part]
    files: dict[str, Part]
    charsets: dict[str, str]

    def text(self, name: str) -> str:
        part = self.fields.get(name)
        if part is None:
            return ""
        raw = part.data[part.start : min(part.end, part.start + mime.MAX_TEXT)]
        return charsets.decode(raw, self.charsets.get(name))

    def json(self, name: str) -> dict[str, Any]:
        """A field that holds a JSON object; nothing when it does not."""
        try:
            value = json.loads(charsets.decode(self._raw(name)), strict=False)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def _raw(self, name: str) -> bytes:
        part = self.fields.get(name)
        return part.data[part.start : min(part.end, part.start + mime.MAX_HEADERS)] if part else b""


def _read_form(raw_body: bytes, content_type: str) -> _Form:
    request = headers.content_of([("Content-Type", content_type[: headers.MAX_VALUE])])
    if request.get_content_type() != "multipart/form-data" or not headers.boundary(request):
        raise errors.MalformedPayload(
            "The inbound mail's body is not multipart/form-data with a boundary.",
            fix="Point only SendGrid's Inbound Parse at this address; events go to the event webhook's.",
        )
    fields: dict[str, Part] = {}
    files: dict[str, Part] = {}
    for part in _parts(raw_body, request):
        name = headers.parameter(part.content, "name", "content-disposition") or ""
        is_file = name.startswith("attachment") and name[len("attachment") :].isdigit()
        (files if is_file else fields).setdefault(name, part)
    if not fields:
        raise errors.MalformedPayload(
            "The inbound mail's body is a form without a field.",
            fix="Point only SendGrid's Inbound Parse at this address; make sure no proxy changes the body.",
        )
    form = _Form(fields, files, {})
    form.charsets.update((name, value) for name, value in form.json("charsets").items() if isinstance(value, str))
    return form


def _parts(raw_body: bytes, request: Message) -> Iterator[Part]:
    whole = Part(raw_body, "", [], 0, len(raw_body), request)
    return (part for part in mime.children(whole, limit=mime.MAX_PARTS) if part.disposition == "form-data")


def _whole_mail(form: _Form) -> InboundMail:
    """Read a mail from the field `email` (raw mode)."""
    field = form.fields["email"]
    root = mime.read_tree(field.data, field.start, field.end)
    parts = list(mime.walk(root))
    return _mail(
        form,
        (root.raw_headers, root.fields),
        body.text_of(root),
        [found for part in parts if (found := body.attachment_of(part))],
        [found for part in parts[1:] if (found := body.report_of(part))],
    )


def _taken_apart(form: _Form) -> InboundMail:
    """Read a mail from the fields into which SendGrid took it apart (default mode)."""
    block = form.text("headers")[: mime.MAX_HEADERS]
    fields = headers.split(block)
    plain = body.plain(form.text("text"), headers.first(fields, "content-type"))
    told = form.json("attachment-info")
    return _mail(
        form,
        (block, fields),
        plain if plain.strip() else body.from_html(form.text("html")),
        [found for name, part in form.files.items() if (found := _file(part, told.get(name)))],
        [found for part in form.files.values() if (found := body.report_of(part))],
    )


def _file(part: Part, told: Any) -> Attachment | None:
    """What a file of the form is; `told` is its entry in the field `attachment-info`."""
    known = {key: value for key, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
    return body.file_of(part, name=known.get("filename") or known.get("name"), kind=known.get("type"))


def _mail(
    form: _Form,
    head: tuple[str, list[tuple[str, str]]],
    plain: str,
    attachments: list[Attachment],
    reports: list[ReportPart],
) -> InboundMail:
    block, fields = head
    envelope_from, envelope_to, has_envelope = _envelope(form)
    from_name, from_email = headers.mailbox(headers.first(fields, "from") or form.text("from"))
    _, to_email = headers.mailbox(headers.first(fields, "to") or form.text("to"))
    subject = headers.first(fields, "subject")
    own_id = headers.message_ids(headers.first(fields, "message-id"))
    return InboundMail(
        envelope_from=envelope_from,
        envelope_to=envelope_to or ((to_email,) if to_email else ()),
        has_envelope=has_envelope,
        from_email=from_email,
        from_name=from_name,
        to_email=to_email,
        subject=text.header_line(charsets.decode_words(subject or form.text("subject")[: headers.MAX_VALUE])),
        text=plain,
        headers=headers.readable(fields),
        message_id=own_id[0] if own_id else None,
        in_reply_to=_answered(fields, reports),
        attachments=tuple(attachments[:MAX_ATTACHMENTS]),
        reports=tuple(reports[:MAX_ATTACHMENTS]),
        raw_headers=text.several_lines(block),
        date=headers.date(headers.first(fields, "date")),
    )


def _envelope(form: _Form) -> tuple[str | None, tuple[str, ...], bool]:
    """Return (from, to, whether there is one) of the SMTP envelope."""
    envelope = form.json("envelope")
    written = envelope.get("to")
    written = written if isinstance(written, list) else [written]
    to = (headers.address(each) for each in written[:MAX_RECIPIENTS] if isinstance(each, str))
    sender = envelope.get("from")
    return (
        headers.address(sender) if isinstance(sender, str) else None,
        tuple(dict.fromkeys(each for each in to if each)),
        isinstance(sender, str),
    )


def _answered(fields: list[tuple[str, str]], reports: list[ReportPart]) -> tuple[str, ...]:
    """Return the ids of mails that this one answers or is about, the nearest first."""
    ids = headers.message_ids(headers.first(fields, "in-reply-to"))
    ids += reversed(headers.message_ids(headers.first(fields, "references")))
    for report in reports:
        ids += headers.message_ids(headers.first(headers.split(report.text), "message-id"))
    return tuple(dict.fromkeys(ids))[: headers.MAX_IDS]


def _dedupe_key(mail: InboundMail) -> str:
    """Return what is the same whenever SendGrid posts this mail again; it sends neither id nor time of its own."""
    recipients = sorted(each.casefold() for each in mail.envelope_to)
    what = [mail.message_id] if mail.message_id else ["", mail.raw_headers, mail.subject, mail.text]
    return hashlib.sha256("\x00".join([*what, *recipients]).encode()).hexdigest()
