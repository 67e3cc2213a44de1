"""How events reach the webhook: bytes, headers, signature, batches, retries."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orchestrator import errors
from orchestrator.sandbox import Sandbox, SandboxConfig
from orchestrator.sandbox.emitter import Emitter
from orchestrator.sandbox.poster import Poster
from tests.sandbox.bench import Bench, Post, Receiver, mail

Start = Callable[..., Bench]

OFFICIAL_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6"
    "wEA3F+g=="
)
OFFICIAL_HEADERS = {
    "x-twilio-email-event-webhook-signature": (
        "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
    ),
    "x-twilio-email-event-webhook-timestamp": "1600112502",
}
OFFICIAL_EVENT = {
    "email": "hello@world.com",
    "event": "dropped",
    "reason": "Bounced Address",
    "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
    "timestamp": 1600112492,
}


def test_the_official_vector_verifies_by_the_receivers_own_check():
    body = b"[" + json.dumps(OFFICIAL_EVENT, separators=(",", ":")).encode() + b"]\r\n"
    assert len(body) == 327
    assert Post("/", OFFICIAL_HEADERS, body).signed_with(OFFICIAL_KEY)
    assert not Post("/", OFFICIAL_HEADERS, body[:-2]).signed_with(OFFICIAL_KEY)


def test_the_same_events_make_the_bytes_of_the_official_vector(receiver: Receiver):
    config = SandboxConfig(webhook_url=receiver.url, flush_interval=0.01)
    emitter = Emitter(config, lambda: Poster(receiver.url, lambda body: ("1600112502", "unsigned"), 5.0))
    emitter.start()
    emitter.emit(OFFICIAL_EVENT, 0)
    settled = emitter.settle(60)
    emitter.stop()
    assert settled
    assert receiver.posts[0].body == b"[" + json.dumps(OFFICIAL_EVENT, separators=(",", ":")).encode() + b"]\r\n"


def test_every_post_is_signed_over_timestamp_and_raw_bytes(bench: Start, receiver: Receiver):
    made = bench()
    made.client.send(mail(["click@x.com", "defer@x.com"]))
    made.settle()
    assert receiver.posts
    assert all(post.signed_with(made.sandbox.public_key) for post in receiver.posts)
    assert made.sandbox.public_key.startswith("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")
    assert len(base64.b64decode(made.sandbox.public_key)) == 91


def test_the_signature_does_not_cover_other_bytes(bench: Start, receiver: Receiver):
    made = bench()
    made.client.send()
    made.settle()
    post = receiver.posts[0]
    assert not Post(post.path, post.headers, post.body.rstrip()).signed_with(made.sandbox.public_key)


def test_the_posts_look_like_sendgrids(bench: Start, receiver: Receiver):
    made = bench(shards=1, flush_interval=0.1)
    made.client.send(mail(["a@x.com", "b@x.com"]))
    made.settle()
    post = max(receiver.posts, key=lambda post: len(post.body))
    assert post.headers["user-agent"] == "SendGrid Event API"
    assert post.headers["content-type"] == "application/json;charset=utf-8"
    assert post.headers["accept-encoding"] == "gzip"
    assert post.body.startswith(b'[{"')
    assert post.body.endswith(b"}]\r\n")
    assert post.body.count(b"},\r\n{") == len(post.events) - 1 > 0


def test_after_a_rotation_only_the_new_key_verifies(bench: Start, receiver: Receiver):
    made = bench()
    old = made.sandbox.public_key
    new = made.sandbox.rotate_key()
    made.client.send()
    made.settle()
    assert (receiver.posts[0].signed_with(old), receiver.posts[0].signed_with(new)) == (False, True)
    settings = made.client.call("GET", "/v3/user/webhooks/event/settings/signed/abc").json
    assert settings == {"id": "abc", "public_key": new}
    path = "/v3/user/webhooks/event/settings/signed/abc"
    assert made.client.call("PATCH", path, {"enabled": True}).json == settings


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_refused_batch_is_posted_again_as_a_whole(bench: Start, receiver: Receiver, status: int):
    made = bench(shards=1, flush_interval=0.05)
    receiver.answers = [status, status]
    made.client.send(mail(["a@x.com", "b@x.com"]))
    report = made.settle()
    assert report["refused"] == 2
    assert receiver.posts[0].body in [post.body for post in receiver.posts[1:]]
    assert report["acknowledged"] == report["emitted"] == 4
    assert report["last_failure"] == f"HTTP {status}"


def test_a_redirect_is_a_refusal_and_is_not_followed(bench: Start, receiver: Receiver):
    made = bench()
    receiver.answers = [302, 308]
    made.client.send()
    assert made.settle()["refused"] == 2
    assert {post.path for post in receiver.posts} == {"/hook"}


def test_a_kept_connection_that_was_closed_meanwhile_is_no_refusal():
    """The other side answers, keeps the connection by its words, and closes it."""
    posts: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while len(posts) < 3:
                connection, _ = listening.accept()
                with connection, connection.makefile("rb") as incoming:
                    head = iter(incoming.readline, b"\r\n")
                    length = next(
                        int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length")
                    )
                    list(head)
                    posts.append(incoming.read(length))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with Sandbox(SandboxConfig(webhook_url=url, flush_interval=0.01, posts_in_flight=1)) as sandbox:
            for _ in range(3):
                sandbox.accept(mail("drop@x.com"))
                report = sandbox.settle(60)
        thread.join(30)
    assert (report["refused"], report["acknowledged"], len(posts)) == (0, 3, 3)


def test_a_batch_is_given_up_after_the_last_retry(bench: Start, receiver: Receiver):
    made = bench(shards=1, retry_schedule=(0.01, 0.01))
    receiver.answers = [500] * 100
    made.client.send(mail("drop@x.com"))
    report = made.settle()
    assert (report["given_up"], report["acknowledged"], report["attempts"]) == (1, 0, 3)


def test_an_unreachable_webhook_is_tried_again_and_given_up():
    config = SandboxConfig(webhook_url="http://127.0.0.1:9/x", flush_interval=0.01, retry_schedule=(0.01,))
    with Sandbox(config) as sandbox:
        sandbox.accept(mail("drop@x.com"))
        report = sandbox.settle(60)
    assert (report["settled"], report["given_up"]) == (True, 1)
    assert report["last_failure"].startswith("ConnectionRefusedError")


def test_a_batch_is_sent_when_it_is_full(bench: Start, receiver: Receiver):
    made = bench(shards=1, max_batch_bytes=4000, flush_interval=0.3)
    made.client.send(mail([f"o{n}@x.com" for n in range(50)]))
    made.settle()
    assert max(len(post.body) for post in receiver.posts) <= 4000 + 3
    assert len(receiver.posts) > 10


def test_a_webhook_address_that_is_none_is_refused_at_once():
    with pytest.raises(errors.ConfigurationError, match="cannot post events to 'localhost:8000'"):
        Sandbox(SandboxConfig(webhook_url="localhost:8000"))


def test_what_waited_while_stopped_is_posted_after_the_next_start(receiver: Receiver):
    sandbox = Sandbox(SandboxConfig(webhook_url=receiver.url, flush_interval=0.01, speed=1000))
    sandbox.accept(mail("a@x.com"))
    assert sandbox.settle(0.05)["settled"] is False
    with sandbox:
        assert sandbox.settle(60)["settled"]
    assert Counter(receiver.kinds()) == Counter(processed=1, delivered=1)


def test_the_webhook_can_be_named_later_and_changed(receiver: Receiver):
    with Sandbox(SandboxConfig(flush_interval=0.01, speed=1000)) as sandbox:
        sandbox.accept(mail("drop@x.com"))
        assert sandbox.settle(60)["settled"]
        sandbox.post_to(receiver.url)
        with pytest.raises(errors.ConfigurationError):
            sandbox.post_to("ftp://x")
        sandbox.accept(mail("a@x.com"))
        assert sandbox.settle(60)["acknowledged"] == 2
    assert sorted(receiver.kinds()) == ["delivered", "processed"]


def test_a_restart_in_the_middle_of_retries_loses_nothing(receiver: Receiver):
    receiver.answers = [503] * 40
    config = SandboxConfig(
        webhook_url=receiver.url, flush_interval=0.005, speed=1000, posts_in_flight=1, retry_schedule=(0.01,) * 90
    )
    sandbox = Sandbox(config)
    for number in range(30):
        sandbox.accept(mail(f"drop{number}@x.com"))
    for pause in (0.02, 0.05):
        with sandbox:
            sandbox.settle(pause)
    with sandbox:
        report = sandbox.settle(60)
    assert (report["settled"], report["acknowledged"], report["given_up"]) == (True, 30, 0)
    assert {event["email"] for event in receiver.events} == {f"drop{number}@x.com" for number in range(30)}


def test_the_integration_test_posts_one_event_of_each_kind(bench: Start, receiver: Receiver):
    made = bench()
    assert made.client.call("POST", "/v3/user/webhooks/event/test", {"url": receiver.url}).status == 204
    made.settle()
    assert len(set(receiver.kinds())) == len(receiver.kinds()) == 11
    assert made.sandbox.truth()["accepted"] == 0


def test_truth_names_what_a_campaign_got(bench: Start):
    made = bench()
    for number, address in enumerate(["click@x.com", "mpp@x.com", "bounce@x.com"]):
        args = {"campaign_id": f"c-{number % 2}", "outreach_message_id": f"m-{number}", "tenant_id": "t"}
        made.client.send(mail(address, custom_args=args))
    made.settle()
    truth = made.sandbox.truth()
    assert truth["status"] == {"clicked": 1, "delivered": 1, "bounced": 1}
    assert truth["campaigns"]["c-0"] == {
        "accepted": 2,
        "messages": ["m-0", "m-2"],
        "status": "bounced",
        "opens": {"human": 1, "machine": 0},
        "clicks": {"human": 1, "machine": 0},
    }
    assert (truth["requests"], truth["accepted"], truth["accepted_twice"]) == (3, 3, [])


def test_truth_shows_a_mail_that_was_accepted_twice(bench: Start):
    made = bench()
    made.client.send()
    made.client.send()
    made.settle()
    truth = made.sandbox.truth()
    assert (truth["accepted"], truth["accepted_twice"]) == (2, ["m-1"])
    assert truth["messages"]["m-1"]["events"] == {"processed": 2, "delivered": 2}


def test_a_wrong_key_does_not_verify():
    key = serialization.load_der_public_key(base64.b64decode(Sandbox().public_key))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    signature = base64.b64decode(OFFICIAL_HEADERS["x-twilio-email-event-webhook-signature"])
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"x", ec.ECDSA(hashes.SHA256()))
