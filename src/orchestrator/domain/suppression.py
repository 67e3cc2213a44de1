"""What must not be written to, and which addresses are the same person's mailbox."""

from __future__ import annotations

from enum import StrEnum


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
