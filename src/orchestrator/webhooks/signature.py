"""SendGrid's Signed Event Webhook: ECDSA over P-256 and SHA-256, on the bytes as they came.

The scheme is described in SendGrid's "Event Webhook Security Features": the signature covers the ASCII timestamp
header immediately followed by the raw body, including the body's trailing CR LF.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from mmap import mmap

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from orchestrator import errors

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"

_VARIABLE = "OUTREACH_WEBHOOK_PUBLIC_KEY"
_UNIX_SECONDS = re.compile(r"[0-9]{1,20}")
# The digest is computed once and checked against every key, without copying the body behind the timestamp.
_ALGORITHM = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


class Verifier:
    """Checks that a webhook was signed with one of SendGrid's keys.

    Several keys are allowed because SendGrid documents no overlap when a key pair is replaced, and because each of an
    account's webhooks has a key of its own.

    There is no limit on the age of a signature: SendGrid retries a batch for 24 hours and does not say whether it
    signs again, so a window would throw away real events. A replayed batch is harmless, because its events are already
    stored and are recognised as duplicates.

    Inbound mail is signed in the same way, under the same header names.

    Args:
        public_keys: Keys as SendGrid shows them (base64 of a DER SubjectPublicKeyInfo) or as PEM; one text with commas
            between the keys, or a sequence of such texts.
        variable: The variable that holds them, for messages.

    Raises:
        ConfigurationError: There is no key, or one of them is not a P-256 public key.
    """

    def __init__(self, public_keys: str | Sequence[str], variable: str = _VARIABLE) -> None:
        texts = [public_keys] if isinstance(public_keys, str) else public_keys
        keys = [key.strip() for text in texts for key in text.split(",") if key.strip()]
        if not keys:
            raise _unusable(variable, "holds no key")
        self._keys = tuple(_parse_key(variable, key, f"key {n} of {len(keys)}") for n, key in enumerate(keys, start=1))

    def verify(self, raw_body: bytes | mmap, headers: Mapping[str, str]) -> None:
        """Return when the signature is good, raise otherwise.

        Args:
            raw_body: The body exactly as received; re-encoding JSON, or dropping its last CR LF, breaks the signature.
            headers: The request's headers; names in any case.

        Raises:
            SignatureMissing: One of the two signature headers is absent or empty.
            SignatureInvalid: No configured key made this signature over these bytes.
        """
        signature, timestamp = _signature_headers(headers)
        # Nothing separates timestamp and body in what is signed. Digits alone keep an attacker from moving the border
        # into a body that SendGrid did sign: no JSON list begins with a digit.
        if not _UNIX_SECONDS.fullmatch(timestamp):
            raise errors.SignatureInvalid(f"{TIMESTAMP_HEADER} is not a number of seconds, so the webhook is not used.")
        try:
            der = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
            raise errors.SignatureInvalid(f"{SIGNATURE_HEADER} is not base64, so the webhook is not used.") from None
        digest = hashlib.sha256(timestamp.encode())
        digest.update(raw_body)
        if not any(_matches(key, der, digest.digest()) for key in self._keys):
            raise errors.SignatureInvalid


def _signature_headers(headers: Mapping[str, str]) -> tuple[str, str]:
    wanted = {SIGNATURE_HEADER.lower(): "", TIMESTAMP_HEADER.lower(): ""}
    for name, value in headers.items():
        if (lowered := name.lower()) in wanted:
            wanted[lowered] = value.strip()
    signature, timestamp = wanted.values()
    if not signature or not timestamp:
        absent = SIGNATURE_HEADER if not signature else TIMESTAMP_HEADER
        raise errors.SignatureMissing(f"The webhook carries no {absent} header, so nobody can tell who sent it.")
    return signature, timestamp


def _matches(key: ec.EllipticCurvePublicKey, der: bytes, digest: bytes) -> bool:
    try:
        key.verify(der, digest, _ALGORITHM)
    except InvalidSignature:
        return False
    return True


def _parse_key(variable: str, text: str, name: str) -> ec.EllipticCurvePublicKey:
    try:
        if text.startswith("-----BEGIN"):
            # Environment files often carry the two characters \n where the PEM has line ends.
            key = serialization.load_pem_public_key(text.replace("\\n", "\n").encode())
        else:
            key = serialization.load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(variable, f"is wrong: {name} is neither base64 of a DER public key nor PEM") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _unusable(variable, f"is wrong: {name} is not an elliptic-curve key on P-256, which SendGrid signs with")
    return key


def _unusable(variable: str, problem: str) -> errors.ConfigurationError:
    where = "Event Webhook → Security features" if variable == _VARIABLE else "security policy for Inbound Parse"
    return errors.ConfigurationError(
        f"{variable} {problem}.", fix=f"Copy the verification key from SendGrid's {where}; commas between several."
    )
