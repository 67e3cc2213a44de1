"""Whom a test mail may be sent to: people of one's own, and never a stranger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.domain import free_mail

#: Domains that can never be anybody's: for tests and for documents (RFC 2606 §2 and §3, RFC 6761 §6).
RESERVED = ("test", "example", "invalid", "localhost", "example.com", "example.net", "example.org")


class NotATeam(ValueError):
    """A list of recipients names what is no address, or a domain that everybody has addresses at."""


@dataclass(frozen=True, slots=True)
class Teammates:
    """Addresses, and domains all of whose addresses count; `reserved` adds those of nobody, for a sandbox."""

    addresses: frozenset[str]
    domains: frozenset[str]
    reserved: bool = False

    def include(self, address: str) -> bool:
        """Tell whether a test mail may go to `address`. Case does not matter; a subdomain is another domain."""
        plain = address.strip().casefold()
        local, _, domain = plain.rpartition("@")
        known = domain in self.domains or (self.reserved and _is_reserved(domain))
        return plain in self.addresses or (bool(local) and known)

    def told(self) -> str:
        """Say in words who they are."""
        alone = (one for one in self.addresses if one.rpartition("@")[2] not in self.domains)
        some = sorted(alone) + [f"any address @{domain}" for domain in sorted(self.domains)]
        if self.reserved:
            some.append("addresses at reserved domains such as example.com and .test")
        return ", ".join(some) or "nobody"


def listed(text: str) -> Teammates:
    """Read a list: addresses, and domains with an @ in front, with commas between them.

    Raises:
        NotATeam: An entry is neither, or the domain of a mailbox provider, where everybody may be.
    """
    addresses, domains = set[str](), set[str]()
    for entry in filter(None, (part.strip().casefold() for part in text.split(","))):
        local, at, domain = entry.rpartition("@")
        if not at or not domain or any(char.isspace() or not char.isprintable() for char in entry) or "@" in local:
            raise NotATeam(f"{entry[:80]!r} is neither an address nor a domain with an @ in front")
        if local:
            addresses.add(entry)
        elif free_mail.provider_of(entry) or _is_suffix(domain):
            raise NotATeam(f"{entry[:80]!r} is not your team's alone: name the addresses there one by one")
        else:
            domains.add(domain)
    return Teammates(frozenset(addresses), frozenset(domains))


def usual(own: Iterable[str | None], *, sandbox: bool) -> Teammates:
    """Return who counts where nothing is configured: one's own addresses, and the domain of the first, the sender.

    The domain of a mailbox provider is nobody's own, so a sender there stands for that one address.

    Args:
        own: The sender address, then others of one's own; None: there is none.
        sandbox: Whether mail goes to a sandbox, so that addresses of nobody are harmless.
    """
    known = [None if one is None else one.strip().casefold() for one in own]
    sender = known[0] if known else None
    domain = sender.rpartition("@")[2] if sender and not free_mail.provider_of(sender) else ""
    return Teammates(frozenset(filter(None, known)), frozenset(filter(None, [domain])), sandbox)


def _is_reserved(domain: str) -> bool:
    return any(domain == name or domain.endswith(f".{name}") for name in RESERVED)


def _is_suffix(domain: str) -> bool:
    return "." not in domain and domain not in RESERVED
