"""A transport without a network, for the tests of those who build on this package."""

from __future__ import annotations

from collections.abc import Callable
from uuid import NAMESPACE_URL, uuid5

from orchestrator.domain.message import Accepted, Outcome, OutgoingMail


class FakeTransport:
    """Keeps every mail in `sent` and answers what it is told to.

    Args:
        handler: Decides the outcome of each mail, and may raise to imitate a defect; default: every mail is accepted.
    """

    account = "fake"

    def __init__(self, handler: Callable[[OutgoingMail], Outcome] | None = None) -> None:
        self._handler = handler or _accept
        #: Every mail given to `post`, in order, whatever came of it.
        self.sent: list[OutgoingMail] = []

    async def post(self, mail: OutgoingMail) -> Outcome:
        """Record `mail` and return the handler's outcome."""
        self.sent.append(mail)
        return self._handler(mail)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


def _accept(mail: OutgoingMail) -> Outcome:
    # The same mail gets the same id, so that a test can foretell it.
    return Accepted(f"fake-{uuid5(NAMESPACE_URL, mail.message_id).hex[:17]}")
