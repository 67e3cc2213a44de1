"""Mail that machines send because of ours: out of office, bounces, receipts, complaints. None of it is a reply.

The forms are those of Exchange and of Gmail for absence, and of RFC 3464, RFC 8098 and RFC 5965 for reports. All but
the complaint have an empty return path.
"""

from __future__ import annotations

from datetime import date, timedelta

from orchestrator import errors
from orchestrator.sandbox import ids
from orchestrator.sandbox.inbound.letter import Letter
from orchestrator.sandbox.owners import mime
from orchestrator.sandbox.owners.languages import language, written_day
from orchestrator.sandbox.owners.original import Original, local, rfc_date
from orchestrator.sandbox.owners.replies import thread

ABSENCES = ("exchange", "gmail")
AWAY = timedelta(days=7)


def out_of_office(
    original: Original,
    at: int,
    *,
    client: str = "exchange",
    language: str = "en",
    returns_on: str | None = None,
    text: str | None = None,
    charset: str = "utf-8",
) -> Letter:
    """Return the automatic answer of somebody who is away.

    Args:
        original: What is being answered.
        at: Story time in unix seconds.
        client: ``exchange`` or ``gmail``.
        language: A row of `languages.LANGUAGES`.
        returns_on: Day of return as YYYY-MM-DD; None: a week from now.
        text: What it says; None: what people write.
        charset: Of the text.

    Raises:
        errors.ValidationError: an argument is none of those allowed.
    """
    if client not in ABSENCES:
        raise errors.ValidationError("client", f"must be one of {', '.join(ABSENCES)}, not {client!r}")
    spoken = _language(language)
    words = text if text is not None else spoken.away.format(back=written_day(spoken, _day_of_return(returns_on, at)))
    body = mime.text_part("plain", f"{words}\n", mime.known_charset("charset", charset))
    if client == "exchange":
        message_id = f"<{ids.random_hex(16)}@SA1PR20MB4321.namprd20.prod.outlook.com>"
        subject = f"{spoken.automatic}{original.subject}"
        marks = [
            ("X-MS-Exchange-Inbox-Rules-Loop", original.to_email),
            ("X-MS-Exchange-Generated-Message-Source", "Mailbox Rules Agent"),
            ("X-Auto-Response-Suppress", "All"),
            ("Auto-Submitted", "auto-generated"),
        ]
    else:
        message_id = f"<CA+{ids.random_id()}@mail.gmail.com>"
        subject = f"Re: {original.subject}"
        marks = [("X-Autoreply", "yes"), ("Auto-Submitted", "auto-replied"), ("Precedence", "bulk")]
    headers = [
        ("From", mime.address(original.to_name, original.to_email)),
        *_common(original, subject, message_id, at),
        *thread(original),
        *marks,
    ]
    domain = original.to_email.rpartition("@")[2]
    return _letter(original, mime.mail(headers, body), message_id, at, domain)


def _day_of_return(text: str | None, at: int) -> date:
    try:
        return date.fromisoformat(text) if text else local(at).date() + AWAY
    except (ValueError, TypeError):
        raise errors.ValidationError("returns_on", f"must be a day as YYYY-MM-DD, not {text!r}") from None


_language = language


def bounce(original: Original, at: int, *, status: str = "5.1.1", reason: str | None = None) -> Letter:
    """Return a delivery status notification that was sent to the address for replies instead of the return path.

    Args:
        original: The mail that did not arrive.
        at: Story time in unix seconds.
        status: Enhanced status code (RFC 3463); one that begins with 4 makes a notice of delay.
        reason: What the mail server said; None: what suits a mailbox that does not exist.
    """
    host = f"mx.{original.to_email.rpartition('@')[2]}"
    said = reason or f"550 {status} <{original.to_email}>: Recipient address rejected: User unknown"
    action = "delayed" if status.startswith("4") else "failed"
    told = (
        f"This is the mail system at host {host}.\n\nI'm sorry to have to inform you that your message could not\n"
        f"be delivered to one or more recipients.\n\n<{original.to_email}>: {said}\n"
    )
    machine = (
        f"Reporting-MTA: dns; {host}\nArrival-Date: {rfc_date(original.sent_at)}\n\n"
        f"Final-Recipient: rfc822; {original.to_email}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {said}\n"
    )
    sender = ("From", f"Mail Delivery System <MAILER-DAEMON@{host}>")
    marks = [sender, ("Auto-Submitted", "auto-replied")]
    parts = [
        mime.text_part("plain", told, "us-ascii"),
        mime.report_part("message/delivery-status", machine),
        _copy(original, "message/rfc822"),
    ]
    subject = "Undelivered Mail Returned to Sender"
    return _report(original, at, "delivery-status", marks, parts, subject, host)


def receipt(original: Original, at: int) -> Letter:
    """Return a message disposition notification: the owner's program says that the mail was displayed."""
    told = f"Your message\n\n   To: {original.to_email}\n   Subject: {original.subject}\n\nwas read.\n"
    machine = (
        f"Reporting-UA: {original.to_email.rpartition('@')[2]}; Outlook\nFinal-Recipient: rfc822;{original.to_email}\n"
        f"Original-Message-ID: {original.message_id}\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    )
    marks = [("From", mime.address(original.to_name, original.to_email)), *thread(original)]
    parts = [
        mime.text_part("plain", told, "utf-8"),
        mime.report_part("message/disposition-notification", machine),
        _copy(original, "text/rfc822-headers"),
    ]
    subject = f"Read: {original.subject}"
    return _report(original, at, "disposition-notification", marks, parts, subject, "mail.outlook.example")


def complaint(original: Original, at: int) -> Letter:
    """Return a feedback report: the owner pressed the spam button and the provider passes it on by mail."""
    told = f"This is an email abuse report for a message received on {rfc_date(original.sent_at)}.\n"
    machine = (
        "Feedback-Type: abuse\nUser-Agent: FeedbackLoop/1.0\nVersion: 1\n"
        f"Original-Mail-From: <{original.from_email}>\nOriginal-Rcpt-To: <{original.to_email}>\n"
        f"Arrival-Date: {rfc_date(original.sent_at)}\nSource-IP: 198.51.100.24\n"
        f"Reported-Domain: {original.from_email.rpartition('@')[2]}\n"
    )
    parts = [
        mime.text_part("plain", told, "us-ascii"),
        mime.report_part("message/feedback-report", machine),
        _copy(original, "message/rfc822"),
    ]
    marks = [("From", "Feedback Loop <fbl@provider.example>")]
    return _report(
        original, at, "feedback-report", marks, parts, f"FW: {original.subject}", "fbl.provider.example",
        envelope_from="fbl@provider.example",
    )  # fmt: skip


def _copy(original: Original, content_type: str) -> mime.Part:
    """Return the mail, or its headers, as a part of a report; names and subject are ASCII in headers already."""
    whole = mime.mail(original.as_received(), mime.text_part("plain", original.text, "utf-8"))
    content = whole if content_type == "message/rfc822" else whole.partition(b"\r\n\r\n")[0] + b"\r\n"
    return mime.Part([("Content-Type", content_type)], content)


def _common(original: Original, subject: str, message_id: str, at: int) -> list[tuple[str, str]]:
    return [
        ("To", ", ".join(original.answers_to)),
        ("Subject", mime.words(subject)),
        ("Date", rfc_date(local(at))),
        ("Message-ID", message_id),
        ("MIME-Version", "1.0"),
    ]


def _report(
    original: Original,
    at: int,
    kind: str,
    marks: list[tuple[str, str]],
    parts: list[mime.Part],
    subject: str,
    host: str,
    *,
    envelope_from: str = "",
) -> Letter:
    message_id = f"<{ids.random_hex(10)}@{host}>"
    body = mime.multipart("report", parts, f"; report-type={kind}")
    headers = [*marks, *_common(original, subject, message_id, at)]
    return _letter(original, mime.mail(headers, body), message_id, at, host, envelope_from=envelope_from)


def _letter(
    original: Original, raw: bytes, message_id: str, at: int, domain: str, *, envelope_from: str = ""
) -> Letter:
    return Letter(
        mime=raw,
        envelope_from=envelope_from,
        envelope_to=original.answers_to,
        message_id=message_id,
        at=at,
        host=f"mail.{domain}",
        signed_by=domain,
    )


REPORTS = {"bounce_report": bounce, "receipt": receipt, "complaint": complaint}
