"""The faults, seen from a raw socket and from the webhook."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest

from orchestrator import errors
from orchestrator.sandbox import Faults
from tests.sandbox.bench import Bench, Receiver, mail

Start = Callable[..., Bench]


def raw_request(made: Bench, timeout: float = 60.0) -> socket.socket:
    """Send one right request over a socket of its own and return the socket."""
    body = json.dumps(mail()).encode()
    head = (
        f"POST /v3/mail/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SG.x\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = made.server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=timeout)
    connection.sendall(head.encode() + body)
    return connection


def accepted(made: Bench) -> int:
    return made.sandbox.truth(detail=False)["accepted"]


@pytest.mark.parametrize(("knob", "taken"), [("reset_before", 0), ("reset_after_body", 1)])
def test_a_reset_reaches_the_client_as_a_reset(bench: Start, knob: str, taken: int):
    made = bench()
    made.sandbox.faults.set(**{knob: 1.0})
    with closing(raw_request(made)) as connection, pytest.raises(ConnectionResetError):
        connection.recv(100)
    assert accepted(made) == taken


@pytest.mark.parametrize(("knob", "taken"), [("hang", 0), ("hang_after_accept", 1)])
def test_a_hanging_request_is_never_answered(bench: Start, knob: str, taken: int):
    made = bench()
    made.sandbox.faults.set(**{knob: 1.0})
    with closing(raw_request(made)) as connection:
        if taken:
            assert made.sandbox.wait_for_message(timeout=60)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
    assert accepted(made) == taken


def test_a_throttled_request_says_when_to_come_back_if_told_to(bench: Start):
    made = bench()
    made.sandbox.faults.set(error_429=1.0)
    bare = made.client.send()
    assert (bare.status, bare.json["errors"][0]["message"]) == (429, "too many requests")
    assert not {"retry-after", "x-ratelimit-reset"} & set(bare.headers)
    made.sandbox.faults.set(retry_after=7, rate_limit_reset=9)
    full = made.client.send()
    assert full.headers["retry-after"] == "7"
    assert 7 <= int(full.headers["x-ratelimit-reset"]) - time.time() <= 10
    assert accepted(made) == 0


def test_server_errors_come_before_or_after_the_mail_was_taken(bench: Start):
    made = bench()
    made.sandbox.faults.set(error_5xx_before=1.0)
    assert (made.client.send().status, accepted(made)) == (503, 0)
    made.sandbox.faults.clear()
    made.sandbox.faults.set(error_5xx_after=1.0)
    assert [made.client.send().status for _ in range(4)] == [500, 502, 504, 500]
    assert accepted(made) == 4


def test_a_gateways_error_page_is_no_json(bench: Start):
    made = bench()
    made.sandbox.faults.set(error_5xx_before=1.0, non_json_5xx=True, status_before=502)
    answer = made.client.send()
    assert (answer.status, answer.headers["content-type"]) == (502, "text/html")
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_spent_credits_are_a_401(bench: Start):
    made = bench()
    made.sandbox.faults.set(credits=1.0)
    answer = made.client.send()
    assert (answer.status, answer.json["errors"][0]["message"]) == (401, "Maximum credits exceeded")


def test_latency_delays_the_answer_and_pipelined_requests_keep_their_order(bench: Start):
    made = bench()
    made.sandbox.faults.set(latency_ms=80)
    began = time.monotonic()
    with closing(raw_request(made)) as connection:
        body = b'{"subject":""}'
        connection.sendall(
            b"POST /v3/mail/send HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer SG.x\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert time.monotonic() - began >= 0.16
    assert received.index(b"HTTP/1.1 202") < received.index(b"HTTP/1.1 400")


def strikes(seed: int, *others: str) -> list[bool]:
    """Return which of 50 requests the 429 hits, while other chances are drawn in between."""
    faults = Faults(seed)
    faults.set(error_429=0.3, **dict.fromkeys(others, 0.5))
    hits = []
    for _ in range(50):
        for other in others:
            faults.hits(other)
        hits.append(faults.hits("error_429"))
    return hits


def test_chances_strike_the_same_requests_in_every_run():
    assert strikes(1) == strikes(1) == strikes(1, "hang", "reorder")
    assert strikes(1) != strikes(2)
    assert 5 < sum(strikes(1)) < 25


@pytest.mark.parametrize(
    ("knob", "value", "message"),
    [
        ("eror_429", 1, "no such fault; there are: bad_signature"),
        ("hang", 2, "hang: must be a probability between 0 and 1"),
        ("hang", "often", "hang: must be a number"),
        ("latency_ms", -1, "latency_ms: is out of range"),
        ("non_json_5xx", 1, "non_json_5xx: must be true or false"),
        ("status_before", 200, "status_before: is out of range"),
    ],
)
def test_a_wrong_knob_is_explained_and_changes_nothing(knob: str, value: object, message: str):
    faults = Faults(1)
    with pytest.raises(errors.ValidationError, match=message):
        faults.set(error_429=1.0, **{knob: value})
    assert faults.as_dict()["error_429"] == 0
    assert not faults.active


def test_duplicates_come_with_the_same_and_with_new_ids_and_the_truth_counts_them(bench: Start, receiver: Receiver):
    made = bench()
    made.sandbox.faults.set(duplicate_same_id=1.0, duplicate_new_id=1.0)
    made.client.send()
    made.settle()
    assert Counter(receiver.kinds()) == Counter(processed=3, delivered=3)
    identities = Counter(event["sg_event_id"] for event in receiver.events if event["event"] == "delivered")
    assert sorted(identities.values()) == [1, 2]
    truth = made.sandbox.truth()
    assert (truth["events"], truth["duplicates"]) == ({"processed": 1, "delivered": 1}, 4)


def test_processed_can_be_missing_and_everything_can_be_withheld(bench: Start, receiver: Receiver):
    made = bench()
    made.sandbox.faults.set(drop_processed=1.0)
    made.client.send()
    made.settle()
    assert receiver.kinds() == ["delivered"]
    made.sandbox.faults.set(withhold=1.0)
    made.client.send()
    made.settle()
    assert receiver.kinds() == ["delivered"]
    assert made.sandbox.truth()["withheld"] == 3


def test_reordering_brings_later_events_first(bench: Start, receiver: Receiver):
    made = bench(shards=1, flush_interval=0.02)
    made.sandbox.faults.set(reorder=0.5)
    made.client.send(mail([f"click{n}@x.com" for n in range(20)]))
    made.settle()
    orders = {tuple(receiver.kinds(f"click{n}@x.com")) for n in range(20)}
    assert len(orders) > 1
    assert {tuple(sorted(order)) for order in orders} == {("click", "delivered", "open", "processed")}


def test_events_can_be_late_and_unknown(bench: Start, receiver: Receiver):
    made = bench()
    made.sandbox.faults.set(unknown_event=1.0, delay=0.2)
    began = time.monotonic()
    made.client.send(mail("drop@x.com"))
    made.settle()
    assert time.monotonic() - began >= 0.2
    assert Counter(receiver.kinds()) == Counter(dropped=1, future_event=1)


def test_a_bad_signature_does_not_verify(bench: Start, receiver: Receiver):
    made = bench()
    made.sandbox.faults.set(bad_signature=1.0)
    made.client.send()
    made.settle()
    assert receiver.posts
    assert not any(post.signed_with(made.sandbox.public_key) for post in receiver.posts)
