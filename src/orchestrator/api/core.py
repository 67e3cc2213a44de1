"""What this layer needs from the façade, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from mmap import mmap
from typing import Protocol


class Receipt(Protocol):
    """What became of one webhook batch; every number is a count of its events."""

    @property
    def received(self) -> int: ...
    @property
    def new(self) -> int: ...
    @property
    def duplicate(self) -> int: ...
    @property
    def unknown(self) -> int: ...


class InboundReceipt(Protocol):
    """What became of one inbound mail: ``duplicate``, ``unmatched``, or what kind of mail it is."""

    @property
    def outcome(self) -> str: ...
    @property
    def reply_id(self) -> str | None: ...


class InboundCore(Protocol):
    """Where inbound mail goes. It may be called from several threads at once."""

    def take(self, body: bytes | mmap, headers: Mapping[str, str], secret: str | None = None) -> InboundReceipt:
        """Verify and store one mail; return only after the commit.

        Raises:
            OrchestratorError: Nothing was stored; SendGrid is to bring it again.
        """
        ...


class Check(Protocol):
    """One thing the service needs in order to work, and whether it is there."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def detail(self) -> str: ...


class Core(Protocol):
    """The use cases behind the HTTP service. All of them may be called from several threads at once."""

    def receive_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Verify and store one batch; return only after the commit, so that a 2xx means durably stored.

        Raises:
            WebhookNotConfigured, SignatureMissing, SignatureInvalid, MalformedPayload: The batch is not taken.
            DatabaseUnreachable: Nothing was stored; SendGrid is to try again.
        """
        ...

    def check_ready(self) -> Sequence[Check]:
        """Return every check, also the failed ones. A detail is shown to anybody and must hold no secret."""
        ...

    def unsubscribe(self, token: str, choice: str | None = None) -> bool:
        """Stop the mail the token stands for; return whether the token was known. May be called again.

        Args:
            token: As it stands in the path.
            choice: What was chosen on our page; None: a one-click POST, which stops all mail to the address.
        """
        ...

    def undo_unsubscribe(self, token: str) -> bool:
        """Take back what was chosen on our page some minutes ago; return whether the token was known."""
        ...
