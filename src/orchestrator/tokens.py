"""Signed tokens for links and reply addresses: anybody can carry one, nobody can make one.

A token holds a few short texts, usually ids, and never expires: an opt-out link must work for as long as the mail
exists (CAN-SPAM asks for at least 30 days). A token made for one purpose is refused for every other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from uuid import UUID

import itsdangerous
from itsdangerous.encoding import base64_decode, base64_encode

from orchestrator import errors

#: Characters of e-mail local parts that no mail system folds into each other. Base 39 is the smallest alphabet in
#: which two UUIDs and 80 bits of signature fit into 64 characters (RFC 5321 §4.5.3.1.1); base 32 would need 68. All
#: are legal unquoted (RFC 5322 atext); digits come first so that a token never starts with a sign.
LOCAL_PART_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz-_+"

_PAIRS = tuple(first + second for first in LOCAL_PART_ALPHABET for second in LOCAL_PART_ALPHABET)

_MAC_BYTES = 10
_UUID_BYTES = 16
_LONGEST_TOKEN = 2048
_UUID_TAG = 255  # any smaller tag is the length of a text
_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FORGED = "This token was not made by us, or it was damaged on its way."


class Signer:
    """Makes and checks tokens.

    Args:
        keys: Secrets. The first one signs, all of them verify, so a key is rotated by putting the new one in front.

    Raises:
        ConfigurationError: No key is given, or one is empty.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if isinstance(keys, str) or not keys or not all(keys):
            raise errors.ConfigurationError(
                "Links cannot be signed: no secret key is given, or one is empty.",
                fix="Set OUTREACH_SECRET_KEY to a long random text, or leave it unset to have one made.",
            )
        self._keys = tuple(keys)
        # Our purposes are few, and deriving a key for one costs as much as the signature itself.
        self._signer = lru_cache(maxsize=16)(self._made_signer)

    def __repr__(self) -> str:
        return f"Signer({len(self._keys)} keys)"

    def sign(self, purpose: str, parts: Sequence[str]) -> str:
        """Return a URL-safe token that carries `parts`; two UUIDs make 90 characters.

        Args:
            purpose: What the token allows, for example ``unsubscribe``; `verify` must name the same.
            parts: Texts of at most 254 UTF-8 bytes each. UUIDs in canonical form take 16 bytes.

        Raises:
            ValidationError: A part, or the whole token, is too long for a link.
        """
        token = self._signer(purpose).sign(base64_encode(b"".join(_packed(part) for part in parts))).decode()
        if len(token) > _LONGEST_TOKEN:
            raise errors.ValidationError("parts", f"a token has at most {_LONGEST_TOKEN} characters, not {len(token)}")
        return token

    def verify(self, purpose: str, token: str) -> tuple[str, ...]:
        """Return the parts of a token that `sign` made for `purpose`.

        Raises:
            TokenError: The token is forged, damaged, or was made for something else.
        """
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise errors.TokenError(_FORGED)
        try:
            return tuple(_unpacked(base64_decode(self._signer(purpose).unsign(token))))
        except (itsdangerous.BadData, ValueError, IndexError):
            raise errors.TokenError(_FORGED) from None

    def sign_local_part(self, purpose: str, ids: Sequence[str]) -> str:
        """Return a token of 40 (one id) or 64 (two ids) characters for the left side of an e-mail address.

        Mail systems may change the case of an address, so the token holds no capitals and is read in any case. Its
        signature has 80 bits: guessing means sending mails, not computing.

        Args:
            purpose: What the token is for, for example ``reply``.
            ids: One or two UUIDs in any text form.

        Raises:
            ValidationError: There are no or more than two ids, or one is not a UUID.
        """
        try:
            packed = b"".join(UUID(one).bytes for one in ids)
        except ValueError:
            raise errors.ValidationError("ids", "only UUIDs fit into an e-mail address") from None
        if len(packed) not in _LOCAL_PART_SIZES.values():
            raise errors.ValidationError("ids", f"one or two UUIDs fit into an e-mail address, not {len(ids)}")
        return _to_digits(packed + _mac(self._keys[0], purpose, packed))

    def verify_local_part(self, purpose: str, local_part: str) -> tuple[str, ...]:
        """Return the ids of a token that `sign_local_part` made for `purpose`, in canonical form.

        Raises:
            TokenError: The token is forged, damaged, or was made for something else.
        """
        size = _LOCAL_PART_SIZES.get(len(local_part))
        signed = _from_digits(local_part, size + _MAC_BYTES) if size and local_part.isascii() else None
        if size is None or signed is None:
            raise errors.TokenError(_FORGED)
        packed, mac = signed[:size], signed[size:]
        if not any(hmac.compare_digest(mac, _mac(key, purpose, packed)) for key in self._keys):
            raise errors.TokenError(_FORGED)
        return tuple(str(UUID(bytes=packed[at : at + _UUID_BYTES])) for at in range(0, size, _UUID_BYTES))

    def _made_signer(self, purpose: str) -> itsdangerous.Signer:
        # What itsdangerous calls "hmac" derivation, with the purpose as salt. It signs with the last key of its list.
        salt = purpose.encode()
        derived = [hmac.digest(key.encode(), salt, "sha256") for key in reversed(self._keys)]
        return itsdangerous.Signer(derived, key_derivation="none", digest_method=hashlib.sha256)


def _packed(part: str) -> bytes:
    if _CANONICAL_UUID.fullmatch(part):
        return bytes((_UUID_TAG,)) + bytes.fromhex(part.replace("-", ""))
    raw = part.encode()
    if len(raw) >= _UUID_TAG:
        raise errors.ValidationError("parts", f"a part of a token holds at most 254 bytes, this one {len(raw)}")
    return bytes([len(raw)]) + raw


def _unpacked(raw: bytes) -> Iterator[str]:
    at = 0
    while at < len(raw):
        tag = raw[at]
        size = _UUID_BYTES if tag == _UUID_TAG else tag
        chunk = raw[at + 1 : at + 1 + size]
        yield str(UUID(bytes=chunk)) if tag == _UUID_TAG else chunk.decode()
        at += 1 + size


def _mac(key: str, purpose: str, packed: bytes) -> bytes:
    return hmac.digest(_derived(key, purpose), packed, "sha256")[:_MAC_BYTES]


@lru_cache(maxsize=16)
def _derived(key: str, purpose: str) -> bytes:
    # A key of its own per purpose, and one that no link token is signed with.
    return hmac.digest(key.encode(), b"local-part\0" + purpose.encode(), "sha256")


@cache
def _width(size: int) -> int:
    """Return how many characters `size` bytes take."""
    base, number, width = len(LOCAL_PART_ALPHABET), 256**size - 1, 0
    while number:
        number, width = number // base, width + 1
    return width


def _to_digits(raw: bytes) -> str:
    # Two digits at a time: each mail that leaves needs one, and all our sizes make an even number of them.
    number, pairs = int.from_bytes(raw), []
    for _ in range(_width(len(raw)) // 2):
        number, pair = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))


def _from_digits(text: str, size: int) -> bytes | None:
    number = 0
    for char in text.lower():
        digit = LOCAL_PART_ALPHABET.find(char)
        if digit < 0:
            return None
        number = number * len(LOCAL_PART_ALPHABET) + digit
    return number.to_bytes(size) if number < 256**size else None


#: Length of a local part -> bytes of the ids in it.
_LOCAL_PART_SIZES = {_width(count * _UUID_BYTES + _MAC_BYTES): count * _UUID_BYTES for count in (1, 2)}
