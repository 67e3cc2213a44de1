"""The signature check, against SendGrid's published vector and keys made here."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from orchestrator import errors
from orchestrator.webhooks.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, Verifier

# The vector of SendGrid's own libraries (test_eventwebhook.py, eventwebhook_test.go).
KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfS"
    "mpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
OTHER_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd"
    "4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7GjUuFDb/R1NGe1OPzpA=="
)
SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
OTHER_SIGNATURE = "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH3j/0="
TIMESTAMP = "1600112502"
PAYLOAD = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)


def headers(signature: str = SIGNATURE, timestamp: str = TIMESTAMP) -> dict[str, str]:
    return {SIGNATURE_HEADER: signature, TIMESTAMP_HEADER: timestamp}


def new_key() -> tuple[ec.EllipticCurvePrivateKey, str]:
    private = ec.generate_private_key(ec.SECP256R1())
    return private, public_text(private.public_key())


def public_text(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def sign(key: ec.EllipticCurvePrivateKey, body: bytes, timestamp: str = TIMESTAMP) -> dict[str, str]:
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return headers(base64.b64encode(signature).decode(), timestamp)


def accepted(verifier: Verifier, body: bytes, sent: dict[str, str]) -> bool:
    try:
        verifier.verify(body, sent)
    except errors.SignatureInvalid:
        return False
    return True


def test_the_published_vector_is_accepted():
    assert len(PAYLOAD) == 327
    assert accepted(Verifier(KEY), PAYLOAD, headers())


@pytest.mark.parametrize(
    ("key", "body", "sent"),
    [
        pytest.param(OTHER_KEY, PAYLOAD, headers(), id="wrong key"),
        pytest.param(KEY, b"payload", headers(), id="wrong payload"),
        pytest.param(KEY, PAYLOAD, headers(OTHER_SIGNATURE), id="wrong signature"),
        pytest.param(KEY, PAYLOAD, headers(timestamp="timestamp"), id="wrong timestamp"),
        pytest.param(KEY, PAYLOAD, headers(timestamp="1600112503"), id="another second"),
        pytest.param(KEY, PAYLOAD.rstrip(), headers(), id="CR LF dropped"),
        pytest.param(KEY, PAYLOAD.replace(b"\r\n", b"\n"), headers(), id="CR LF changed to LF"),
        pytest.param(KEY, b"", headers(), id="empty body"),
        pytest.param(KEY, PAYLOAD, headers("%%% no base64 %%%"), id="signature not base64"),
        pytest.param(KEY, PAYLOAD, headers("ÄÖÜ="), id="signature beyond ASCII"),
        pytest.param(KEY, PAYLOAD, headers(base64.b64encode(b"no DER").decode()), id="signature not DER"),
        pytest.param(KEY, PAYLOAD, headers(SIGNATURE[:-8]), id="signature cut"),
        pytest.param(KEY, PAYLOAD, headers(timestamp="１６００１１２５０２"), id="full-width digits"),
    ],
)
def test_anything_else_is_refused(key: str, body: bytes, sent: dict[str, str]):
    assert not accepted(Verifier(key), body, sent)


@pytest.mark.parametrize("name", [SIGNATURE_HEADER, TIMESTAMP_HEADER])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_header_is_named(name: str, value: str | None):
    sent = {n: v for n, v in headers().items() if n != name}
    if value is not None:
        sent[name] = value

    with pytest.raises(errors.SignatureMissing, match=f"carries no {name} header"):
        Verifier(KEY).verify(PAYLOAD, sent)


@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.swapcase])
def test_header_names_count_in_any_case(spelling):
    assert accepted(Verifier(KEY), PAYLOAD, {spelling(name): value for name, value in headers().items()})


@pytest.mark.parametrize("keys", [f"{OTHER_KEY},{KEY}", f" {KEY} ,\n{OTHER_KEY} ,", [OTHER_KEY, KEY], (KEY,)])
def test_any_of_several_keys_may_have_signed(keys):
    assert accepted(Verifier(keys), PAYLOAD, headers())


@pytest.mark.parametrize("line_end", ["\n", "\\n", "\r\n"], ids=["LF", "backslash n", "CRLF"])
def test_a_pem_key_is_accepted_as_environment_files_carry_it(line_end: str):
    pem = line_end.join(["-----BEGIN PUBLIC KEY-----", KEY[:64], KEY[64:], "-----END PUBLIC KEY-----", ""])

    assert accepted(Verifier(pem), PAYLOAD, headers())
    assert accepted(Verifier(f"{OTHER_KEY},{pem}"), PAYLOAD, headers())


def test_the_age_of_a_signature_does_not_matter():
    private, public = new_key()

    assert accepted(Verifier(public), PAYLOAD, sign(private, PAYLOAD, "1"))


def test_the_border_between_timestamp_and_body_cannot_be_moved():
    private, public = new_key()
    inner = b'[{"event":"delivered"}]'
    body = b'[{"event":"bounce","reason":"' + inner
    signed = sign(private, body)
    moved = headers(signed[SIGNATURE_HEADER], TIMESTAMP + body.removesuffix(inner).decode())

    assert accepted(Verifier(public), body, signed)
    assert not accepted(Verifier(public), inner, moved)


def test_every_byte_of_the_body_is_signed():
    private, public = new_key()
    verifier, body = Verifier(public), b'[{"event":"open"},\r\n{"event":"click"}]\r\n'
    sent = sign(private, body)
    changed = [bytes(b ^ (i == at) for i, b in enumerate(body)) for at in range(len(body))]

    assert accepted(verifier, body, sent)
    assert not any(accepted(verifier, other, sent) for other in changed)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", "OUTREACH_WEBHOOK_PUBLIC_KEY holds no key"),
        (" , ", "OUTREACH_WEBHOOK_PUBLIC_KEY holds no key"),
        ([], "OUTREACH_WEBHOOK_PUBLIC_KEY holds no key"),
        ("no key at all", "OUTREACH_WEBHOOK_PUBLIC_KEY is wrong: key 1 of 1 is neither base64"),
        (f"{KEY},{KEY[:40]}", "OUTREACH_WEBHOOK_PUBLIC_KEY is wrong: key 2 of 2 is neither base64"),
        ("-----BEGIN PUBLIC KEY-----", "OUTREACH_WEBHOOK_PUBLIC_KEY is wrong: key 1 of 1 is neither base64"),
    ],
)
def test_an_unusable_key_is_a_configuration_error_that_names_the_variable(keys, message: str):
    with pytest.raises(errors.ConfigurationError) as caught:
        Verifier(keys)

    assert str(caught.value).startswith(message)
    assert "SendGrid's Event Webhook" in (caught.value.fix or "")


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()).public_key(), ed25519.Ed25519PrivateKey.generate().public_key()],
    ids=["P-384", "Ed25519"],
)
def test_a_key_of_another_kind_is_a_configuration_error(key):
    with pytest.raises(errors.ConfigurationError, match="key 1 of 1 is not an elliptic-curve key on P-256"):
        Verifier(public_text(key))
