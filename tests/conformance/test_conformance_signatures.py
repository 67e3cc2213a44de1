"""Who is believed: signatures, keys and framing, through the running service's socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conformance.conftest import Running, running
from tests.conformance.wire import SIGNATURE, TIMESTAMP, Signer, body_of, connected
from tests.samples import TENANT

# SendGrid's own test vector: sendgrid-python, test/unit/test_eventwebhook.py.
VECTOR_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6w"
    "EA3F+g=="
)
OTHER_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7GjUuFDb/R1NGe"
    "1OPzpA=="
)
VECTOR_SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
WRONG_SIGNATURE = "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH3j/0="
VECTOR_TIMESTAMP = "1600112502"
VECTOR = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
SIGNED = {SIGNATURE: VECTOR_SIGNATURE, TIMESTAMP: VECTOR_TIMESTAMP}

REFUSED = 'orchestrator_webhook_requests_total{{outcome="{}"}}'


@pytest.mark.parametrize(
    "keys",
    [VECTOR_KEY, f"{OTHER_KEY},{VECTOR_KEY}", f" {VECTOR_KEY} , {OTHER_KEY},"],
    ids=["the only key", "the second of two keys", "keys with white space"],
)
def test_the_official_vector_is_accepted_and_kept(dsn: str, signer: Signer, keys: str) -> None:
    with running(dsn, signer, webhook_public_key=keys) as service, connected(service.port) as wire:
        answer = wire.post(VECTOR, SIGNED)

        assert len(VECTOR) == 327
        assert (answer.status, answer.json) == (200, {"received": 1, "new": 0, "duplicate": 0, "unknown": 1})
        assert [row["event_data"] for row in service.rows.unmatched()] == json.loads(VECTOR)


def altered(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


FORGERIES: dict[str, tuple[bytes, Mapping[str, str], str, int]] = {
    "the trailing CR LF dropped": (VECTOR.rstrip(), SIGNED, "signature-invalid", 403),
    "the CR LF became LF": (VECTOR.replace(b"\r\n", b"\n"), SIGNED, "signature-invalid", 403),
    "the first byte altered": (altered(VECTOR, 0), SIGNED, "signature-invalid", 403),
    "the last byte altered": (altered(VECTOR, 326), SIGNED, "signature-invalid", 403),
    "a byte in the middle altered": (altered(VECTOR, 163), SIGNED, "signature-invalid", 403),
    "one byte more": (VECTOR + b" ", SIGNED, "signature-invalid", 403),
    "no body": (b"", SIGNED, "signature-invalid", 403),
    "re-encoded JSON": (json.dumps(json.loads(VECTOR)).encode(), SIGNED, "signature-invalid", 403),
    "the wrong signature": (VECTOR, SIGNED | {SIGNATURE: WRONG_SIGNATURE}, "signature-invalid", 403),
    "another timestamp": (VECTOR, SIGNED | {TIMESTAMP: "1600112503"}, "signature-invalid", 403),
    # Nothing stands between timestamp and body in what is signed, so these bytes do carry SendGrid's signature.
    "the timestamp's end moved into the body": (
        b"2" + VECTOR,
        SIGNED | {TIMESTAMP: "160011250"},
        "malformed-payload",
        400,
    ),
    "the body's start moved into the timestamp": (
        VECTOR[1:],
        SIGNED | {TIMESTAMP: f"{VECTOR_TIMESTAMP}["},
        "signature-invalid",
        403,
    ),
    "a timestamp in words": (VECTOR, SIGNED | {TIMESTAMP: "timestamp"}, "signature-invalid", 403),
    "a signature that is not base64": (VECTOR, SIGNED | {SIGNATURE: "%%%"}, "signature-invalid", 403),
    "a signature that is not DER": (VECTOR, SIGNED | {SIGNATURE: "AAAA"}, "signature-invalid", 403),
    "no signature": (VECTOR, {TIMESTAMP: VECTOR_TIMESTAMP}, "signature-missing", 401),
    "an empty signature": (VECTOR, SIGNED | {SIGNATURE: ""}, "signature-missing", 401),
    "no timestamp": (VECTOR, {SIGNATURE: VECTOR_SIGNATURE}, "signature-missing", 401),
    "no header at all": (VECTOR, {}, "signature-missing", 401),
}


def test_every_forgery_is_refused_counted_and_leaves_no_trace(dsn: str, signer: Signer) -> None:
    with running(dsn, signer, webhook_public_key=VECTOR_KEY) as service, connected(service.port) as wire:
        answers = {name: wire.post(body, headers).status for name, (body, headers, _, _) in FORGERIES.items()}
        kept = service.rows.unmatched()
        invalid, missing = (wire.metric(REFUSED.format(word)) for word in ("signature-invalid", "signature-missing"))
        genuine = wire.post(VECTOR, SIGNED).status

    assert answers == {name: status for name, (_, _, _, status) in FORGERIES.items()}
    assert (invalid, missing) == (14, 4)
    assert kept == []
    assert genuine == 200, "a refusal must leave the connection usable"


def test_the_official_wrong_key_accepts_nothing(dsn: str, signer: Signer) -> None:
    with running(dsn, signer, webhook_public_key=OTHER_KEY) as service, connected(service.port) as wire:
        assert wire.post(VECTOR, SIGNED).status == 403
        assert service.rows.unmatched() == []


def test_each_of_several_keys_is_believed_until_it_is_taken_out(dsn: str) -> None:
    old, new = Signer(), Signer()
    body = body_of([{"event": "open", "sg_event_id": "a"}])

    def statuses(*keys: Signer) -> list[int]:
        configured = ",".join(key.public_key for key in keys)
        with running(dsn, old, webhook_public_key=configured) as service, connected(service.port) as wire:
            return [wire.post(body, signer.headers(body)).status for signer in (old, new)]

    assert statuses(old) == [200, 403]
    assert statuses(old, new) == [200, 200]
    assert statuses(new) == [403, 200]


def test_without_a_key_the_endpoint_is_closed_and_says_why(dsn: str, signer: Signer) -> None:
    with running(dsn, signer, webhook_public_key=None) as service, connected(service.port) as wire:
        answer = wire.post(VECTOR, SIGNED)

        assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        assert "No webhook verification key is configured" in answer.json["detail"]
        assert "OUTREACH_WEBHOOK_PUBLIC_KEY" in answer.json["fix"]
        assert wire.metric(REFUSED.format("webhook-not-configured")) == 1


FRAMINGS: list[dict[str, Any]] = [
    {},
    {"pieces": 40},
    {"chunks": [1 << 20]},
    {"chunks": [1, 7, 64, 3]},
    {"chunks": [100], "pieces": 60},
    {"path": "/webhooks/sendgrid/"},
]


def test_one_connection_carries_every_framing_one_after_the_other(service: Running) -> None:
    (campaign,) = service.create(["owner@owners.test"])
    link = "https://memo.example.com/{}"
    with connected(service.port) as wire:
        answers = [
            service.post(
                [
                    {
                        "event": "click",
                        "timestamp": 1767628800,
                        "campaign_id": campaign,
                        "tenant_id": TENANT,
                        "url": url,
                    }
                    for url in (link.format(2 * number), link.format(2 * number + 1))
                ],
                wire,
                **how,
            )
            for number, how in enumerate(FRAMINGS)
        ]

    assert [(answer.status, answer.json["new"]) for answer in answers] == [(200, 2)] * len(FRAMINGS)
    stored = {row["event_data"]["url"] for row in service.rows.reported(TENANT)}
    assert stored == {link.format(number) for number in range(2 * len(FRAMINGS))}
