"""Mail that no person wrote, by single signs; whole mails are in the corpus of tests/webhooks."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.reply import InboundMail, ReplyKind, ReportPart, automatic

REPLIES = Path(__file__).parents[1] / "fixtures" / "replies"
SUNDAY = datetime(2026, 11, 22, 10, tzinfo=UTC)


def mail(*headers: tuple[str, str], text: str = "", subject: str = "Re: 114", **fields: object) -> InboundMail:
    known: dict[str, object] = {"from_email": "jo@example.test", "date": SUNDAY, **fields}
    return InboundMail(headers=headers, text=text, subject=subject, **known)  # pyright: ignore


@pytest.mark.parametrize(
    "header",
    [
        ("Auto-Submitted", "auto-replied"),
        ("auto-submitted", "AUTO-GENERATED; x=y"),
        ("X-Autoreply", "yes"),
        ("X-Autorespond", ""),
        ("Precedence", "Auto_Reply"),
        ("Precedence", "bulk"),
        ("List-Id", "<news.example.test>"),
        ("Return-Path", "<>"),
    ],
)
def test_a_header_of_machines_is_evidence(header: tuple[str, str]):
    found = automatic(mail(header))

    assert found is not None
    assert found.kind is ReplyKind.AUTOMATIC
    assert found.evidence.lower().startswith(header[0].lower())


@pytest.mark.parametrize(
    "header",
    [
        ("Auto-Submitted", "no"),
        ("Auto-Submitted", " No ; because"),
        ("X-Auto-Response-Suppress", "All"),
        ("X-Autoreply", "no"),
        ("Precedence", "normal"),
        ("Return-Path", "<jo@example.test>"),
    ],
)
def test_a_header_of_people_is_none(header: tuple[str, str]):
    assert automatic(mail(header)) is None


def test_a_missing_envelope_is_no_null_sender():
    assert automatic(mail(has_envelope=False)) is None
    assert automatic(mail(has_envelope=True)) is not None
    assert automatic(mail(has_envelope=True, envelope_from="jo@example.test")) is None


@pytest.mark.parametrize(
    "sender", ["mailer-daemon", "MAILER-DAEMON", "postmaster", "no-reply", "noreply", "donotreply"]
)
def test_senders_that_nobody_reads_are_machines(sender: str):
    assert automatic(mail(from_email=f"{sender}@example.test")) is not None


@pytest.mark.parametrize("sender", ["norepliesplease.jo", "post.master", "daemon.jones", "jo"])
def test_people_with_odd_names_are_people(sender: str):
    assert automatic(mail(from_email=f"{sender}@example.test")) is None


@pytest.mark.parametrize("subject", ["Automatic reply: 114", "OUT OF OFFICE", "Réponse automatique : x", "自動返信"])
def test_a_subject_of_out_of_office_notes_is_evidence(subject: str):
    assert automatic(mail(subject=subject)) is not None


def test_an_answer_to_such_a_subject_is_a_persons():
    assert automatic(mail(subject="Re: Automatic reply: 114")) is None


@pytest.mark.parametrize(
    "text",
    [
        "Hello,\n\nI am currently out of the office until December 1 and will respond when I return.",
        "Thank you for your email. I'm on annual leave with limited access to email. For urgent matters call Jo.",
        "This is an automated response. We received your message.",
        "Guten Tag,\nich bin vom 1. bis zum 12. Mai nicht im Büro. In dringenden Fällen wenden Sie sich an Jo.",
        "Bonjour, je suis absente jusqu'au 3 juin. Je vous répondrai à mon retour.",
        "Estoy fuera de la oficina. Para asuntos urgentes escriba a Jo.",
        "Ik ben momenteel afwezig. Bij terugkomst lees ik uw bericht.",
        "Sono in ferie fino al 20; risponderò al mio rientro.",
    ],
)
def test_a_note_of_absence_without_a_header_is_told_by_its_words(text: str):
    quoted = f"{text}\n\nOn Mon, Jan 5, 2026 at 3:00 PM Sample Realty <a@b.test> wrote:\n> This is a question?"
    found = automatic(mail(subject="Re: 114 Maple Street", text=quoted))
    assert found is not None
    assert found.evidence.startswith("text: ")


@pytest.mark.parametrize(
    "text",
    [
        "I'm away until Monday, call me then.",
        "I am traveling right now but very interested, what would you offer? I'll get back to you tonight.",
        "I am out of the office and will answer when I return, but please remove me from your list.",
        "My tenant is away.\n\n> I am out of the office and will respond when I return.",
        "x" * 5000,
    ],
)
def test_a_person_who_is_away_is_a_person(text: str):
    assert automatic(mail(subject="Re: 114 Maple Street", text=text)) is None


def test_no_reply_of_the_labelled_ones_is_taken_for_a_machines():
    for name in ("dev", "hard", "held_out"):
        with (REPLIES / f"sentences_{name}.tsv").open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
        assert [text for text in texts if automatic(mail(text=text))] == []


@pytest.mark.parametrize(
    ("action", "kind"), [("failed", "bounce"), ("delayed", "automatic"), ("delivered", "automatic"), ("", "bounce")]
)
def test_only_a_failed_delivery_is_a_bounce(action: str, kind: str):
    status = ReportPart("message/delivery-status", f"Action: {action}\nFinal-Recipient: rfc822;jo@example.test\n")
    found = automatic(mail(("Content-Type", "multipart/report; report-type=delivery-status"), reports=(status,)))

    assert found is not None
    assert found.kind == kind


def test_a_complaint_that_is_taken_back_is_none():
    report = ReportPart("message/feedback-report", "Feedback-Type: not-spam\n")
    found = automatic(mail(("Content-Type", "multipart/report; report-type=feedback-report"), reports=(report,)))

    assert found is not None
    assert found.kind is ReplyKind.AUTOMATIC


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I am out until Monday, December 1.", date(2026, 12, 1)),
        ("Back on 12/3.", date(2026, 12, 3)),
        ("Away through Nov 27th", date(2026, 11, 28)),
        ("Bis zum 30.11.2026 nicht im Büro", date(2026, 12, 1)),
        ("de retour le lundi 30 novembre", date(2026, 11, 30)),
        ("hasta el 5 de enero", date(2027, 1, 6)),
        ("until Tuesday", date(2026, 11, 24)),
        ("until 99/99", None),
        ("until the cows come home", None),
        ("until January 1, 2031", None),
        ("I returned on 2026-11-01", None),
    ],
)
def test_the_day_of_return_is_read_where_it_is_told(text: str, day: date | None):
    found = automatic(mail(("Auto-Submitted", "auto-replied"), text=text))

    assert found is not None
    assert found.returns_on == day


def test_without_a_date_of_its_own_a_note_tells_no_day():
    found = automatic(mail(("Auto-Submitted", "auto-replied"), text="until December 1", date=None))

    assert found is not None
    assert found.returns_on is None


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["Auto-Submitted", "Content-Type", "Precedence"]))
def test_nothing_in_a_mail_makes_this_fail(value: str, text: str, name: str):
    found = automatic(mail((name, value), text=f"until {text}", subject=value, from_email=value))

    assert found is None or (len(found.evidence) <= 200 and "\n" not in found.evidence)
