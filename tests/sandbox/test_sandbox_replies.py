"""What owners' mail looks like: how programs quote, what machines answer, and what can be wrong with it."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from orchestrator import errors
from orchestrator.clock import ManualClock
from orchestrator.sandbox import Sandbox, SandboxConfig
from orchestrator.sandbox.inbound import form
from orchestrator.sandbox.inbound.letter import Letter
from orchestrator.sandbox.message import Message
from orchestrator.sandbox.owners import automatic
from orchestrator.sandbox.owners.languages import LANGUAGES
from orchestrator.sandbox.owners.original import original_of
from orchestrator.sandbox.owners.replies import Reply, reply
from tests.sandbox.bench import REPLY_TO, Bench, Receiver, mail, sent

Start = Callable[..., Bench]
#: 9:08:05 PM on a Saturday where the owners live.
EVENING = datetime(2026, 11, 22, 2, 8, 5, tzinfo=UTC)
AT = int(EVENING.timestamp())
TEXT = "Dear Jane,\n\nwe looked at 12 Oak Street.\n\nUnsubscribe: https://go.acme.example/u/abc"
MARKUP = "<html><body class='x'><p>we looked at <b>12 Oak Street</b></p></body></html>"


def message(**changes: Any) -> Message:
    """Return a mail that was sent in the evening."""
    sandbox = Sandbox(SandboxConfig(), ManualClock(EVENING))
    content = [{"type": "text/plain", "value": TEXT}, {"type": "text/html", "value": MARKUP}]
    payload = mail("jane@home.example", content=content, reply_to={"email": REPLY_TO}, **changes)
    payload["personalizations"][0]["to"][0]["name"] = "Jane Owner"
    payload["from"] = {"email": "offers@acme.example", "name": "Acme Realty"}
    found = sandbox.message(sandbox.accept(payload))
    assert found is not None
    return found


def written(text: str = "Yes, call me.", **wish: Any) -> EmailMessage:
    """Return the mail in which the owner answers, as the standard library reads it."""
    return read(reply(original_of(message()), Reply(text=text, **wish), AT + 3600))


def read(letter: Letter) -> EmailMessage:
    found = email.message_from_bytes(letter.mime, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def bodies(mail_: EmailMessage) -> tuple[str, str | None]:
    text, markup = mail_.get_body(("plain",)), mail_.get_body(("html",))
    assert isinstance(text, EmailMessage)
    content = text.get_content().replace("\r\n", "\n")
    return content, markup.get_content().replace("\r\n", "\n") if isinstance(markup, EmailMessage) else None


def test_an_answer_goes_to_reply_to_and_names_what_it_answers():
    original = message()
    letter = reply(original_of(original), Reply(text="Yes"), AT + 3600)
    answer = read(letter)
    assert letter.envelope_to == (REPLY_TO,)
    assert answer["In-Reply-To"] == answer["References"] == original.smtp_id
    assert original.smtp_id == f"<{original.x_message_id}@geopod-ismtpd-38>"
    assert (answer["From"], answer["To"], answer["Subject"]) == (
        "Jane Owner <jane@home.example>", REPLY_TO, "Re: Your house",
    )  # fmt: skip
    assert answer["Date"] == "Sat, 21 Nov 2026 22:08:05 -0500"
    assert answer["Message-ID"] == letter.message_id


def test_without_reply_to_it_goes_to_the_sender():
    plain = message()
    del plain.payload["reply_to"]
    assert reply(original_of(plain), Reply(text="Yes"), AT).envelope_to == ("offers@acme.example",)


def test_gmail_quotes_below_a_line_that_may_be_broken():
    long = message()
    long.payload["from"]["name"] = "Acme Realty of Springfield"
    text, markup = bodies(read(reply(original_of(long), Reply(text="Yes", client="gmail"), AT)))
    assert text.startswith(
        "Yes\n\nOn Sat, Nov 21, 2026 at 9:08\N{NARROW NO-BREAK SPACE}PM Acme Realty of Springfield\n"
        "<offers@acme.example> wrote:\n\n> Dear Jane,\n>\n> we looked at 12 Oak Street.\n"
    )
    assert markup is not None
    assert '<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Sat, Nov' in markup
    assert '<blockquote class="gmail_quote"' in markup
    assert "<p>we looked at <b>12 Oak Street</b></p>" in markup
    assert "<body class" not in markup


def test_outlook_puts_a_block_of_headers_above_what_it_does_not_mark():
    answer = written(client="outlook")
    text, markup = bodies(answer)
    assert answer["Subject"] == "RE: Your house"
    assert text.startswith(
        "Yes, call me.\n\n________________________________\nFrom: Acme Realty <offers@acme.example>\n"
        "Sent: Saturday, November 21, 2026 9:08 PM\nTo: Jane Owner <jane@home.example>\nSubject: Your house\n\n"
        "Dear Jane,"
    )
    assert markup is not None
    assert markup.index('<div id="appendonsend">') < markup.index('<div id="divRplyFwdMsg"')
    assert "<b>From:</b> Acme Realty &lt;offers@acme.example&gt;<br>" in markup


def test_apple_mail_signs_and_cites():
    answer = written(client="apple")
    text, markup = bodies(answer)
    assert answer["X-Mailer"].startswith("iPhone Mail")
    assert text.startswith(
        "Yes, call me.\n\nSent from my iPhone\n\n"
        "> On Nov 21, 2026, at 9:08 PM, Acme Realty <offers@acme.example> wrote:\n>\n"
        "> \N{ZERO WIDTH NO-BREAK SPACE}Dear"
    )
    assert markup is not None
    assert markup.count('<blockquote type="cite">') == 2


def test_yahoo_indents_and_marks_nothing():
    text, markup = bodies(written(client="yahoo"))
    assert (
        "\n\n    On Saturday, November 21, 2026 at 09:08:05 PM EST, Acme Realty <offers@acme.example> wrote:  \n"
        in text
    )
    assert "\n Dear Jane,\n" in text
    assert markup is not None
    assert 'class="yahoo_quoted"' in markup


def test_a_plain_program_writes_text_only_and_can_answer_below():
    answer = written(client="plain", quote="bottom")
    assert answer.get_content_type() == "text/plain"
    text, markup = bodies(answer)
    assert text.startswith("On 11/21/26 21:08, Acme Realty wrote:\n> Dear Jane,\n")
    assert text.endswith("\nYes, call me.\n")
    assert markup is None
    assert bodies(written(client="plain", quote="none"))[0] == "Yes, call me.\n"


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("de", "Am Sa., 21. Nov. 2026 um 21:08 Uhr schrieb Acme Realty"),
        ("es", "El sáb, 21 nov 2026 a las 21:08, Acme Realty (<offers@acme.example>)"),
        ("fr", "Le sam. 21 nov. 2026 à 21:08, Acme Realty"),
        ("it", "Il giorno sab 21 nov 2026 alle ore 21:08 Acme Realty"),
        ("nl", "Op za 21 nov 2026 om 21:08 schreef Acme Realty"),
        ("pt", "Em sáb., 21 de nov. de 2026 às 21:08, Acme Realty"),
    ],
)
def test_gmail_speaks_the_owners_language(language: str, line: str):
    assert line in bodies(written(client="gmail", language=language))[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("client", ["gmail", "outlook", "apple", "yahoo", "plain"])
def test_every_program_speaks_every_language(client: str, language: str):
    text, markup = bodies(written(client=client, language=language, body="both"))
    assert "{" not in text.replace(TEXT, "")
    assert markup is not None
    assert "we looked at 12 Oak Street." in text


def test_the_program_is_the_one_that_suits_the_address():
    by_domain = {
        "hotmail.com": "RE: ", "icloud.com": "Re: ", "yahoo.com": "Re: ", "gmail.com": "Re: ", "home.example": "Re: ",
    }  # fmt: skip
    for domain, prefix in by_domain.items():
        answer = written(sender=f"Jane <jane@{domain}>")
        assert answer["Subject"] == f"{prefix}Your house"
        assert answer["From"] == f"Jane <jane@{domain}>"


def test_each_part_has_a_charset_of_its_own():
    answer = written(
        "Größe: 5 m² — schön", client="outlook", charset="iso-8859-1", html_charset="windows-1252",
        subject="Größe", subject_charset="iso-8859-15",
    )  # fmt: skip
    text, markup = answer.get_body(("plain",)), answer.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(markup, EmailMessage)
    assert (text.get_content_charset(), markup.get_content_charset()) == ("iso-8859-1", "windows-1252")
    assert text.get_content().startswith("Größe: 5 m² ? schön")
    assert "— schön" in markup.get_content()
    assert answer["Subject"] == "Größe"


def test_flaws_are_in_the_mail_and_nowhere_else():
    assert "\x00" in bodies(written(flaw="nul"))[0]
    assert written(flaw="no_message_id")["Message-ID"] is None
    assert written(flaw="no_thread")["In-Reply-To"] is None
    injected = reply(original_of(message()), Reply(text="Yes", flaw="header_injection"), AT)
    assert (read(injected)["Bcc"], read(injected)["X-Injected"]) == (None, None)
    assert read(injected)["Subject"] == "Re: Your house\r\nX-Injected: yes"
    assert b"everybody@example.net" not in injected.mime.partition(b"\r\n\r\n")[0]
    garbage = bodies(written(flaw="garbage"))[0]
    assert "\x1b" in garbage
    assert "On On On" in garbage


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"client": "pine"}, "client"),
        ({"language": "xx"}, "language"),
        ({"charset": "klingon"}, "charset"),
        ({"subject_charset": "base64"}, "subject_charset"),
        ({"quote": "aside"}, "quote"),
        ({"flaw": "none"}, "flaw"),
        ({"damage": "some"}, "damage"),
        ({"sender": "nobody"}, "from"),
        ({"headers": {"X-A": "b\r\nc: d"}}, "headers"),
        ({"attachments": ({"size": -1},)}, "attachments"),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_is_explained(wish: dict[str, Any], field: str):
    with pytest.raises(errors.ValidationError) as told:
        written(**wish)
    assert told.value.field == field


@pytest.mark.parametrize(
    ("language", "subject", "back"),
    [
        ("en", "Automatic reply: Your house", "Monday, November 30, 2026"),
        ("de", "Automatische Antwort: Your house", "30.11.2026"),
        ("es", "Respuesta automática: Your house", "30 de noviembre de 2026"),
        ("fr", "Réponse automatique : Your house", "30 novembre 2026"),
        ("it", "Risposta automatica: Your house", "30 novembre 2026"),
        ("nl", "Automatisch antwoord: Your house", "30 november 2026"),
        ("pt", "Resposta automática: Your house", "30 de novembro de 2026"),
    ],
)
def test_exchange_says_when_somebody_is_back_in_the_persons_language(language: str, subject: str, back: str):
    letter = automatic.out_of_office(original_of(message()), AT, language=language, returns_on="2026-11-30")
    answer = read(letter)
    assert answer["Subject"] == subject
    assert back in bodies(answer)[0]
    assert (answer["Auto-Submitted"], answer["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert (letter.envelope_from, letter.envelope_to) == ("", (REPLY_TO,))


def test_gmail_marks_absence_in_its_own_way_and_a_week_is_the_default():
    answer = read(automatic.out_of_office(original_of(message()), AT, client="gmail"))
    marks = (answer["Auto-Submitted"], answer["Precedence"], answer["X-Autoreply"], answer["Subject"])
    assert marks == ("auto-replied", "bulk", "yes", "Re: Your house")
    assert "Saturday, November 28, 2026" in bodies(answer)[0]
    with pytest.raises(errors.ValidationError, match="returns_on"):
        automatic.out_of_office(original_of(message()), AT, returns_on="tomorrow")


def test_a_bounce_report_is_what_rfc_3464_says():
    original = message()
    letter = automatic.bounce(original_of(original), AT, status="5.7.1", reason="550 5.7.1 rejected")
    report = read(letter)
    assert (report.get_content_type(), report.get_param("report-type")) == ("multipart/report", "delivery-status")
    told, machine, returned = report.iter_parts()
    assert told.get_content_type() == "text/plain"
    about_host, about_owner = machine.get_payload()
    assert about_host["Reporting-MTA"] == "dns; mx.home.example"
    assert about_owner["Final-Recipient"] == "rfc822; jane@home.example"
    assert (about_owner["Action"], about_owner["Status"]) == ("failed", "5.7.1")
    assert returned.get_content()["Message-ID"] == original.smtp_id
    assert (letter.envelope_from, report["Auto-Submitted"]) == ("", "auto-replied")
    assert report["From"] == "Mail Delivery System <MAILER-DAEMON@mx.home.example>"


def test_a_receipt_is_what_rfc_8098_says():
    original = message()
    report = read(automatic.receipt(original_of(original), AT))
    assert report.get_param("report-type") == "disposition-notification"
    machine = list(report.iter_parts())[1]
    assert machine.get_content_type() == "message/disposition-notification"
    assert f"Original-Message-ID: {original.smtp_id}" in machine.as_string()
    assert "Disposition: manual-action/MDN-sent-manually; displayed" in machine.as_string()


def test_a_complaint_is_what_rfc_5965_says_and_brings_the_mail_back():
    headers = {"List-Unsubscribe": "<https://go.acme.example/u/abc>"}
    letter = automatic.complaint(original_of(message(headers=headers)), AT)
    report = read(letter)
    assert report.get_param("report-type") == "feedback-report"
    _, machine, returned = report.iter_parts()
    assert "Feedback-Type: abuse\nUser-Agent: FeedbackLoop/1.0\nVersion: 1\n" in machine.as_string().replace(
        "\r\n", "\n"
    )
    assert "Original-Rcpt-To: <jane@home.example>" in machine.as_string()
    assert returned.get_content()["List-Unsubscribe"] == "<https://go.acme.example/u/abc>"
    assert letter.envelope_from == "fbl@provider.example"


def test_reports_are_posted_with_their_machine_readable_parts_as_files():
    letter = automatic.bounce(original_of(message()), AT)
    body = form.body_of(letter, REPLY_TO, form.Manner(spam_check=False))
    assert b'name="attachments"\r\n\r\n2\r\n' in body
    assert b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.home.example" in body
    assert b'{"to":["r+token@in.example.com"],"from":""}' in body
    assert b'name="SPF"\r\n\r\nnone\r\n' in body
    assert b"Return-Path: <>" in body


def test_hostile_words_come_through_unharmed(owned: Start, receiver: Receiver):
    made = owned()
    hostile = "\u202e<script>alert(1)</script>\r\n--xYzZ\r\nFrom: x\r\n\r\n" + "é" * 5000
    made.sandbox.owners.reply(sent(made), hostile, quote="none", client="plain")
    made.settle()
    assert receiver.inbound[0].form["text"].text.replace("\r\n", "\n") == hostile.replace("\r\n", "\n") + "\n"
