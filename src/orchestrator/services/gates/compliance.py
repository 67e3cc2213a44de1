"""What the law and the mailbox providers want of whoever sends for real, and what an installation lacks of it.

An installation is live where a mail could reach a stranger. It is not when it talks to a sandbox: with the key that
`outreach sandbox` prints, or on this machine's own address with a key that is none of SendGrid's (docs/adr/0017).
"""

from __future__ import annotations

import ipaddress
import re
import warnings
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from orchestrator import errors
from orchestrator.domain import free_mail

#: What a key begins with that only a sandbox takes; SendGrid's have 22 characters before the second full stop.
SANDBOX_KEYS = "SG.sandbox."
_SENDGRID_KEY = re.compile(r"SG\.[\w-]{22}\.[\w-]{43}", re.ASCII)

#: Where a warning is shown: at the line that called `send_campaign`.
_CALLER = 4


def is_live(url: str, api_key: str | None) -> bool:
    """Tell whether mail that is posted to `url` with `api_key` can reach a stranger.

    Args:
        url: Address of SendGrid's API, or of whatever stands in its place.
        api_key: The key; None: whatever is there takes mail without one.
    """
    key = (api_key or "").strip()
    if key.startswith(SANDBOX_KEYS):
        return False
    return not _is_this_machine(url) or _SENDGRID_KEY.fullmatch(key) is not None


def _is_this_machine(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing: what, and what to do about it."""

    what: str
    fix: str


_POSTAL_ADDRESS = Lack(
    "there is no postal address, which every commercial mail must carry (CAN-SPAM, 15 USC 7704 (a)(5))",
    "Set OUTREACH_POSTAL_ADDRESS to a street address, a registered PO box or a registered private mailbox of yours.",
)
_COMPANY_NAME = Lack(
    "there is no company name, so a mail would not say who it is from (CAN-SPAM, 15 USC 7704 (a)(1))",
    "Set OUTREACH_COMPANY_NAME to your company's legal name.",
)


@dataclass(frozen=True, slots=True)
class Compliance:
    """Who an installation sends as, and whether for real."""

    live: bool
    company_name: str | None
    postal_address: str | None
    from_email: str | None

    def lacks(self) -> list[Lack]:
        """Return what is missing that a mail must not go out without."""
        found = []
        if not (self.postal_address or "").strip():
            found.append(_POSTAL_ADDRESS)
        if not (self.company_name or "").strip():
            found.append(_COMPANY_NAME)
        provider = free_mail.provider_of(self.from_email or "")
        if provider is not None:
            found.append(
                Lack(
                    f"the sender address is at {provider}, a mailbox provider: only it can sign for that domain, so"
                    " others refuse the mail (DMARC, RFC 7489)",
                    "Set SENDGRID_FROM_EMAIL to an address at a domain of yours that SendGrid has authenticated.",
                )
            )
        return found

    def closed(self) -> str | None:
        """Say why nothing may leave by itself, or None."""
        lacks = self.lacks() if self.live else []
        return "; ".join(lack.what for lack in lacks) or None

    def require(self) -> None:
        """Refuse to send for real while something is missing.

        Raises:
            ComplianceError: It names everything that is missing, and what to do.
        """
        lacks = self.lacks() if self.live else []
        if lacks:
            what = "; ".join(lack.what for lack in lacks)
            raise errors.ComplianceError(f"Nothing is sent: {what}.", fix=" ".join(lack.fix for lack in lacks))

    def warn(self) -> None:
        """Warn, once in the life of this process, of what is missing: one `ComplianceWarning` that names all of it."""
        lacks = self.lacks() if self.live else []
        if not lacks:
            return
        what, fix = "; ".join(lack.what for lack in lacks), " ".join(lack.fix for lack in lacks)
        if what not in warned_of():
            warned_of().add(what)
            warnings.warn(f"A mail is sent although {what}. {fix}", errors.ComplianceWarning, stacklevel=_CALLER)


@cache
def warned_of() -> set[str]:
    """Return what this process was warned of; made when first asked for."""
    return set()
