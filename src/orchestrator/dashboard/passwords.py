"""Passwords as they stand in a configuration: salted and hashed with scrypt (RFC 7914), never in clear text."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading

from orchestrator import errors

#: Cost as log2, block size and parallelism; one of the sets OWASP's password storage cheat sheet calls equal: 32 MiB.
_COST, _BLOCK, _PARALLEL = 15, 8, 3
_MEMORY = 64 * 1024 * 1024
_SALT_BYTES = 16
_KEY_BYTES = 32
#: Costs more than a password hash of this kind ever should; a configured one beyond it is a mistake.
_MOST_COST = 20
#: Longer than any password manager makes them; hashing a megabyte is a way to keep a server busy.
LONGEST = 1024
SHORTEST = 12

#: Each check takes 32 MiB and 0.2 s of a core: two at a time are enough, the others wait.
_AT_ONCE = threading.BoundedSemaphore(2)


def hashed(password: str) -> str:
    """Return `password` as it may stand in ``OUTREACH_DASHBOARD_PASSWORD_HASH``.

    Raises:
        ValidationError: It is shorter than 12 or longer than 1,024 characters.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise errors.ValidationError(
            "password", f"must have {SHORTEST} to {LONGEST:,} characters", fix="Three or four random words are good."
        )
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _key(password, salt, _COST, _BLOCK, _PARALLEL)
    return ":".join(("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), _text(salt), _text(key)))


def check_form(stored: str) -> None:
    """Make sure that `stored` is something `hashed` returns.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        _parts(stored)
    except ValueError:
        raise errors.ConfigurationError(
            "OUTREACH_DASHBOARD_PASSWORD_HASH is no password hash.",
            fix="Make one with `outreach dashboard password` and put the whole line there.",
        ) from None


def matches(password: str, stored: str) -> bool:
    """Tell whether `password` is the one that `stored` was made of; takes about 0.2 seconds either way."""
    cost, block, parallel, salt, key = _parts(stored)
    if len(password) > LONGEST:
        return False
    return hmac.compare_digest(_key(password, salt, cost, block, parallel), key)


def _key(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    with _AT_ONCE:
        return hashlib.scrypt(
            password.encode("utf-8", "surrogatepass"),
            salt=salt, n=1 << cost, r=block, p=parallel, maxmem=_MEMORY, dklen=_KEY_BYTES,
        )  # fmt: skip


def _parts(stored: str) -> tuple[int, int, int, bytes, bytes]:
    kind, cost, block, parallel, salt, key = stored.strip().split(":")
    numbers = int(cost), int(block), int(parallel)
    raw = base64.b64decode(salt, validate=True), base64.b64decode(key, validate=True)
    needed = 128 * numbers[1] * (1 << min(numbers[0], _MOST_COST))
    if kind != "scrypt" or min(numbers) < 1 or numbers[0] > _MOST_COST or needed > _MEMORY or len(raw[1]) != _KEY_BYTES:
        raise ValueError(stored)
    return *numbers, *raw


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
