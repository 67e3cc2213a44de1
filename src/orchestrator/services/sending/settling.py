"""Writing down what became of the mails of a round: in groups, and again and again while the database is in trouble."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import NamedTuple, TypeVar

import structlog

from orchestrator import errors
from orchestrator.domain.message import Accepted, NotSent, Outcome, Rejected, Unknown
from orchestrator.repository import Transaction
from orchestrator.services.sending import settle
from orchestrator.services.sending.ledger import Claim
from orchestrator.services.sending.threads import Threads

log = structlog.get_logger(__name__)

Stored = TypeVar("Stored")
Begin = Callable[[], AbstractContextManager[Transaction]]

#: Outcomes written in one transaction.
AT_ONCE = 100
#: Seconds for which an outcome waits for others to be written together with.
GROUP_WINDOW = 0.02
#: Groups written at the same time: one computes while the other waits for its commit.
GROUPS = 2
#: Outcomes known and not written, above which nothing more is handed over.
MOST_UNWRITTEN = 500
#: Seconds between attempts to write outcomes down while somebody waits for the answer.
BRIEFLY = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
#: The same for a round, together five minutes: a database may be restarted, or another one take its place. That is
#: longer than a lease, and harmless: should others have come to doubt the mail, what is known ends the doubt.
PAUSES = BRIEFLY + (15.0,) * 19


class Settled(NamedTuple):
    """An outcome to be written down; a mail that was not sent is due again after `delay` (None: as before)."""

    claimed: Claim
    outcome: Outcome
    delay: timedelta | None = None


def insist(
    begin: Begin,
    pause: Callable[[float], object],
    store: Callable[[Transaction], Stored],
    pauses: Sequence[float] = BRIEFLY,
) -> Stored:
    """Write outcomes down, again and again while the database is busy or away; return what `store` returns.

    What is known must not be lost to a moment's trouble: nobody could tell later that a mail was not sent.

    Args:
        begin: Opens a write transaction.
        pause: Waits the given seconds.
        store: Writes; called anew in each transaction, and harmless when the one before was committed after all.
        pauses: Seconds to wait after each attempt but the last one.

    Raises:
        DatabaseUnreachable: It was away all the time.
    """
    for seconds in (*pauses, None):
        try:
            with begin() as tx:
                return store(tx)
        except errors.DatabaseUnreachable as error:
            log.error("outcomes could not be stored", action="send.unsettled", error=str(error), pause=seconds)
            if seconds is None:
                raise
            pause(seconds)
    raise AssertionError("the last attempt returns or raises")


class Settling:
    """Writes outcomes down while others come in.

    Args:
        begin: Opens a write transaction.
        pause: Waits the given seconds before outcomes that could not be stored are stored again.
        reached: Called with the name of each step.
        written: Called on the event loop after each group.
        threads: Where to write; own ones when it is left out.
    """

    def __init__(
        self,
        begin: Begin,
        pause: Callable[[float], object] = time.sleep,
        reached: Callable[[str], object] = lambda _: None,
        written: Callable[[], object] = lambda: None,
        threads: Threads | None = None,
    ) -> None:
        self._begin = begin
        self._pause = pause
        self._reached = reached
        self._written = written
        self._threads = threads or Threads()
        self._waiting: list[Settled] = []
        self._came = asyncio.Event()
        self._writing: set[asyncio.Task[None]] = set()
        self._in_groups = 0
        self._ending = False
        self._pauses: Sequence[float] = PAUSES
        #: How many mails ended as ``sent``, ``failed``, ``in_doubt``, ``requeued``.
        self.words: Counter[str] = Counter()

    @property
    def unwritten(self) -> int:
        """How many outcomes are known and not written."""
        return len(self._waiting) + self._in_groups

    def put(self, settled: Settled) -> None:
        """Take an outcome, on the event loop."""
        self._waiting.append(settled)
        self._came.set()

    def end(self) -> None:
        """Say that no more outcomes will come."""
        self._ending = True
        self._came.set()

    async def run(self) -> None:
        """Write outcomes down until `end` was called and all are written."""
        while await self._some_wait():
            group, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            self._in_groups += len(group)
            self._writing.add(task := asyncio.create_task(self._write(group)))
            task.add_done_callback(self._writing.discard)
            while len(self._writing) >= GROUPS:
                await asyncio.wait(self._writing, return_when=asyncio.FIRST_COMPLETED)
        if self._writing:
            await asyncio.wait(self._writing)

    async def _some_wait(self) -> bool:
        """Wait until there is a group to write; False when there will be none any more."""
        while not self._waiting:
            if self._ending:
                return False
            self._came.clear()
            await self._came.wait()
        if len(self._waiting) < AT_ONCE and not self._ending:
            await asyncio.sleep(GROUP_WINDOW)
        return True

    async def _write(self, group: Sequence[Settled]) -> None:
        try:
            self.words += await self._threads.run(self.store, group)
        except Exception as error:  # a defect; their leases end, they are doubted, and SendGrid's events decide
            log.error("outcomes could not be stored", action="send.unsettled", error=str(error), exc_info=error)
            self.words["in_doubt"] += len(group)
        finally:
            self._in_groups -= len(group)
            self._written()

    def store(self, group: Sequence[Settled]) -> Counter[str]:
        """Write a group down, in whatever thread; return what became of its mails."""
        accepted = [(s.claimed, s.outcome) for s in group if isinstance(s.outcome, Accepted)]
        backs = [settle.Back(s.claimed, s.outcome.reason, s.delay) for s in group if isinstance(s.outcome, NotSent)]
        words: Counter[str] = Counter()
        if accepted:
            words += self._store_accepted(accepted)
        if backs:
            reasons = Counter(back.reason for back in backs)
            log.warning("mails not sent", action="send.requeued", n=len(backs), reason=reasons.most_common(1)[0][0])
            words[self._insist(lambda tx: settle.give_back_all(tx, backs), "requeued")] += len(backs)
        for claimed, outcome, _ in group:
            if isinstance(outcome, Rejected | Unknown):
                words[self._store_unsent(claimed, outcome)] += 1
        return words

    def _store_accepted(self, outcomes: Sequence[tuple[Claim, Accepted]]) -> Counter[str]:
        others: list[tuple[Claim, Accepted]] = []

        def first(tx: Transaction) -> None:
            others[:] = settle.first_news(tx, outcomes)

        word = self._insist(first, "sent")
        words = Counter({word: len(outcomes) - len(others)})
        if others:
            words[self._insist(partial(settle.accepted, outcomes=others), "sent")] += len(others)
        return words

    def _store_unsent(self, claimed: Claim, outcome: Rejected | Unknown) -> str:
        word, move = ("failed", settle.failed) if isinstance(outcome, Rejected) else ("in_doubt", settle.unknown)
        log.warning("mail not sent", action=f"send.{word}", message_id=claimed.message.id, reason=outcome.reason)
        # False: a webhook was faster, and has proved that it was accepted.
        return self._insist(partial(move, claimed=claimed, outcome=outcome), word, otherwise="sent")

    def give_back(self, left: Sequence[Claim], reason: str) -> None:
        """Put claims that were not handed over back into the queue, due as before."""
        for start in range(0, len(left), AT_ONCE):
            backs = [settle.Back(claimed, reason) for claimed in left[start : start + AT_ONCE]]
            self._insist(partial(settle.give_back_all, backs=backs), "requeued")

    def _insist(self, store: Callable[[Transaction], bool | None], word: str, *, otherwise: str = "") -> str:
        """Write outcomes down as `insist` does; return what became of the mails."""

        def stored(tx: Transaction) -> bool | None:
            ours = store(tx)
            self._reached("settling")
            return ours

        try:
            ours = insist(self._begin, self._pause, stored, self._pauses)
        except errors.OrchestratorError as error:  # the lease ends, they are doubted, and SendGrid's events decide
            log.error("outcomes are given up", action="send.unsettled", error=str(error))
            self._pauses = ()  # the others have waited as long
            return "in_doubt"
        self._pauses = PAUSES
        self._reached("settled")
        return otherwise if ours is False else word
