"""What leaves the process: the bytes of the request, and what is refused before it leaves."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import errors
from orchestrator.domain.message import Outcome, OutgoingMail, Rejected
from orchestrator.transports.sendgrid import SendGridTransport, payload
from tests.transports.raw_sendgrid import RawSendGrid, Request, accept, mail


def sent(message: OutgoingMail, *, path: str = "", **options: bool) -> tuple[Request, Outcome]:
    server = RawSendGrid([accept()])

    async def conversation() -> Outcome:
        async with server:
            transport = SendGridTransport("SG.k", server.url + path, **options)
            outcome = await transport.post(message)
            await transport.aclose()
            return outcome

    outcome = asyncio.run(conversation())
    return server.requests[0], outcome


def test_the_whole_request_of_a_full_mail() -> None:
    request, _ = sent(
        mail(
            reply_to="token@reply.acme.example",
            headers={"List-Unsubscribe": "<https://acme.example/u/t>", "List-Unsubscribe-Post": "One-Click"},
            categories=("outreach", "batch-7"),
        ),
        sandbox_mode=True,
    )
    assert request.line == "POST /v3/mail/send HTTP/1.1"
    assert request.headers["authorization"] == "Bearer SG.k"
    assert request.headers["content-type"] == "application/json"
    assert "cookie" not in request.headers
    assert request.json == {
        "personalizations": [{"to": [{"email": "owner@example.com", "name": "Jane Owner"}]}],
        "from": {"email": "team@acme.example", "name": "Acme Homes"},
        "reply_to": {"email": "token@reply.acme.example"},
        "subject": "Your property at 12 Elm St",
        "content": [
            {"type": "text/plain", "value": "Hello,"},
            {"type": "text/html", "value": "<p>Hello,</p>"},
        ],
        "headers": {"List-Unsubscribe": "<https://acme.example/u/t>", "List-Unsubscribe-Post": "One-Click"},
        "categories": ["outreach", "batch-7"],
        "custom_args": {
            "campaign_id": "0199a000-0000-7000-8000-000000000001",
            "tenant_id": "11111111-1111-4111-8111-111111111111",
            "property_id": "property-7",
            "outreach_message_id": "0199a000-0000-7000-8000-000000000004",
        },
        "tracking_settings": {
            "click_tracking": {"enable": True, "enable_text": False},
            "open_tracking": {"enable": True},
            "subscription_tracking": {"enable": False},
        },
        "mail_settings": {"sandbox_mode": {"enable": True}},
    }


def test_a_bare_mail_leaves_optional_parts_out() -> None:
    request, _ = sent(mail(to_name=None, from_name=""))
    assert request.json["personalizations"] == [{"to": [{"email": "owner@example.com"}]}]
    assert request.json["from"] == {"email": "team@acme.example"}
    assert not request.json.keys() & {"reply_to", "headers", "categories", "mail_settings"}


def test_a_base_address_with_a_path_keeps_it() -> None:
    request, _ = sent(mail(), path="/proxy/")
    assert request.line == "POST /proxy/v3/mail/send HTTP/1.1"


def test_any_script_arrives_as_it_was_written() -> None:
    request, _ = sent(mail(to_name="Łukasz 李", subject="Grüße 🏡", text="naïve", html="<p>日本</p>"))
    assert request.json["personalizations"][0]["to"][0]["name"] == "Łukasz 李"
    assert request.json["subject"] == "Grüße 🏡"
    assert [part["value"] for part in request.json["content"]] == ["naïve", "<p>日本</p>"]


def test_ids_given_as_other_types_leave_as_strings() -> None:
    assert payload(mail(property_id=42), False)["custom_args"]["property_id"] == "42"


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Jane\r\nBcc: everyone@example.com", "Jane Bcc: everyone@example.com"),
        ("  Jane\t \x00Owner\x7f ", "Jane Owner"),
        ("OWNER, JANE; JOHN", "OWNER JANE JOHN"),
        ("Jane\u2028Owner", "Jane Owner"),
        ("half \ud800 a pair", "half a pair"),
    ],
)
def test_names_are_cleaned_not_refused(name: str, cleaned: str) -> None:
    request, _ = sent(mail(to_name=name, from_name=name))
    assert request.json["personalizations"][0]["to"][0]["name"] == cleaned
    assert request.json["from"]["name"] == cleaned


def test_a_name_of_nothing_but_signs_is_left_out() -> None:
    assert payload(mail(to_name=" ,;\r\n"), False)["personalizations"][0]["to"] == [{"email": "owner@example.com"}]


def test_a_subject_is_one_line() -> None:
    assert payload(mail(subject="Hi\r\nBcc: x"), False)["subject"] == "Hi Bcc: x"


@settings(deadline=None)
@given(st.text())
def test_no_name_can_carry_what_a_header_must_not(name: str) -> None:
    [person] = payload(mail(to_name=name), False)["personalizations"][0]["to"]
    assert not set(person.get("name", "")) & set(",;\r\n\0\u2028\u2029")


@pytest.mark.parametrize(
    "name",
    [
        "To",
        "from",
        "SUBJECT",
        "Reply-To",
        "cc",
        "BCC",
        "Received",
        "DKIM-Signature",
        "Content-Type",
        "x-sg-id",
        "X-SG-EID",
    ],
)
def test_a_reserved_header_is_refused_by_name(name: str) -> None:
    with pytest.raises(errors.ValidationError, match=f"headers.{name}"):
        payload(mail(headers={name: "x"}), False)


@pytest.mark.parametrize(
    "headers", [{"X A": "1"}, {"X:A": "1"}, {"": "1"}, {"Ключ": "1"}, {"X-A": "1\r\nBcc: x"}, {"X-A\n": "1"}]
)
def test_an_illegal_header_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(errors.ValidationError, match="headers"):
        payload(mail(headers=headers), False)


@pytest.mark.parametrize(
    ("changes", "words"), [({"headers": {"Bcc": "x"}}, "headers.Bcc"), ({"text": "half \ud800"}, "surrogates")]
)
def test_a_mail_that_makes_no_request_is_rejected_unsent(changes: dict[str, object], words: str) -> None:
    transport = SendGridTransport("SG.k", "http://127.0.0.1:1")
    outcome = asyncio.run(transport.post(mail(**changes)))
    assert isinstance(outcome, Rejected)
    assert outcome.status is None
    assert words in outcome.reason
