"""The door for inbound mail: what is signed, or came to the secret address, is taken; whatever that was, it is kept."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from mmap import mmap

import structlog

from orchestrator import errors
from orchestrator.services.incoming.webhook_log import Watch, unrecorded
from orchestrator.services.owners.reply_intake import Received, ReplyIntake
from orchestrator.webhooks import inbound
from orchestrator.webhooks.signature import Verifier

log = structlog.get_logger(__name__)

#: Bodies larger than this are taken apart a few at a time: each of them stands in memory meanwhile.
LARGE = 1024 * 1024
_LARGE_AT_ONCE = 2
_HEAD = 65_536
_FIX = (
    "Compare OUTREACH_INBOUND_PUBLIC_KEY with the key of the Inbound Parse setting's security policy; make sure no"
    " proxy re-encodes the body. SendGrid tries again for 72 hours."
)


class Inbox:
    """Takes in the POSTs of SendGrid's Inbound Parse.

    Args:
        verifier: Returns what checks signatures, or None where no key is configured.
        secret: What the address ends in for mail that is not signed, or None.
        intake: Takes in what can be trusted.
        watch: Writes down which POSTs came in.
    """

    def __init__(
        self,
        verifier: Callable[[], Verifier | None],
        secret: str | None,
        intake: ReplyIntake,
        watch: Watch = unrecorded,
    ) -> None:
        self._watch = watch
        self._verifier = verifier
        self._secret = secret
        self._intake = intake
        self._room = threading.BoundedSemaphore(_LARGE_AT_ONCE)

    def take(self, body: bytes | mmap, headers: Mapping[str, str], secret: str | None = None) -> Received:
        """Verify and store one mail; when this returns, everything is committed.

        Args:
            body: The body exactly as received.
            headers: The request's headers; names in any case.
            secret: What the address ended in, or None.

        Raises:
            InboundNotConfigured: Nothing is configured by which it could be trusted.
            SignatureMissing, SignatureInvalid: It cannot be trusted; nothing was stored.
            DatabaseUnreachable: Nothing was stored; SendGrid will bring it again.
        """
        with self._watch("inbound", body, headers) as arrival:
            arrival.trust = self.trust(body, headers, secret)
            received = self.take_again(body, headers)
            known, nobodys = received.outcome in ("duplicate", "test"), received.outcome == "unmatched"
            arrival.stored(1, 1 - known - nobodys, int(known), int(nobodys))
            return received

    def take_again(self, body: bytes | mmap, headers: Mapping[str, str]) -> Received:
        """Store a mail that is trusted; one that is known already changes nothing. Raises `DatabaseUnreachable`."""
        content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        with self._in_memory(body) as raw:
            return self._keep(raw, content_type)

    def trust(self, body: bytes | mmap, headers: Mapping[str, str], secret: str | None = None) -> str:
        """Return by what a mail can be trusted, ``secret`` or ``signed``. Raises as `take`, of what cannot be."""
        if secret is not None and self._secret is not None:
            if hmac.compare_digest(secret.encode(), self._secret.encode()):
                return "secret"
            raise errors.SignatureInvalid(
                "The address does not end in the secret, so nobody can tell who brought this mail.",
                fix="Compare the address of the Inbound Parse setting with OUTREACH_INBOUND_SECRET.",
            )
        verifier = self._verifier()
        if verifier is None:
            if self._secret is None:
                raise errors.InboundNotConfigured
            raise errors.SignatureMissing(
                "This mail came to the address without the secret, and no key is configured to check a signature.",
                fix="Let SendGrid post to /webhooks/sendgrid/inbound/ followed by OUTREACH_INBOUND_SECRET.",
            )
        try:
            verifier.verify(body, headers)
        except errors.WebhookError as error:
            error.fix = _FIX
            raise
        return "signed"

    @contextmanager
    def _in_memory(self, body: bytes | mmap) -> Iterator[bytes]:
        if len(body) <= LARGE:
            yield bytes(body)
            return
        with self._room:
            yield bytes(body)

    def _keep(self, raw: bytes, content_type: str) -> Received:
        """Store what can be trusted. What nobody can read is kept too: refused, it would be lost after 72 hours."""
        try:
            mail = inbound.parse(raw, content_type)
            return self._intake.receive(mail)
        except errors.MalformedPayload as error:
            why = str(error)
        except errors.UnstorableData as error:
            why = f"The database refused it: {error}"
            log.error("mail kept as it came", action="inbound_unstorable", reason=str(error))
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            why = f"It could not be read: {type(error).__name__}"
            log.exception("mail kept as it came", action="inbound_unread", reason=type(error).__name__)
        return self._intake.keep_unreadable(raw[:_HEAD], len(raw), hashlib.sha256(raw).hexdigest(), why)
