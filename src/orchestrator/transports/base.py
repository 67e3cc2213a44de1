"""What a transport must offer: one method, and four outcomes chosen by what is known."""

from __future__ import annotations

from typing import Protocol

from orchestrator.domain.message import Outcome, OutgoingMail


class Transport(Protocol):
    """Sends one mail at a time; called hundreds of times in flight on one event loop."""

    #: Stable name of the account mails leave through: a hash of API key and base address, never the key itself.
    account: str

    async def post(self, mail: OutgoingMail) -> Outcome:
        """Try to send `mail` once.

        Never raises for anything the network or the provider does: the outcome says what is known.
        """
        ...

    async def aclose(self) -> None:
        """Close connections; the transport can be used again afterwards."""
        ...
