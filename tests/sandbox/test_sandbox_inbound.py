"""How inbound mail is posted: fields, bytes, signature, and what becomes of it by each answer."""

from __future__ import annotations

import email
import email.policy
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import errors
from orchestrator.sandbox import SandboxConfig
from orchestrator.sandbox.deeds import Deed
from tests.sandbox.bench import REPLY_TO, Bench, Post, Receiver, mail, sent

Start = Callable[..., Bench]
#: The fields of posts captured from SendGrid: a newer host, without spam check, 2025; an older one, 2020.
CAPTURED = {
    "headers", "sender_ip", "SPF", "to", "subject", "text", "attachments", "charsets", "dkim", "from", "envelope",
}  # fmt: skip


def answered(made: Bench, receiver: Receiver, text: str = "Yes, call me.", **options: Any) -> Post:
    """Answer a mail and return the post it made."""
    deed = made.sandbox.owners.reply(sent(made), text, **options)
    made.settle()
    assert [delivery.fate for delivery in deed.deliveries] == ["accepted"]
    (post,) = receiver.inbound
    return post


def fate(made: Bench, deed: Deed) -> str:
    made.settle()
    (delivery,) = deed.deliveries
    return delivery.fate


def test_a_reply_is_posted_as_captured_from_a_newer_host(owned: Start, receiver: Receiver):
    post = answered(owned(), receiver, client="plain")
    assert post.headers["user-agent"] == "Sendlib/1.0"
    assert post.headers["content-type"] == "multipart/form-data; boundary=xYzZY"
    assert post.headers["accept-encoding"] == "gzip"
    form = post.form
    assert set(form) == CAPTURED
    assert all(field.headers.get("Content-Type") is None for field in form.values())
    assert form["envelope"].value == b'{"to":["r+token@in.example.com"],"from":"Jane@home.example"}'
    assert form["charsets"].value == b'{"to":"UTF-8","from":"UTF-8","subject":"UTF-8","text":"utf-8"}'
    assert form["dkim"].value == b"{@home.example : pass}"
    assert (form["SPF"].value, form["attachments"].value) == (b"pass", b"0")
    assert (form["from"].text, form["to"].text, form["subject"].text) == (
        "Jane@home.example", REPLY_TO, "Re: Your house",
    )  # fmt: skip


def test_newer_hosts_sort_unfold_and_decode_the_headers_and_add_the_return_path(owned: Start, receiver: Receiver):
    post = answered(owned(), receiver, subject="Über das Haus, das wir schon so lange verkaufen möchten, am See")
    lines = post.form["headers"].text.split("\n")
    assert lines[-1] == ""
    assert lines[:-1] == sorted(lines[:-1])
    names = [line.partition(":")[0] for line in lines[:-1]]
    assert {"Message-Id", "Mime-Version", "Received", "Return-Path"} <= set(names)
    assert "Return-Path: <Jane@home.example>" in lines
    assert "Subject: Über das Haus, das wir schon so lange verkaufen möchten, am See" in lines
    assert any(line.startswith("Received: from mail-wm1-f42.google.com ") for line in lines)


def test_older_hosts_leave_headers_and_subject_as_they_came_each_in_its_own_charset(owned: Start, receiver: Receiver):
    post = answered(
        owned(), receiver, "the ESP’s charsets…", host="old", client="plain", body="both", quote="none",
        subject="Como usted pidió", subject_charset="cp850", charset="windows-1252", html_charset="iso-8859-1",
    )  # fmt: skip
    form = post.form
    assert form["subject"].value == b"Como usted pidi\xa2"
    assert form["text"].value == b"the ESP\x92s charsets\x85\r\n"
    assert form["html"].value == b'<div dir="ltr">the ESP&#8217;s charsets&#8230;</div>\r\n'
    assert form["charsets"].json == {
        "to": "UTF-8", "from": "UTF-8", "subject": "cp850", "text": "windows-1252", "html": "iso-8859-1",
    }  # fmt: skip
    block = form["headers"].text
    assert block.startswith("Received: from mout.kundenserver.de ")
    assert block.index("From: ") < block.index("Date: ") < block.index("Message-ID: ") < block.index("MIME-Version: ")
    assert "=?cp850?B?" in block
    assert "Return-Path" not in block


def test_raw_mode_posts_the_whole_mail_in_one_field(owned: Start, receiver: Receiver):
    post = answered(owned(inbound_raw=True, inbound_spam_check=True), receiver, "Sí, llámeme — José", client="outlook")
    form = post.form
    assert set(form) == {
        "email", "sender_ip", "SPF", "to", "subject", "charsets", "dkim", "from", "envelope", "spam_score",
        "spam_report",
    }  # fmt: skip
    assert set(form["charsets"].json) == {"to", "from", "subject"}
    whole = email.message_from_bytes(form["email"].value, policy=email.policy.default)
    assert whole["From"] == "Jane@home.example"
    text = whole.get_body(("plain",))
    markup = whole.get_body(("html",))
    assert text is not None
    assert markup is not None
    assert text.get_content().startswith("Sí, llámeme — José")
    assert "divRplyFwdMsg" in markup.get_content()
    assert not whole.defects


def test_one_mail_can_be_posted_in_the_other_mode_and_in_chunks(owned: Start, receiver: Receiver):
    post = answered(owned(), receiver, mode="raw", chunked=True)
    assert "email" in post.form
    assert "content-length" not in post.headers


def test_posts_are_signed_over_their_raw_bytes_by_a_key_of_their_own(owned: Start, receiver: Receiver):
    made = owned()
    post = answered(made, receiver, attachments=[{"name": "a.bin", "size": 4000}])
    assert post.signed_with(made.sandbox.inbound_public_key)
    assert not post.signed_with(made.sandbox.public_key)
    assert not Post(post.path, post.headers, post.body[:-2]).signed_with(made.sandbox.inbound_public_key)
    former = made.sandbox.inbound_public_key
    assert made.sandbox.rotate_inbound_key() == made.sandbox.inbound_public_key != former
    assert not post.signed_with(made.sandbox.inbound_public_key)


def test_posts_need_not_be_signed(owned: Start, receiver: Receiver):
    post = answered(owned(inbound_signed=False), receiver)
    assert not [name for name in post.headers if name.startswith("x-twilio")]


def test_files_come_beside_the_text_and_are_told_of(owned: Start, receiver: Receiver):
    files = [
        {"name": "offer.txt", "type": "text/plain", "text": "Grüße"},
        {"name": 'a"b\r\n.bin', "type": "application/pdf", "size": 3},
    ]
    form = answered(owned(), receiver, attachments=files).form
    assert form["attachments"].value == b"2"
    assert form["attachment1"].text == "Grüße"
    assert form["attachment1"].headers.get_filename() == "offer.txt"
    assert form["attachment1"].headers.get_content_type() == "text/plain"
    assert form["attachment2"].value == bytes(3)
    about = form["attachment-info"].json
    assert about["attachment1"] == {"filename": "offer.txt", "name": "offer.txt", "type": "text/plain"}
    assert form["text"].text.startswith("Yes, call me.")


def test_mail_above_thirty_megabytes_is_not_taken_and_a_large_one_is(owned: Start, receiver: Receiver):
    made = owned()
    message_id = sent(made)
    large = made.sandbox.owners.reply(message_id, "See the plan.", attachments=[{"size": 17_000_000}])
    too_large = made.sandbox.owners.reply(message_id, "See the film.", attachments=[{"size": 25_000_000}])
    assert (fate(made, large), fate(made, too_large)) == ("accepted", "too_large")
    assert len(receiver.inbound) == 1


def test_a_server_error_is_tried_again_as_sendgrid_does_with_the_same_bytes(owned: Start, receiver: Receiver):
    made = owned(speed=30_000.0)
    deed = made.sandbox.owners.reply(sent(made), "Hello?")
    receiver.answers = [503, 500]
    assert fate(made, deed) == "accepted"
    (delivery,) = deed.deliveries
    assert [attempt["answer"] for attempt in delivery.attempts] == ["HTTP 503", "HTTP 500", "HTTP 200"]
    began = delivery.attempts[0]["at"]
    assert [attempt["at"] - began for attempt in delivery.attempts] == [0, 300, 600]
    first, second, third = receiver.inbound
    assert first.body == second.body == third.body
    assert third.signed_with(made.sandbox.inbound_public_key)


def test_the_schedule_is_the_one_measured_at_sendgrid():
    minutes = [seconds / 60 for seconds in SandboxConfig().inbound_retries]
    assert minutes[:9] == [5, 10, 15, 20, 25, 35, 50, 80, 140]
    assert {later - earlier for earlier, later in itertools.pairwise(minutes[8:])} == {180}
    assert minutes[-1] == 71 * 60 + 20


@pytest.mark.parametrize("status", [301, 308, 400, 401, 404, 413, 429])
def test_any_other_refusal_loses_the_mail_for_good(owned: Start, receiver: Receiver, status: int):
    made = owned()
    message_id = sent(made)
    receiver.answers = [status]
    deed = made.sandbox.owners.reply(message_id, "Yes")
    assert fate(made, deed) == "dropped"
    assert [post.path for post in receiver.posts[-1:]] == ["/inbound"]
    assert len(receiver.inbound) == 1
    assert made.sandbox.truth()["owners"]["inbound"] == {"dropped": 1}


def test_after_the_last_try_the_mail_is_given_up(owned: Start, receiver: Receiver):
    made = owned(inbound_retries=(10.0, 20.0))
    message_id = sent(made)
    receiver.answers = [503] * 10
    assert fate(made, made.sandbox.owners.reply(message_id, "Yes")) == "given_up"
    assert len(receiver.inbound) == 3


def test_nobody_there_is_trouble_that_passes_but_an_unknown_host_is_not(bench: Start):
    made = bench(inbound_url="http://127.0.0.1:9/inbound", inbound_retries=(10.0,))
    message_id = sent(made)
    assert fate(made, made.sandbox.owners.reply(message_id, "Yes")) == "given_up"
    made.sandbox.receive_at("http://no-such-host.invalid/inbound")
    assert fate(made, made.sandbox.owners.reply(message_id, "Yes")) == "dropped"


def test_only_mail_to_the_inbound_host_comes_in_and_reserved_names_never_do(owned: Start, receiver: Receiver):
    made = owned(inbound_host="IN.example.com")
    for reply_to in ("offers@acme.example", "unsubscribe@in.example.com", "Abuse@in.example.com"):
        message_id = sent(made, reply_to={"email": reply_to})
        assert fate(made, made.sandbox.owners.reply(message_id, "Yes")) == "elsewhere"
    assert not receiver.inbound
    assert fate(made, made.sandbox.owners.reply(sent(made), "Yes")) == "accepted"


def test_each_recipient_of_an_answer_gets_a_post_of_its_own(owned: Start, receiver: Receiver):
    made = owned()
    several = [{"email": "a@in.example.com"}, {"email": "b@in.example.com"}]
    made.sandbox.owners.reply(sent(made, reply_to=None, reply_to_list=several), "Yes")
    made.settle()
    envelopes = sorted(post.form["envelope"].json["to"][0] for post in receiver.inbound)
    assert envelopes == ["a@in.example.com", "b@in.example.com"]
    assert {post.form["to"].text for post in receiver.inbound} == {"a@in.example.com, b@in.example.com"}


def test_faults_post_twice_and_sign_wrongly(owned: Start, receiver: Receiver):
    made = owned()
    message_id = sent(made)
    made.sandbox.faults.set(inbound_duplicate=1.0, inbound_bad_signature=1.0)
    assert fate(made, made.sandbox.owners.reply(message_id, "Yes")) == "accepted"
    first, second = receiver.inbound
    assert first.body == second.body
    assert not first.signed_with(made.sandbox.inbound_public_key)


def test_a_post_can_be_damaged(owned: Start, receiver: Receiver):
    made = owned()
    message_id = sent(made)
    for damage in ("wrong_charset", "no_envelope", "truncated", "not_a_form"):
        made.sandbox.owners.reply(message_id, "Yes", damage=damage)
        made.settle()
    lied, bare, cut, garbage = receiver.inbound
    assert lied.form["charsets"].json["text"] == "x-unknown-8bit"
    assert "envelope" not in bare.form
    assert not cut.body.endswith(b"--xYzZY--\r\n")
    assert b"xYzZY" not in garbage.body
    assert all(post.signed_with(made.sandbox.inbound_public_key) for post in receiver.inbound)


def test_credentials_in_the_address_are_sent(bench: Start, receiver: Receiver):
    made = bench(inbound_url=f"{receiver.base}/inbound".replace("http://", "http://me:se%3Acret@"))
    assert fate(made, made.sandbox.owners.reply(sent(made), "Yes")) == "accepted"
    assert receiver.inbound[0].headers["authorization"] == "Basic bWU6c2U6Y3JldA=="


def test_an_address_that_is_none_is_refused_and_changes_nothing(owned: Start, receiver: Receiver):
    made = owned()
    with pytest.raises(errors.ConfigurationError, match="cannot post inbound mail to 'localhost'"):
        made.sandbox.receive_at("localhost")
    assert fate(made, made.sandbox.owners.reply(sent(made), "Yes")) == "accepted"


def test_any_mail_can_be_brought_in_as_it_is(owned: Start, receiver: Receiver):
    made = owned()
    raw = b"From: Stranger <s@x.example>\nTo: hello@in.example.com\nSubject: Hi\nContent-Type: text/plain\n\nAnybody?\n"
    path = "/sandbox/api/inbound/mail?to=r%2Bx@in.example.com&from="
    answer = made.client.call("POST", path, raw)
    assert (answer.status, answer.json["deliveries"][0]["fate"], answer.json["kind"]) == (200, "accepted", "mail")
    form = receiver.inbound[0].form
    assert form["envelope"].json == {"to": ["r+x@in.example.com"], "from": ""}
    assert (form["to"].text, form["text"].value) == ("hello@in.example.com", b"Anybody?\r\n")
    refused = made.client.call("POST", "/sandbox/api/inbound/mail", b"Subject: no address\n\n")
    assert (refused.status, refused.json["errors"][0]["field"]) == (400, "to")


def test_settings_and_policies_are_managed_as_at_sendgrid(bench: Start, receiver: Receiver):
    made = bench()
    call, path = made.client.call, "/v3/user/webhooks/parse/settings"
    assert call("GET", path).json == {"result": []}
    assert call("GET", path, key=None).status == 401
    made_policy = call("POST", "/v3/user/webhooks/security/policies", {"name": "p", "signature": {"enabled": True}})
    policy = made_policy.json["policy"]
    assert (made_policy.status, policy["name"], policy["signature"]["public_key"][:4]) == (201, "p", "MFkw")
    wish = {"hostname": "In.Example.com", "url": f"{receiver.base}/inbound", "send_raw": True}
    assert (call("POST", path, wish).status, call("POST", path, wish).status) == (201, 400)
    changed = call("PATCH", f"{path}/in.example.com", {"security_policy": policy["id"], "spam_check": True})
    assert changed.json == {
        "hostname": "in.example.com", "url": wish["url"], "send_raw": True, "spam_check": True,
        "security_policy": policy["id"],
    }  # fmt: skip
    assert fate(made, made.sandbox.owners.reply(sent(made), "Yes")) == "accepted"
    assert receiver.inbound[0].signed_with(policy["signature"]["public_key"])
    assert call("PATCH", f"{path}/in.example.com", {"url": "nonsense"}).status == 400
    assert call("PATCH", f"{path}/in.example.com", {"security_policy": "none"}).status == 400
    assert call("POST", path, {"hostname": "x.example"}).json["errors"][0]["field"] == "url"
    assert (call("DELETE", f"{path}/in.example.com").status, call("GET", f"{path}/in.example.com").status) == (204, 404)
    assert fate(made, made.sandbox.owners.reply(sent(made), "Yes")) == "elsewhere"


def test_where_mail_comes_in_is_told_and_changed_over_http(bench: Start, receiver: Receiver):
    made = bench()
    call, path = made.client.call, "/sandbox/api/inbound"
    assert call("GET", path).json == {"public_key": made.sandbox.inbound_public_key, "settings": []}
    told = call("PUT", path, {"url": f"{receiver.base}/inbound", "host": "in.example.com", "raw": True}).json
    assert told["settings"][0]["hostname"] == "in.example.com"
    assert call("POST", f"{path}/key").json == {"public_key": made.sandbox.inbound_public_key}
    assert call("PUT", path, {"url": "x"}).status == 400
    assert call("PUT", path, {"nonsense": 1}).status == 400
    assert fate(made, made.sandbox.owners.reply(sent(made), "Yes")) == "accepted"
    assert "email" in receiver.inbound[0].form
    assert call("DELETE", path).json["settings"] == []


def test_errands_that_wait_while_stopped_are_done_after_the_next_start(owned: Start, receiver: Receiver):
    made = owned()
    message_id = sent(made)
    made.sandbox.stop()
    deed = made.sandbox.owners.reply(message_id, "Yes")
    assert made.sandbox.settle(0.05)["settled"] is False
    made.sandbox.start()
    assert fate(made, deed) == "accepted"


def test_clearing_forgets_deeds_and_mail_still_on_its_way(owned: Start, receiver: Receiver):
    made = owned(speed=1.0)
    message_id = made.client.send(mail("jane@home.example")).headers["x-message-id"]
    receiver.answers = [503] * 10
    deed = made.sandbox.owners.reply(message_id, "Yes")
    assert deed.wait(30)
    assert deed.deliveries[0].fate == "pending"
    made.sandbox.clear()
    assert made.sandbox.settle(1)["settled"] is True
    assert made.sandbox.truth()["owners"] == {"deeds": {}, "inbound": {}, "all": []}


def test_json_of_a_deed_can_be_written_as_it_is(owned: Start, receiver: Receiver):
    made = owned()
    deed = made.sandbox.owners.reply(sent(made), "Yes", client="apple")
    made.settle()
    told = json.loads(json.dumps(made.sandbox.truth()["owners"]["all"]))
    assert told == [deed.as_dict()]
    assert (told[0]["text"], told[0]["client"], told[0]["campaign_id"]) == ("Yes", "apple", "c-1")
