"""SendGrid's webhook signature: ECDSA on P-256 with SHA-256 over the timestamp text followed by the raw body."""

from __future__ import annotations

import threading
from base64 import b64encode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"


class Signer:
    """Holds the key pair of one event webhook. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """Base64 of the DER SubjectPublicKeyInfo without armour, as SendGrid's settings page shows it."""
        return b64encode(
            self._key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ).decode("ascii")

    def rotate(self) -> str:
        """Replace the key pair and return the new public key; SendGrid, too, offers no overlap."""
        with self._lock:
            self._key = ec.generate_private_key(ec.SECP256R1())
        return self.public_key

    def sign(self, timestamp: str, body: bytes) -> str:
        """Return the base64 signature (ASN.1 sequence of r and s) for a body posted at `timestamp` (unix seconds)."""
        signature = self._key.sign(timestamp.encode("ascii") + body, ec.ECDSA(hashes.SHA256()))
        return b64encode(signature).decode("ascii")
