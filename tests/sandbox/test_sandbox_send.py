"""What a client of mail/send sees when its request is right, or its key or sender is not."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable

import pytest

from orchestrator.sandbox import ids
from tests.sandbox.bench import Bench, mail

Start = Callable[..., Bench]

REAL_HEADERS = {
    "server": "nginx",
    "content-length": "0",
    "connection": "keep-alive",
    "access-control-allow-origin": "https://sendgrid.api-docs.io",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "Authorization, Content-Type, On-behalf-of, x-sg-elas-acl",
    "access-control-max-age": "600",
    "x-no-cors-reason": "https://sendgrid.com/docs/Classroom/Basics/API/cors.html",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "content-security-policy": "frame-ancestors 'none'",
    "cache-control": "no-cache",
    "x-content-type-options": "no-sniff",
    "referrer-policy": "strict-origin-when-cross-origin",
}


def test_an_accepted_mail_is_answered_with_202_and_the_captured_header_set(bench: Start):
    answer = bench().client.send()
    assert (answer.status, answer.body) == (202, b"")
    assert set(answer.headers) == {*REAL_HEADERS, "date", "x-message-id"}
    assert {name: answer.headers[name] for name in REAL_HEADERS} == REAL_HEADERS
    assert not [name for name in answer.headers if "ratelimit" in name]


def test_x_message_id_is_an_unpadded_base64url_uuid4(bench: Start):
    client = bench().client
    seen = {client.send().headers["x-message-id"] for _ in range(20)}
    assert len(seen) == 20
    assert {uuid.UUID(bytes=base64.urlsafe_b64decode(f"{text}==")).version for text in seen} == {4}
    assert {len(text) for text in seen} == {22}


def test_one_connection_carries_mail_and_other_requests_in_any_order(bench: Start):
    client = bench().client
    client.send()
    connection = client.connection.sock
    statuses = [client.call("GET", "/v3/scopes").status, client.send().status, client.call("GET", "/nowhere").status]
    statuses += [client.send().status, client.call("GET", "/sandbox/api/truth").status]
    assert statuses == [200, 202, 404, 202, 200]
    assert client.connection.sock is connection


def test_a_chunked_body_is_taken_too(bench: Start):
    made = bench()
    raw = json.dumps(mail()).encode()
    head = {"Authorization": "Bearer SG.x", "Content-Type": "application/json"}
    made.client.connection.request("POST", "/v3/mail/send", iter([raw[:50], raw[50:]]), head)
    answer = made.client.connection.getresponse()
    assert (answer.status, answer.read()) == (202, b"")
    assert answer.getheader("server") == "nginx"
    assert made.client.send().status == 202


def test_a_body_in_many_pieces_is_read_whole(bench: Start):
    made = bench()
    answer = made.client.send(mail(content=[{"type": "text/plain", "value": "x" * 900_000}]))
    assert answer.status == 202
    (message,) = made.sandbox.messages()
    assert len(message.body("text/plain") or "") == 900_000


@pytest.mark.parametrize("key", [None, "", "XX.abc"])
def test_a_missing_or_foreign_key_is_answered_as_sendgrid_does(bench: Start, key: str | None):
    answer = bench().client.send(key=key)
    assert answer.status == 401
    message = "The provided authorization grant is invalid, expired, or revoked"
    assert answer.json == {"errors": [{"message": message, "field": None, "help": None}]}


def test_only_the_configured_keys_are_accepted(bench: Start):
    client = bench(api_keys=frozenset({"SG.right"})).client
    assert client.send(key="SG.right").status == 202
    assert client.send(key="SG.wrong").status == 401


def test_an_unverified_sender_is_forbidden(bench: Start):
    client = bench(verified_senders=frozenset({"sender.example", "one@other.example"})).client
    assert client.send().status == 202
    assert client.send(mail(**{"from": {"email": "one@other.example"}})).status == 202
    answer = client.send(mail(**{"from": {"email": "two@other.example"}}))
    assert answer.status == 403
    assert answer.json["errors"][0]["field"] == "from"
    assert answer.json["errors"][0]["message"].startswith("The from address does not match a verified Sender Identity.")


def test_more_than_thirty_megabytes_are_refused(bench: Start):
    made = bench()
    made.client.connection.putrequest("POST", "/v3/mail/send")
    made.client.connection.putheader("Authorization", "Bearer SG.x")
    made.client.connection.putheader("Content-Length", str(30 * 1024 * 1024 + 1))
    made.client.connection.endheaders()
    answer = made.client.connection.getresponse()
    assert (answer.status, b"content too large" in answer.read()) == (413, True)
    assert made.sandbox.truth()["requests"] == 0


def test_sandbox_mode_validates_and_sends_nothing(bench: Start):
    made = bench()
    settings = {"sandbox_mode": {"enable": True}}
    assert made.client.send(mail(mail_settings=settings)).status == 200
    assert made.client.send(mail(mail_settings=settings, subject="")).status == 400
    assert made.sandbox.messages() == []


def test_every_recipient_gets_a_message_of_its_own_with_an_index(bench: Start):
    made = bench()
    block = {
        "to": [{"email": "a@x.com"}, {"email": "b@x.com"}],
        "cc": [{"email": "c@x.com"}],
        "bcc": [{"email": "d@x.com"}],
    }
    answer = made.client.send(mail(personalizations=[block, {"to": [{"email": "e@x.com"}]}]))
    messages = made.sandbox.messages()[::-1]
    assert [(m.email, m.kind, m.index) for m in messages] == [
        ("a@x.com", "to", 0),
        ("b@x.com", "to", 1),
        ("c@x.com", "cc", 2),
        ("d@x.com", "bcc", 3),
        ("e@x.com", "to", 4),
    ]
    assert {m.x_message_id for m in messages} == {answer.headers["x-message-id"]}
    form = rf"{answer.headers['x-message-id']}\.recvd-[0-9a-z-]+-1-[0-9A-F]{{8}}-[0-9A-F]+\.\d"
    assert all(re.fullmatch(form, message.sg_message_id) for message in messages)


def test_personal_custom_args_win_over_shared_ones(bench: Start):
    made = bench()
    blocks = [{"to": [{"email": "a@x.com"}], "custom_args": {"campaign_id": "own", "extra": "1"}}]
    made.client.send(mail(personalizations=blocks))
    (message,) = made.sandbox.messages()
    assert message.custom_args == {"campaign_id": "own", "extra": "1", "outreach_message_id": "m-1"}


def test_a_wrong_method_is_not_allowed(bench: Start):
    answer = bench().client.call("GET", "/v3/mail/send")
    assert (answer.status, answer.json["errors"][0]["message"]) == (405, "method not allowed")


@pytest.mark.parametrize(
    ("made", "captured"),
    [
        (
            ids.delivery_event_id("processed", 5590994, "PwZ0yMzuQveI1WVxL_eo1A", 0),
            "cHJvY2Vzc2VkLTU1OTA5OTQtUHdaMHlNenVRdmVJMVdWeExfZW8xQS0w",
        ),
        (
            ids.delivery_event_id("deferred", 1375033, "ZqRSl715RJGxvIiI_9zThg", 0, 45),
            "ZGVmZXJyZWQtNDUtMTM3NTAzMy1acVJTbDcxNVJKR3h2SWlJXzl6VGhnLTA",
        ),
        (
            ids.delivery_event_id("bounce", 50485195, "euo2iKxdSayPF4YE4--I7A", 0, 4),
            "Ym91bmNlLTQtNTA0ODUxOTUtZXVvMmlLeGRTYXlQRjRZRTQtLUk3QS0w",
        ),
        (
            ids.delivery_event_id("drop", 10994919, "LRzXl_NHStOGhQ4kofSm_A", 0),
            "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
        ),
        (ids.account_event_id(21358997728, 1707851531), "MjEzNTg5OTc3MjgtdGVybWluYXRlLTE3MDc4NTE1MzE"),
    ],
)
def test_event_ids_equal_the_ones_captured_from_sendgrid(made: str, captured: str):
    assert made == captured
