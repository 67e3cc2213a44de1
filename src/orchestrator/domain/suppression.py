"""What must not be written to, and which addresses are the same person's mailbox."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.domain.events import Fact

#: Mails to one address that must expire, with nothing delivered between them, before it is left alone for a while.
SOFT_BOUNCES = 3
#: For how long that is; and how long one of them counts.
SOFT_BOUNCES_REST = timedelta(days=90)


class Kind(StrEnum):
    """What an entry of the suppression list is about."""

    ADDRESS = "address"
    PROPERTY = "property"
    DOMAIN = "domain"


_GMAIL = frozenset({"gmail.com", "googlemail.com"})
#: Providers that deliver ``name+tag@`` to ``name@``. Elsewhere a plus may be part of somebody else's name.
_PLUS_TAGS = _GMAIL | {
    "outlook.com", "hotmail.com", "live.com", "msn.com", "icloud.com", "me.com", "mac.com",
    "fastmail.com", "fastmail.fm", "proton.me", "protonmail.com", "pm.me",
}  # fmt: skip


def address_key(email: str) -> str:
    """Return the canonical form of `email` under which opt-outs and caps are kept; never an address to send to.

    Case is folded everywhere; Gmail's dots and the tags of providers known to ignore them are dropped. Errs on the safe
    side: two spellings that may be one person count as one.
    """
    local, _, domain = email.strip().casefold().rpartition("@")
    if domain in _PLUS_TAGS:
        local = local.split("+", 1)[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def domain_of(key: str) -> str:
    """Return the domain of a canonical address."""
    return key.rpartition("@")[2]


def soft_bounces(happened: Iterable[tuple[str, str | None, datetime]]) -> int:
    """Return how many mails to an address expired since the last one that was delivered, in whatever order it is told.

    Args:
        happened: What became of mails to it: ``expired`` or ``delivered``, which mail, and when.
    """
    told = list(happened)
    delivered = max((at for what, _, at in told if what == Fact.DELIVERED), default=None)
    return len({mail for what, mail, at in told if what == Fact.EXPIRED and (delivered is None or at > delivered)})


def last_error(reason: str) -> str:
    """Return what is noted on a campaign that is suppressed for `reason`, a word or ``kind: word``."""
    kind, _, word = reason.rpartition(": ")
    return f"{kind or Kind.ADDRESS} suppressed: {word}"


def stands_against(reason: str) -> str:
    """Return in words what a suppression for `reason`, a word or ``kind: word``, says of a mail."""
    kind, _, word = reason.rpartition(": ")
    about = {Kind.PROPERTY: "the property must not be written about", Kind.DOMAIN: "the domain must not be written to"}
    return f"{about.get(Kind(kind or Kind.ADDRESS), 'the address must not be written to')}: {word}"
