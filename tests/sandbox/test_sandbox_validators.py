"""Every complaint of mail/send in SendGrid's wire shape."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from orchestrator.sandbox import Sandbox
from orchestrator.sandbox.send_api import SendApi
from tests.sandbox.bench import mail

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message"
PERSON = {"email": "owner@example.com"}
NOW = int(time.time())


def to(*emails: str, **more: Any) -> dict[str, Any]:
    return {"personalizations": [{"to": [{"email": email} for email in emails], **more}]}


CASES: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "no personalization": ({"personalizations": []}, "personalizations", "You must have at least one personalization."),
    "no to": (
        {"personalizations": [{"to": []}]},
        "personalizations.0.to",
        "The to array is required for all personalization objects, and must have at least one email object with a "
        "valid email address.",
    ),
    "bad to": (to("nobody"), "personalizations.0.to.0.email", "Does not contain a valid address."),
    "bad cc": (
        to("a@example.com", cc=[{"email": "b@example.com"}, {"email": "@"}]),
        "personalizations.0.cc.1.email",
        "Does not contain a valid address.",
    ),
    "address twice": (
        to("a@example.com", cc=[{"email": "A@example.com"}]),
        "personalizations.0",
        "Each email address in the personalization block should be unique between to, cc, and bcc. We found the first "
        "duplicate instance of [A@example.com] in the personalizations.0.cc field.",
    ),
    "1001 recipients": (
        to(*(f"o{n}@example.com" for n in range(1001))),
        "personalizations",
        "There is a limit of 1000 total recipients (to + cc + bcc) per request.",
    ),
    "bad from": ({"from": {"email": "team"}}, "from.email", "The from email does not contain a valid address."),
    "unicode from": ({"from": {"email": "té@x.de"}}, "from.email", "The from email does not contain a valid address."),
    "bad personal from": (
        to("a@example.com", **{"from": {"email": "x"}}),
        "personalizations.0.from.email",
        "The from email does not contain a valid address.",
    ),
    "bad reply-to": (
        {"reply_to": {"email": "x"}},
        "reply_to.email",
        "The reply_to email does not contain a valid address.",
    ),
    "both reply-tos": (
        {"reply_to": PERSON, "reply_to_list": [PERSON]},
        "reply_to",
        "The reply_to and reply_to_list parameters are mutually exclusive; provide only one of them.",
    ),
    "no subject": (
        {"subject": None},
        "subject",
        "The subject is required. You can get around this requirement if you use a template with a subject defined or "
        "if every personalization has a subject defined.",
    ),
    "empty subject": (
        {"subject": ""},
        "subject",
        "The subject of your email must be a string at least one character in length.",
    ),
    "empty personal subject": (
        to("a@example.com", subject=""),
        "personalizations.0.subject",
        "The subject of your email must be a string at least one character in length.",
    ),
    "no content": (
        {"content": []},
        "content",
        "There must be at least one defined content block. We typically suggest both text/plain and text/html blocks "
        "are included, but only one block is required.",
    ),
    "empty content": (
        {"content": [{"type": "text/plain", "value": ""}]},
        "content.0.value",
        "The content value must be a string at least one character in length.",
    ),
    "bad content type": (
        {"content": [{"type": "text/plain; charset=utf-8", "value": "x"}]},
        "content.0.type",
        "Cannot contain ';', or CRLF characters.",
    ),
    "html before text": (
        {"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]},
        "content",
        "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: text/plain "
        "needs to be first, followed by text/html, followed by any other content.",
    ),
    "attachment not base64": (
        {"attachments": [{"content": "%%%", "filename": "a"}]},
        "attachments.0.content",
        "The attachment content must be base64 encoded.",
    ),
    "attachment without name": (
        {"attachments": [{"content": "YQ=="}]},
        "attachments.0.filename",
        "The attachment filename must be a string at least one character in length.",
    ),
    "reserved header": (
        {"headers": {"Reply-To": "x"}},
        "headers",
        "Header can not be one of the reserved keys.",
    ),
    "reserved personal header": (
        to("a@example.com", headers={"dkim-signature": "x"}),
        "personalizations.0.headers",
        "Header can't be one of the reserved keys.",
    ),
    "header number": ({"headers": {"X-A": 1}}, "headers", "All values of the headers object must be strings."),
    "header key": (
        {"headers": {"X A": "1"}},
        "headers",
        "Header keys can't contain non-ASCII characters or empty spaces.",
    ),
    "no custom args": ({"custom_args": {}}, "custom_args", "custom_args can't be empty"),
    "categories": (
        {"categories": [str(n) for n in range(11)]},
        "categories",
        "There is a limit of 10 categories for each email that is sent. You provided 11 categories.",
    ),
    "category twice": (
        {"categories": ["a", "a"]},
        "categories.1",
        "The categories must be a unique list, and you have included a more than once.",
    ),
    "long category": (
        {"categories": ["a" * 256]},
        "categories.0",
        f"Each category must not be longer than 255 characters. {'a' * 256} exceeds this limit.",
    ),
    "category not ASCII": ({"categories": ["é"]}, "categories.0", "Categories can not contain non-ASCII characters."),
    "group": ({"asm": {"group_id": "1"}}, "asm.group_id", "The ASM group ID must be an integer."),
    "groups": (
        {"asm": {"group_id": 1, "groups_to_display": list(range(26))}},
        "asm.groups_to_display",
        "There is a limit of 25 unsubscribe groups that can be displayed to a user at a time.",
    ),
    "batch": ({"batch_id": 1}, "batch_id", "The batch_id must be a string."),
    "pool": (
        {"ip_pool_name": "p"},
        "ip_pool_name",
        "The IP Pool name must be a valid pool name for your account. You provided p.",
    ),
    "send_at text": (
        {"send_at": "tomorrow"},
        "send_at",
        "The `send_at` parameter is expecting a UNIX timestamp as an integer. We will send immediately if you include "
        "a `send_at` timestamp that is in the past.",
    ),
    "send_at far": (
        to("a@example.com", send_at=NOW + 73 * 3600),
        "personalizations.0.send_at",
        "Scheduling more than 72 hours in advance is forbidden.",
    ),
    "sandbox flag": (
        {"mail_settings": {"sandbox_mode": {"enable": "true"}}},
        "mail_settings.sandbox_mode.enable",
        "The sandbox mode enable param should be a boolean value.",
    ),
    "click tracking flag": (
        {"tracking_settings": {"click_tracking": {"enable": 1}}},
        "tracking_settings.click_tracking.enable",
        "The click tracking enable param should be a boolean value.",
    ),
    "bypass": (
        {
            "mail_settings": {
                "bypass_list_management": {"enable": True},
                "bypass_spam_management": {"enable": True},
            }
        },
        "mail_settings.bypass_list_management",
        "The bypass_list_management setting cannot be combined with any of the other bypass options.",
    ),
    "number in custom args": ({"custom_args": {"n": 1}}, None, "Bad Request"),
    "number in substitutions": (to("a@example.com", substitutions={"n": 1}), None, "Bad Request"),
    "personalizations no list": ({"personalizations": {}}, None, "Bad Request"),
}


def judged(payload: Any) -> tuple[int, list[dict[str, Any]]]:
    verdict = SendApi(Sandbox()).send("Bearer SG.x", json.dumps(payload).encode())
    return verdict.status, json.loads(verdict.body)["errors"] if verdict.body else []


@pytest.mark.parametrize(("changes", "field", "message"), CASES.values(), ids=CASES)
def test_a_wrong_request_is_refused_with_one_complaint_in_wire_shape(
    changes: dict[str, Any], field: str | None, message: str
):
    status, errors = judged(mail(**changes))
    assert status == 400
    assert [(error["field"], error["message"]) for error in errors] == [(field, message)]
    assert set(errors[0]) == {"message", "field", "help"}


@pytest.mark.parametrize(
    ("changes", "help_address"),
    [
        ({"from": {"email": "x"}}, f"{HELP}.from"),
        (to("x"), f"{HELP}.personalizations.to"),
        ({"personalizations": [{}]}, f"{HELP}.personalizations.to"),
        ({"attachments": [{"content": "%", "filename": "a"}]}, f"{HELP}.attachments.content"),
        ({"custom_args": {"n": 1}}, None),
    ],
)
def test_the_help_address_names_the_field_without_positions(changes: dict[str, Any], help_address: str | None):
    assert judged(mail(**changes))[1][0]["help"] == help_address


def test_all_complaints_come_at_once():
    _, errors = judged({"personalizations": [{"to": [{"email": "x"}]}]})
    assert [error["field"] for error in errors] == ["personalizations.0.to.0.email", "from.email", "subject", "content"]


def test_more_than_a_thousand_personalizations_are_counted_in_the_complaint():
    status, errors = judged(mail([f"o{n}@example.com" for n in range(1001)]))
    assert status == 400
    assert errors[0]["message"].startswith("The personalization block is limited to 1000 personalizations")
    assert "You have provided 1001 personalizations." in errors[0]["message"]


ACCEPTED = {
    "odd local part": to("o'brien+tag/x=y@example.com"),
    "quoted local part": to('"two words"@example.com'),
    "host without dot": to("root@localhost"),
    "same address in two personalizations": {"personalizations": [{"to": [PERSON]}, {"to": [PERSON]}]},
    "send_at in the past": {"send_at": 1},
    "template instead of subject and content": {"template_id": "d-1", "subject": None, "content": None},
    "subjects in every personalization": {**to("a@example.com", subject="x"), "subject": None},
    "custom args of 9,000 bytes": {"custom_args": {"k": "x" * 9000}},
    "own message id and list headers": {"headers": {"Message-ID": "<a@b>", "List-Unsubscribe": "<https://x.y>"}},
    "null settings": {"tracking_settings": None, "mail_settings": {"footer": None}, "reply_to": None},
    "unknown fields": {"future": {"x": 1}},
    "a thousand recipients": to(*(f"o{n}@example.com" for n in range(1000))),
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
def test_nothing_is_refused_that_sendgrid_takes(changes: dict[str, Any]):
    assert judged(mail(**changes)) == (202, [])


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"{", "Bad Request"), (b"[]", "Bad Request"), (b'{"subject":"\xff"}', "Invalid UTF8 in request.")],
)
def test_a_body_that_is_no_json_object_is_a_bad_request(body: bytes, message: str):
    verdict = SendApi(Sandbox()).send("Bearer SG.x", body)
    assert (verdict.status, message in verdict.body.decode()) == (400, True)
