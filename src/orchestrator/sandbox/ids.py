"""Identifiers in the shapes SendGrid uses on the wire.

`X-Message-Id` is the unpadded base64url text of a UUIDv4. `sg_message_id` starts with it, names the receiving host,
the time and a counter in hex, and ends with the recipient's index. Ids of delivery events spell out what they stand
for, so a redelivered event keeps its id; ids of opens and clicks are random per hit.
"""

from __future__ import annotations

import itertools
import os
from base64 import urlsafe_b64encode

MTA_HOST = "geopod-ismtpd-38"
RECEIVER_HOST = "recvd-7f4fb8995-fd4g2-1"


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def random_id() -> str:
    """Return 22 characters: a fresh UUIDv4 as unpadded base64url."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return _base64url(bytes(raw))


def random_hex(length: int) -> str:
    """Return so many random bytes as hexadecimal digits."""
    return os.urandom(length).hex()


def smtp_id(x_message_id: str) -> str:
    """Return the Message-ID a recipient sees when the sender set none."""
    return f"<{x_message_id}@{MTA_HOST}>"


class MessageIds:
    """Makes `sg_message_id` values; one per sandbox, because the receiving host counts its requests."""

    def __init__(self) -> None:
        self._counter = itertools.count(1)

    def request_part(self, x_message_id: str, unix_time: int) -> str:
        """Return what all recipients of one request share of their `sg_message_id`."""
        return f"{x_message_id}.{RECEIVER_HOST}-{unix_time:X}-{next(self._counter):X}"


def delivery_event_id(word: str, user_id: int, x_message_id: str, index: int, attempt: int | None = None) -> str:
    """Return the `sg_event_id` of a delivery event; the same arguments give the same id.

    Args:
        word: SendGrid's word inside the id: ``processed``, ``deferred``, ``delivered``, ``bounce`` or ``drop``.
        user_id: Number of the sending account.
        x_message_id: Id of the request.
        index: Position of the recipient in the request, from 0.
        attempt: Delivery attempt; None for events that are not about an attempt.
    """
    middle = "" if attempt is None else f"{attempt}-"
    return _base64url(f"{word}-{middle}{user_id}-{x_message_id}-{index}".encode("ascii"))


def account_event_id(user_id: int, unix_time: int) -> str:
    """Return the `sg_event_id` of an account status change."""
    return _base64url(f"{user_id}-terminate-{unix_time}".encode("ascii"))
