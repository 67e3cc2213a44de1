"""What a transport must offer: one method, and four outcomes chosen by what is known."""

from __future__ import annotations

import math
from typing import Protocol

from orchestrator.domain.message import Outcome, OutgoingMail


class Transport(Protocol):
    """Sends one mail at a time; called hundreds of times in flight on one event loop."""

    #: Stable name of the account mails leave through: a hash of API key and base address, never the key itself.
    account: str

    async def post(self, mail: OutgoingMail, deadline: float = math.inf) -> Outcome:
        """Try to send `mail` once, unless it is too late for that.

        Args:
            mail: What to send.
            deadline: The last moment at which the request may begin to leave, in seconds by a clock that is never set.
                It is looked at where the first byte is written, not only before: a process that was stopped in between
                must not send under a lease that others think dead by now. After it nothing is sent: `NotSent`, late.

        Never raises for anything the network or the provider does: the outcome says what is known.
        """
        ...

    async def aclose(self) -> None:
        """Close connections; the transport can be used again afterwards."""
        ...
