"""Writing down which webhooks came in, beside the work and never in its way.

What came is told after its outcome is known and put into a queue. One thread writes the queue down, many batches in
one transaction: a transaction for each would cost SendGrid's answers a tenth of their speed, this costs nearly nothing.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from mmap import mmap
from typing import Any

import structlog

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.domain.text import header_line, shortened, storable
from orchestrator.repository import Transaction, webhook_batches

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Bytes of a body that are kept: of a batch that can be trusted, and of one that cannot.
MOST, MOST_UNTRUSTED = 1024 * 1024, 64 * 1024
#: Batches of nobody knows whom that are kept.
KEEP_UNTRUSTED = 200
#: Seconds in which batches gather before they are written down together.
GATHER = 0.5
#: Batches, and bytes of their bodies, that wait at most: beyond it bodies, and then batches, are not written down.
_WAITING, _WAITING_BYTES = 2_000, 16 * 1024 * 1024
#: Bytes of bodies of stored batches that are kept at once, and for each second on average. They are there to be looked
#: at: in a flood, their numbers say enough, and neither speed nor disk goes into copies of what is stored anyway.
_BURST, _PER_SECOND = 4 * 1024 * 1024, 128 * 1024
_AT_ONCE = 200
_IDLE = 10.0  # seconds after which the thread ends, until there is something again
_AGAIN = 1.0  # seconds until a database that was away is asked again
_HEADERS, _HEADER = 60, 1_000
#: Names of headers whose values are nobody's business.
_SECRET = re.compile(r"auth|cookie|token|secret|passw|api-?key|session|credential", re.IGNORECASE)
MASKED = "(not kept)"

_DISTRUST = {errors.SignatureMissing: "missing", errors.SignatureInvalid: "invalid"}


@dataclass(slots=True)
class Arrival:
    """One POST while it is taken in; whoever takes it in says what is known."""

    source: str
    body: bytes | mmap
    headers: Mapping[str, str]
    began: float
    trust: str = "unchecked"
    outcome: str = "failed"
    why: str | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def stored(self, received: int, new: int, duplicate: int, unknown: int) -> None:
        """Say that it is stored, and how many of its events were what."""
        self.outcome = "stored"
        self.counts = {"events": received, "new": new, "duplicate": duplicate, "unknown": unknown}

    def refused(self, error: BaseException) -> None:
        """Say that it was not stored, and why."""
        known = isinstance(error, errors.OrchestratorError)
        self.why = str(error) if known else type(error).__name__
        if isinstance(error, errors.WebhookError):
            self.outcome = "refused" if self.trust == "unchecked" else "unreadable"
            self.trust = next((word for kind, word in _DISTRUST.items() if isinstance(error, kind)), self.trust)


Watch = Callable[[str, "bytes | mmap", Mapping[str, str]], AbstractContextManager[Arrival]]


@contextmanager
def unrecorded(source: str, body: bytes | mmap, headers: Mapping[str, str]) -> Iterator[Arrival]:
    """Watch over one POST without writing it down."""
    yield Arrival(source, body, headers, 0.0)


class WebhookLog:
    """Writes down which webhooks came in.

    Args:
        begin: Opens a write transaction.
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, begin: Begin, monotonic: Callable[[], float]) -> None:
        self._begin = begin
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, dict[str, Any]]] = deque()
        self._bytes = 0
        self._allowance, self._allowed_at = float(_BURST), monotonic()
        self._lost = 0
        self._writing = False
        self._hurry = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, source: str, body: bytes | mmap, headers: Mapping[str, str]) -> Iterator[Arrival]:
        """Watch over one POST that is taken in: whatever comes of it is written down soon after.

        Args:
            source: ``events`` or ``inbound``.
            body: The body exactly as received.
            headers: The request's headers.
        """
        arrival = Arrival(source, body, headers, self._monotonic())
        try:
            yield arrival
        except BaseException as error:
            arrival.refused(error)
            raise
        finally:
            self._note(arrival)

    def flush(self, seconds: float = 5.0) -> None:
        """Write down what waits, and return when that is done or was tried in vain."""
        with self._changed:
            if self._thread is not None:
                self._hurry = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._hurry, seconds)

    def _note(self, arrival: Arrival) -> None:
        try:
            row = _row(arrival, self._monotonic())
        except Exception:  # never the answer's business
            log.exception("webhook not written down", action="webhook.unrecorded")
            return
        with self._changed:
            if len(self._waiting) >= _WAITING:
                self._lost += 1
                return
            if self._bytes + len(row["body"] or b"") > _WAITING_BYTES or not self._affordable(row):
                row["body"] = None
            self._bytes += len(row["body"] or b"")
            self._waiting.append((self._monotonic(), row))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="outreach-webhook-log", daemon=True)
                self._thread.start()
            elif len(self._waiting) == 1:
                self._changed.notify_all()

    def _affordable(self, row: Mapping[str, Any]) -> bool:
        """Say whether the body of a batch is kept: always where it may be needed again, else as far as it goes."""
        now = self._monotonic()
        self._allowance = min(_BURST, self._allowance + (now - self._allowed_at) * _PER_SECOND)
        self._allowed_at = now
        if row["outcome"] != "stored":
            return True
        if len(row["body"] or b"") > self._allowance:
            return False
        self._allowance -= len(row["body"] or b"")
        return True

    def _work(self) -> None:
        while self._some():
            with self._changed:
                self._changed.wait_for(lambda: self._hurry, GATHER)
                taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                self._bytes -= sum(len(row["body"] or b"") for _, row in taken)
                lost, self._lost = self._lost, 0
            again = not self._write(taken, lost)
            with self._changed:
                if again and not self._hurry:
                    self._waiting.extendleft(reversed(taken))
                    self._bytes += sum(len(row["body"] or b"") for _, row in taken)
                    self._changed.wait_for(lambda: self._hurry, _AGAIN)

    def _some(self) -> bool:
        """Wait until there is something to write; False, and the thread ends, when nothing came for long."""
        with self._changed:
            if not self._waiting:
                self._hurry = False
                self._changed.notify_all()
            if self._changed.wait_for(lambda: self._waiting or self._hurry, _IDLE) or self._waiting:
                return True
            self._thread = None
            return False

    def _write(self, taken: Sequence[tuple[float, dict[str, Any]]], lost: int) -> bool:
        """Write batches down; False when the database was away and it should be tried again."""
        if lost:
            log.warning("webhooks not written down: too many at once", action="webhook.unrecorded", lost=lost)
        if not taken:
            return True
        rows: list[dict[str, Any]] = [row | {"body": _compressed(row["body"])} for _, row in taken]
        try:
            with self._begin() as tx:
                now, at = tx.now(), self._monotonic()
                for (noted, _), row in zip(taken, rows, strict=True):
                    row["received_at"] = now - timedelta(seconds=at - noted, milliseconds=row["milliseconds"])
                webhook_batches.add(tx, rows)
                if any(row["trust"] not in webhook_batches.TRUSTED for row in rows):
                    webhook_batches.forget_untrusted(tx, KEEP_UNTRUSTED)
        except errors.ConfigurationError as error:
            log.warning("webhooks not yet written down", action="webhook.unrecorded", reason=str(error), n=len(taken))
            return False
        except Exception:
            log.exception("webhooks not written down", action="webhook.unrecorded", n=len(taken))
        return True


def _row(arrival: Arrival, now: float) -> dict[str, Any]:
    most = MOST if arrival.trust in webhook_batches.TRUSTED else MOST_UNTRUSTED
    size = len(arrival.body)
    return {
        "id": new_id(),
        "source": arrival.source,
        "milliseconds": max(0, round((now - arrival.began) * 1000)),
        "trust": arrival.trust,
        "outcome": arrival.outcome,
        "why": None if arrival.why is None else shortened(storable(arrival.why), 2_000),
        **dict.fromkeys(("events", "new", "duplicate", "unknown")),
        **arrival.counts,
        "headers": dict(_shown(name, value) for name, value in list(arrival.headers.items())[:_HEADERS]),
        "size": size,
        "body": bytes(arrival.body) if size <= most else None,
    }


def _shown(name: str, value: str) -> tuple[str, str]:
    kept = MASKED if _SECRET.search(name) else header_line(value[:_HEADER])
    return header_line(name[:100]), kept


def _compressed(body: bytes | None) -> bytes | None:
    return None if body is None else zlib.compress(body, 1)
