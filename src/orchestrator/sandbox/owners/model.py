"""What the owners of ordinary addresses do about a mail, decided by seed and address alone."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from orchestrator.sandbox.config import OwnerModel
from orchestrator.sandbox.owners.clients import CLIENTS
from orchestrator.sandbox.owners.lines import LINES, line

# Story seconds after delivery.
SCAN, AWAY, ANSWER, PRESS = 0.5, 3.0, 90.0, 70.0
_BUTTONS = ("one_click", "mailto_opt_out")

Act = tuple[float, str, dict[str, Any]]


def acts_of(rates: OwnerModel, seed: int, email: str) -> Iterator[Act]:
    """Yield what an owner does: story seconds after delivery, the deed, and its options.

    Args:
        rates: How often owners do what.
        seed: Decides which of them do it.
        email: The owner's address.
    """
    if rates == OwnerModel():
        return
    digest = blake2b(f"{seed}|owner|{email.lower()}".encode(), digest_size=20).digest()
    answer, away, scanned, when, way = (int.from_bytes(digest[n : n + 4], "big") / 2**32 for n in range(0, 20, 4))
    if scanned < rates.scan:
        yield SCAN, "scan", {}
    if away < rates.out_of_office:
        yield AWAY, "out_of_office", {"client": ("exchange", "gmail")[way < 0.4]}
        return
    for what in (*LINES, *_BUTTONS):
        rate = getattr(rates, what)
        if answer < rate:
            later = 60.0 * when
            yield (PRESS + later, what, {}) if what in _BUTTONS else (ANSWER + later, "reply", saying(what, way))
            return
        answer -= rate


def saying(intent: str, way: float = 0.0) -> dict[str, Any]:
    """Return the options of a reply that says something.

    Args:
        intent: A row of `lines.LINES`.
        way: Share 0..1 that decides the words and the mail program.
    """
    number = int(way * 9_973)
    return {"intent": intent, "text": line(intent, number), "client": list(CLIENTS)[number % len(CLIENTS)]}
