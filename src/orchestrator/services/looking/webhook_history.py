"""What came in by webhook: to look at, to find out what is wrong with a signature, and to take in again."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from orchestrator import errors
from orchestrator.repository import Transaction, webhook_batches
from orchestrator.repository.webhook_batches import Unmatched, WebhookBatch
from orchestrator.services.incoming.intake import Intake
from orchestrator.services.incoming.webhook_log import WebhookLog
from orchestrator.services.owners.inbox import Inbox
from orchestrator.webhooks.signature import TIMESTAMP_HEADER

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Batches that one press of a button takes in again at most.
AT_ONCE = 500
#: Signatures looked at when somebody asks what is wrong with them.
_LOOKED_AT = 50
#: A signature older than this when it came was not made for this delivery.
_OLD = timedelta(minutes=10)
_DIGITS = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One batch with its body; None when it was not kept. ``cause`` says what is wrong with its signature."""

    batch: WebhookBatch
    body: bytes | None
    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the webhooks are, as far as the latest batches tell."""

    #: When events, and mail, were last stored.
    last_events_at: datetime | None
    last_inbound_at: datetime | None
    #: Batches of which nobody knows who sent them.
    untrusted: int
    #: Batches that failed on our side.
    failed: int
    #: Likely causes of what is wrong with signatures: how often each.
    causes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of taking batches in again; all counts are sums."""

    batches: int
    new: int
    duplicate: int
    unknown: int
    #: Batches that still cannot be taken.
    refused: int = 0


class WebhookHistory:
    """Batches as they came in.

    Args:
        begin: Opens a write transaction.
        read: Opens a transaction that only reads.
        log: Knows what is not written down yet.
        intake: Takes in events.
        inbox: Takes in mail.
    """

    def __init__(self, begin: Begin, read: Begin, log: WebhookLog, intake: Intake, inbox: Callable[[], Inbox]) -> None:
        self._begin = begin
        self._read = read
        self._log = log
        self._intake = intake
        self._inbox = inbox
        #: What is probably wrong with the latest signatures, by batch.
        self._causes: dict[str, str | None] = {}

    def page(self, limit: int, *, troubled: bool = False, before: str | None = None) -> list[WebhookBatch]:
        """Return up to `limit` batches, newest first: all, or only those that were not stored.

        Args:
            limit: How many at most.
            troubled: Only those that were not stored.
            before: Only those older than this id.
        """
        self._log.flush(1.0)
        with self._read() as tx:
            return webhook_batches.page(tx, limit, troubled=troubled, before=before)

    def open(self, id_: str) -> Opened:
        """Return one batch with its body. Raises `BatchNotFound`."""
        batch, body = self._get(id_)
        return Opened(batch=batch, body=body, cause=self._cause(batch, body))

    def unmatched(self, limit: int, before: str | None = None) -> list[Unmatched]:
        """Return up to `limit` events that belong to nobody, newest first, older than the id `before`."""
        with self._read() as tx:
            return webhook_batches.unmatched(tx, limit, before)

    def health(self) -> Health:
        """Say how the webhooks are, and what is probably wrong with signatures."""
        before = self._causes
        with self._read() as tx:
            troubled = webhook_batches.page(tx, AT_ONCE, troubled=True)
            events, inbound = (webhook_batches.latest(tx, source) for source in ("events", "inbound"))
            strangers = [batch for batch in troubled if not batch.trusted]
            latest = {batch.id: batch for batch in strangers[:_LOOKED_AT]}
            bodies = webhook_batches.bodies(tx, latest.keys() - before.keys())
        # To try one signature takes half a millisecond, and what is wrong with it stays wrong.
        known = {id_: before[id_] for id_ in latest.keys() & before.keys()}
        new = {id_: self._cause(latest[id_], _unpacked(body)) for id_, body in bodies.items()}
        self._causes = found = known | new
        causes = Counter(cause for cause in found.values() if cause is not None)
        return Health(
            last_events_at=events,
            last_inbound_at=inbound,
            untrusted=len(strangers),
            failed=sum(batch.outcome == "failed" for batch in troubled),
            causes=dict(causes.most_common()),
        )

    def replay(self, id_: str) -> Replayed:
        """Take a batch in again, from its stored body; what is known already changes nothing.

        Args:
            id_: The batch's id.

        Raises:
            BatchNotFound: There is no such batch.
            InvalidState: Its body was not kept.
            WebhookNotConfigured, InboundNotConfigured, SignatureMissing, SignatureInvalid: Nobody could tell who sent
                it when it came, and nobody can now.
            MalformedPayload: It is no batch of events.
            DatabaseUnreachable: Nothing was stored.
        """
        batch, body = self._get(id_)
        if body is None:
            raise errors.InvalidState(
                f"The body of webhook batch {id_} was not kept, so it cannot be taken in again.",
                fix="Bodies of more than 1 MiB, and large ones that nobody could trust, are not kept; nor, in a flood,"
                " those of batches that were stored.",
            )
        trust = batch.trust if batch.trusted else self._trust(batch, body)
        counts = self._take(batch, body)
        if batch.outcome != "stored":
            columns = dict(zip(("events", "new", "duplicate", "unknown"), counts, strict=True))
            with self._begin() as tx:
                why = "Taken in again by a person."
                webhook_batches.settle(tx, batch.id, outcome="stored", trust=trust, why=why, **columns)
        log.info("webhook batch taken in again", action="webhook.replayed", batch=batch.id, new=counts[1])
        return Replayed(1, *counts[1:])

    def replay_failed(self, limit: int = AT_ONCE) -> Replayed:
        """Take in again what was not stored, oldest first: whatever failed here, or can be trusted by now.

        Raises:
            DatabaseUnreachable: The database went away meanwhile; what was stored stays stored.
        """
        self._log.flush(1.0)
        with self._read() as tx:
            waiting = webhook_batches.waiting(tx, limit)
        done: list[Replayed] = []
        refused = 0
        for batch in waiting:
            try:
                done.append(self.replay(batch.id))
            except (errors.WebhookError, errors.InvalidState) as error:
                refused += 1
                log.info("webhook batch still refused", action="webhook.not_replayed", batch=batch.id, why=error.code)
        return Replayed(len(done), *_summed(done), refused)

    def _get(self, id_: str) -> tuple[WebhookBatch, bytes | None]:
        self._log.flush(1.0)
        with self._read() as tx:
            batch = webhook_batches.get(tx, id_)
            if batch is None:
                raise errors.BatchNotFound(id_)
            return batch, _unpacked(webhook_batches.body(tx, id_))

    def _take(self, batch: WebhookBatch, body: bytes) -> tuple[int, int, int, int]:
        if batch.source == "events":
            receipt = self._intake.take_again(body)
            return receipt.received, receipt.new, receipt.duplicate, receipt.unknown
        outcome = self._inbox().take_again(body, batch.headers).outcome
        known, nobodys = int(outcome == "duplicate"), int(outcome == "unmatched")
        return 1, 1 - known - nobodys, known, nobodys

    def _trust(self, batch: WebhookBatch, body: bytes) -> str:
        if batch.source == "inbound":
            return self._inbox().trust(body, batch.headers)
        self._intake.verify(body, batch.headers)
        return "signed"

    def _cause(self, batch: WebhookBatch, body: bytes | None) -> str | None:
        """Say what is probably wrong with a signature; None where nothing is."""
        if batch.trusted:
            return None
        if batch.trust == "unchecked":
            return "No key was configured to check it with." if batch.outcome == "refused" else batch.why
        if batch.trust == "missing":
            return "It was not signed: Signed Event Webhook is off at SendGrid, or somebody else posted it."
        if body is None:
            return "The signature does not fit, and the body is too large to look into."
        return next((words for words, proves in self._suspicions(batch, body) if proves()), _WRONG_KEY)

    def _suspicions(self, batch: WebhookBatch, body: bytes) -> Iterator[tuple[str, Callable[[], bool]]]:
        yield "The signature is right with the keys of now: it can be taken in again.", lambda: self._fits(batch, body)
        yield _REENCODED, lambda: any(self._fits(batch, variant) for variant in _as_it_may_have_been(body))
        yield _PROBABLY_REENCODED, lambda: batch.source == "events" and not body.endswith(b"\r\n")
        yield _ELSEWHEN, lambda: _signed_long_before(batch)

    def _fits(self, batch: WebhookBatch, body: bytes) -> bool:
        try:
            self._trust(batch, body)
        except errors.OrchestratorError:
            return False
        return True


_WRONG_KEY = "No configured key made this signature: it is the key of another webhook or account, or a forgery."
_REENCODED = (
    "The body was changed on its way, by a proxy or a framework: with SendGrid's line end, the signature is right."
)
_PROBABLY_REENCODED = (
    "SendGrid's bodies end in CR LF and this one does not: a proxy or a framework re-encodes them, or it is a forgery."
)
_ELSEWHEN = (
    "It was signed more than ten minutes before it came, or after: an old batch, sent again with another key, or a"
    " clock that is wrong."
)


def _as_it_may_have_been(body: bytes) -> Iterator[bytes]:
    """Yield what may have been signed, where something on the way touched the ends of the body."""
    bare = body.strip()
    yield from (variant for variant in (bare + b"\r\n", bare + b"\n", bare) if variant != body)


def _signed_long_before(batch: WebhookBatch) -> bool:
    signed = next((v for name, v in batch.headers.items() if name.lower() == TIMESTAMP_HEADER.lower()), "")
    if not _DIGITS.fullmatch(signed):
        return False
    return abs(batch.received_at.timestamp() - int(signed)) > _OLD.total_seconds()


def _unpacked(body: bytes | None) -> bytes | None:
    return None if body is None else zlib.decompress(body)


def _summed(done: Sequence[Replayed]) -> tuple[int, int, int]:
    return sum(one.new for one in done), sum(one.duplicate for one in done), sum(one.unknown for one in done)
