"""One round of sending what is due: compose, hand, POST and settle, with many mails in flight on one event loop.

The database is spoken to in threads, a window of mails at a time; only the POSTs are concurrent one by one. A crash
leaves in doubt what is in flight at that moment, and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from itertools import islice

import structlog

from orchestrator import errors
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.repository import Transaction
from orchestrator.services import batch, ledger, settle
from orchestrator.services.ledger import Claim
from orchestrator.transports.base import Transport

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]
Compose = Callable[[Claim], OutgoingMail | None]

#: Mails handed over in one transaction: what leaves within about a tenth of a second.
WINDOW = 50
#: Outcomes written in one transaction.
SETTLE_AT_ONCE = 100
#: Seconds between attempts to write outcomes down; together well under a lease.
SETTLE_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
#: How long a mail that certainly was not sent waits before it is due again.
REQUEUE_AFTER = timedelta(seconds=30)
#: How long a mail waits when SendGrid refuses the whole account.
ACCOUNT_PAUSE = timedelta(minutes=5)
#: Seconds after `hand` began within which the POST must begin, or it does not: a process that was stopped in between
#: must not send under a lease that others may think dead. Half a lease leaves the transport's time-out its room.
LATEST_START = ledger.LEASE.total_seconds() / 2


class Round:
    """Takes claimed mails to their outcomes.

    Args:
        begin: Opens a write transaction.
        transport: The way out.
        compose: Writes a claimed mail; None when it cannot be written and its campaign has failed.
        concurrency: Most mails in flight.
        monotonic: Seconds by a clock that is never set.
        pause: Waits the given seconds before outcomes that could not be stored are stored again.
        reached: Called with the name of each step.
    """

    def __init__(
        self,
        begin: Begin,
        transport: Transport,
        compose: Compose,
        concurrency: int,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
        reached: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._begin = begin
        self._transport = transport
        self._compose = compose
        self._room = asyncio.Semaphore(concurrency)
        self._window = min(WINDOW, concurrency)
        self._monotonic = monotonic
        self._pause = pause
        self._reached = reached
        self._outcomes: asyncio.Queue[tuple[Claim, Outcome] | None] = asyncio.Queue()
        self._words: Counter[str] = Counter()
        self._work: asyncio.Task[Counter[str]] | None = None
        self._stopping = False

    async def run(self, claims: Sequence[Claim]) -> Counter[str]:
        """Send `claims`; return how many ended as ``sent``, ``failed``, ``in_doubt``, ``suppressed``, ``requeued``.

        When it is cancelled, what is in flight is still settled, and what was not handed goes back into the queue.
        """
        self._work = asyncio.create_task(self._send_all(claims))
        try:
            # A window must not be cut off between its hand-over and its POSTs: it would be doubted for ever.
            return await asyncio.shield(self._work)
        except asyncio.CancelledError:
            await self.drain()
            raise

    async def drain(self) -> None:
        """Hand nothing more over, and wait until what is in flight is settled and the rest is back in the queue."""
        self._stopping = True
        if self._work is not None:
            await self._work

    async def _send_all(self, claims: Sequence[Claim]) -> Counter[str]:
        waiting = iter(claims)
        posts: list[asyncio.Task[None]] = []
        settling = asyncio.create_task(self._settle_all())
        try:
            while not self._stopping and (window := list(islice(waiting, self._window))):
                posts += await self._hand_over(window)
        finally:
            await asyncio.gather(*posts)
            self._outcomes.put_nowait(None)
            await settling
            await asyncio.to_thread(self._give_back, list(waiting))
        return self._words

    async def _hand_over(self, window: Sequence[Claim]) -> list[asyncio.Task[None]]:
        mails = await asyncio.to_thread(self._compose_all, window)
        self._words["failed"] += len(window) - len(mails)
        for _ in mails:
            await self._room.acquire()
        latest = self._monotonic() + LATEST_START
        refused = await asyncio.to_thread(self._hand, mails) if mails else {}
        for answer in refused.values():
            self._room.release()
            self._words[answer.status] += answer.status in ("suppressed", "held")
        return [
            asyncio.create_task(self._post(claimed, mail, latest))
            for claimed, mail in mails
            if claimed.message.id not in refused
        ]

    def _compose_all(self, window: Sequence[Claim]) -> list[tuple[Claim, OutgoingMail]]:
        composed = ((claimed, self._compose(claimed)) for claimed in window)
        mails = [(claimed, mail) for claimed, mail in composed if mail is not None]
        self._reached("composed")
        return mails

    def _hand(self, mails: Sequence[tuple[Claim, OutgoingMail]]) -> dict[str, ledger.Answer]:
        with self._begin() as tx:
            refused = batch.hand(tx, mails, self._transport.account)
            self._reached("handing")
        self._reached("handed")
        return refused

    async def _post(self, claimed: Claim, mail: OutgoingMail, latest: float) -> None:
        outcome: Outcome
        try:
            if self._monotonic() > latest:
                outcome = NotSent("this process stood still for so long that others may think it dead")
            else:
                self._reached("posting")
                outcome = await self._transport.post(mail)
                self._reached("posted")
        except Exception as error:  # a transport's defect: nobody knows how far it came
            outcome = Unknown(f"the transport failed: {type(error).__name__}: {error}")
        finally:
            self._room.release()
        self._outcomes.put_nowait((claimed, outcome))

    async def _settle_all(self) -> None:
        while (first := await self._outcomes.get()) is not None:
            outcomes = [first]
            while len(outcomes) < SETTLE_AT_ONCE and not self._outcomes.empty():
                following = self._outcomes.get_nowait()
                if following is None:
                    self._outcomes.put_nowait(None)
                    break
                outcomes.append(following)
            self._words += await asyncio.to_thread(self._settle, outcomes)

    def _settle(self, outcomes: Sequence[tuple[Claim, Outcome]]) -> Counter[str]:
        accepted = [(claimed, outcome) for claimed, outcome in outcomes if isinstance(outcome, Accepted)]
        words: Counter[str] = Counter()
        if accepted:
            words[self._insist(lambda: self._settle_accepted(accepted))] += len(accepted)
        for claimed, outcome in outcomes:
            if not isinstance(outcome, Accepted):
                words[self._insist(partial(self._settle_unsent, claimed, outcome))] += 1
        return words

    def _insist(self, store: Callable[[], str]) -> str:
        """Write outcomes down, again and again while the database is busy or away; return what became of the mails.

        What is known must not be lost to a moment's trouble: nobody could tell later that a mail was not sent.
        """
        for pause in (*SETTLE_PAUSES, None):
            try:
                return store()
            except errors.OrchestratorError as error:
                log.error("outcomes could not be stored", action="send.unsettled", error=str(error), pause=pause)
                if pause is None or not isinstance(error, errors.DatabaseUnreachable):
                    break  # the lease ends, they are doubted, and SendGrid's events decide
                self._pause(pause)
        return "in_doubt"

    def _settle_accepted(self, accepted: Sequence[tuple[Claim, Accepted]]) -> str:
        with self._begin() as tx:
            settle.accepted(tx, accepted)
            self._reached("settling")
        self._reached("settled")
        return "sent"

    def _settle_unsent(self, claimed: Claim, outcome: NotSent | Rejected | Unknown) -> str:
        word = {NotSent: "requeued", Rejected: "failed", Unknown: "in_doubt"}[type(outcome)]
        log.warning("mail not sent", action=f"send.{word}", message_id=claimed.message.id, reason=outcome.reason)
        with self._begin() as tx:
            if isinstance(outcome, NotSent):
                wished = timedelta(seconds=outcome.retry_after or 0)
                settle.give_back(
                    tx, claimed, outcome.reason, ACCOUNT_PAUSE if outcome.account else max(REQUEUE_AFTER, wished)
                )
            elif isinstance(outcome, Unknown):
                # False: a webhook was faster and has proved that it was accepted.
                word = word if settle.unknown(tx, claimed, outcome) else "sent"
            elif not settle.failed(tx, claimed, outcome):
                word = "sent"
            self._reached("settling")
        self._reached("settled")
        return word

    def _give_back(self, left: Sequence[Claim]) -> None:
        for claimed in left:
            with self._begin() as tx:
                settle.give_back(tx, claimed, "the dispatcher was stopped")
