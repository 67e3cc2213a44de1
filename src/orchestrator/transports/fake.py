"""A transport without a network, for the tests of those who build on this package."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from uuid import NAMESPACE_URL, uuid5

from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail


class FakeTransport:
    """Keeps every mail in `sent` and answers what it is told to.

    Args:
        handler: Decides the outcome of each mail, and may raise to imitate a defect; default: every mail is accepted.
        monotonic: Seconds by the clock that deadlines are given in.
    """

    account = "fake"

    def __init__(
        self,
        handler: Callable[[OutgoingMail], Outcome] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handler = handler or _accept
        self._monotonic = monotonic
        #: Every mail given to `post` in time, in order, whatever came of it.
        self.sent: list[OutgoingMail] = []

    async def post(self, mail: OutgoingMail, deadline: float = math.inf) -> Outcome:
        """Record `mail` and return the handler's outcome; after the deadline do nothing."""
        if self._monotonic() > deadline:
            return NotSent("it was too late to send it", late=True)
        self.sent.append(mail)
        return self._handler(mail)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


def _accept(mail: OutgoingMail) -> Outcome:
    # The same mail gets the same id, so that a test can foretell it.
    return Accepted(f"fake-{uuid5(NAMESPACE_URL, mail.message_id).hex[:17]}")
