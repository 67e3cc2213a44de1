"""What the owners did, and how it was answered: the part of the truth that tests compare with."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from orchestrator.sandbox.message import Message

#: Fates of an inbound mail. Only `accepted` reached the product; `pending` may still.
FATES = ("accepted", "pending", "dropped", "given_up", "elsewhere", "too_large")


@dataclass(slots=True)
class Delivery:
    """One inbound mail on its way to one recipient.

    Args:
        to: The envelope's recipient.
        fate: One of `FATES`; ``elsewhere``: no Inbound Parse setting takes this address.
        url: Where it is posted.
        mode: ``default`` or ``raw``.
        attempts: Every POST: story time in unix seconds, status or failure, seconds it took.
    """

    to: str
    fate: str = "pending"
    url: str | None = None
    mode: str = "default"
    attempts: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Deed:
    """One thing that an owner, or a program acting for one, did.

    Args:
        number: Running number in this sandbox, from 1.
        kind: ``reply``, ``out_of_office``, ``one_click`` …; a row of `owners.people.DEEDS`.
        at: Story time in unix seconds.
        about: Which mail it is about: ids, owner, custom arguments; empty for a mail that answers none.
        details: What was done: text, client, language, Message-ID …
        deliveries: The mail it sent, by recipient.
        visits: The HTTP requests it made.
        outcome: What came of it, in a word or two.
    """

    number: int
    kind: str
    at: int
    about: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    visits: list[dict[str, Any]] = field(default_factory=list)
    outcome: str = ""
    _tried: threading.Event = field(default_factory=threading.Event)
    _untried: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, tries: int) -> None:
        """Say how many first tries `wait` waits for."""
        with self._lock:
            self._untried = tries
        if not tries:
            self._tried.set()

    def tried(self) -> None:
        """Say that one of them was made."""
        with self._lock:
            self._untried -= 1
            if self._untried > 0:
                return
        self._tried.set()

    def wait(self, timeout: float) -> bool:
        """Wait until every mail was posted once and every address visited; False when time ran out."""
        return self._tried.wait(timeout)

    def as_dict(self) -> dict[str, Any]:
        """Return the deed as plain data."""
        return {
            "number": self.number,
            "kind": self.kind,
            "at": self.at,
            **self.about,
            **self.details,
            "outcome": self.outcome,
            "deliveries": [
                {"to": d.to, "fate": d.fate, "url": d.url, "mode": d.mode, "attempts": list(d.attempts)}
                for d in self.deliveries
            ],
            "visits": list(self.visits),
        }


def about(message: Message) -> dict[str, Any]:
    """Return what says which mail a deed is about."""
    arguments = message.custom_args
    return {
        "message": message.id,
        "outreach_message_id": arguments.get("outreach_message_id"),
        "campaign_id": arguments.get("campaign_id"),
        "tenant_id": arguments.get("tenant_id"),
        "owner": message.email,
    }


class Deeds:
    """The book of deeds: all are counted, the newest are kept. Safe to use from several threads.

    Args:
        limit: How many are kept.
    """

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Deed] = deque(maxlen=limit)
        self._counts: Counter[str] = Counter()
        self._numbers = itertools.count(1)

    def begin(self, kind: str, at: int, message: Message | None) -> Deed:
        """Book a deed and return it."""
        with self._lock:
            deed = Deed(next(self._numbers), kind, at, about(message) if message else {})
            self._kept.append(deed)
            self._counts[kind] += 1
            return deed

    def kept(self, message_id: str | None = None) -> list[Deed]:
        """Return the deeds that are kept, oldest first; with `message_id` (``Message.id``) only those about it."""
        with self._lock:
            return [deed for deed in self._kept if message_id is None or deed.about.get("message") == message_id]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._counts.clear()

    def report(self, *, detail: bool) -> dict[str, Any]:
        """Return the counts of all deeds and of the fates of the mail of those kept; with `detail` also those."""
        kept = self.kept()
        with self._lock:
            counts = dict(self._counts)
        fates = Counter(delivery.fate for deed in kept for delivery in deed.deliveries)
        report: dict[str, Any] = {"deeds": counts, "inbound": dict(fates)}
        if detail:
            report["all"] = [deed.as_dict() for deed in kept]
        return report
