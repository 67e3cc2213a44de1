"""Mail that no person wrote, by single signs; whole mails are in the corpus of tests/webhooks."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.reply import InboundMail, ReplyKind, ReportPart, automatic

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
