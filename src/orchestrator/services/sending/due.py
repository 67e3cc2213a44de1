"""Sending what is due: claim, compose, hand over, POST and settle, each going on while the others do.

The database is spoken to in threads, many mails at a time; only the POSTs are concurrent one by one. What is claimed
but not handed over is bounded, and so is what is handed over and not settled: a crash leaves that much in doubt.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial

import structlog

from orchestrator.domain.message import OutgoingMail
from orchestrator.repository import Transaction
from orchestrator.services.sending import ledger
from orchestrator.services.sending.claiming import Claiming
from orchestrator.services.sending.flow import Flow
from orchestrator.services.sending.handing import PAUSED, hand_over
from orchestrator.services.sending.ledger import Claim
from orchestrator.services.sending.pacing import Pacer, Slot
from orchestrator.services.sending.posting import Posting, Ready
from orchestrator.services.sending.settling import MOST_UNWRITTEN, Settling
from orchestrator.services.sending.threads import Threads
from orchestrator.services.sending.turns import Turns
from orchestrator.transports.base import Transport

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]
Compose = Callable[[Claim], OutgoingMail | None]

#: Mails composed in one go, and handed over in one transaction at most: what leaves in about a tenth of a second.
WINDOW = 100
#: Composed windows that wait to be handed over.
AHEAD = 3
#: Seconds for which mails that are claimed wait when SendGrid asks for a pause; for a longer one they go back.
PATIENCE = 15.0
#: Seconds after its claim at which a mail that was not handed over goes back: a third of its lease.
OLDEST = ledger.LEASE.total_seconds() / 3
#: Seconds after `hand` began within which the POST must begin, or it does not: a process that was stopped in between
#: must not send under a lease that others may think dead. Half a lease leaves the transport's time-out its room.
LATEST_START = ledger.LEASE.total_seconds() / 2


class Round:
    """Sends until a number of mails is reached, nothing is due, or it is stopped.

    Args:
        begin: Opens a write transaction.
        transport: The way out.
        compose: Writes a claimed mail; None when it cannot be written and its campaign has failed.
        pacer: The account's.
        concurrency: Most mails in flight.
        monotonic: Seconds by a clock that is never set.
        pause: Waits the given seconds before outcomes that could not be stored are stored again.
        reached: Called with the name of each step.
        stop: Asked again and again, on the event loop; True: drain.
        gap: The least time between two mails to one address.
    """

    def __init__(
        self,
        begin: Begin,
        transport: Transport,
        compose: Compose,
        pacer: Pacer,
        concurrency: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
        reached: Callable[[str], object] = lambda _: None,
        stop: Callable[[], bool] | None = None,
        gap: timedelta = timedelta(0),
    ) -> None:
        self._begin = begin
        self._compose = compose
        self._gap = gap
        self._pacer = pacer
        self._monotonic = monotonic
        self._reached = reached
        self._turns = Turns(pacer, monotonic)
        self._flow = flow = Flow(monotonic, stop)
        self._threads = Threads()
        self._settling = Settling(begin, pause, reached, flow.changed, self._threads)
        self._posting = Posting(transport, pacer, self._turns, self._settling, flow, concurrency, monotonic, reached)
        #: Claimed and not handed over.
        self._ahead = 0
        self._claimed: asyncio.Queue[tuple[float, list[Claim]] | None] = asyncio.Queue()
        self._ready: asyncio.Queue[list[Ready] | None] = asyncio.Queue(AHEAD)
        self._next: deque[Ready] = deque()
        self._left: list[Claim] = []
        self._work: asyncio.Task[Counter[str]] | None = None
        self._failure: Exception | None = None
        self._words: Counter[str] = Counter()

    async def run(self, claiming: Claiming, limit: int) -> Counter[str]:
        """Send up to `limit` mails; return how many ended as what.

        When it is cancelled or fails, what is in flight is settled, and what was not handed over goes back.
        """
        self._work = asyncio.create_task(self._send_all(claiming, limit))
        try:
            # A window must not be cut off between its hand-over and its POSTs: it would be doubted for ever.
            return await asyncio.shield(self._work)
        except asyncio.CancelledError:
            await self.drain()
            raise

    async def drain(self) -> None:
        """Hand nothing more over, and wait until what is in flight is settled and the rest is back in the queue."""
        self._flow.halt()
        if self._work is not None:
            await self._work

    async def _send_all(self, claiming: Claiming, limit: int) -> Counter[str]:
        watching = asyncio.create_task(self._flow.watch())
        settling = asyncio.create_task(self._settling.run())
        stages = (self._claim_all(claiming, limit), self._compose_all(), self._hand_all())
        await asyncio.gather(*map(self._guarded, stages))
        await self._posting.finished()
        self._settling.end()
        await settling
        watching.cancel()
        await self._give_back()
        self._threads.close()
        if self._failure is not None:
            raise self._failure
        return self._words + self._settling.words

    async def _give_back(self) -> None:
        left, self._left = self._left, []
        if left:
            await self._threads.run(self._settling.give_back, left, "it was not handed over in time")

    async def _guarded(self, stage: Awaitable[None]) -> None:
        try:
            await stage
        except Exception as error:
            log.error("sending stopped", action="send.stopped", error=f"{type(error).__name__}: {error}")
            self._failure = self._failure or error
            self._flow.halt()

    # Stages: each passes on what it got until it gets None, also when stopping

    async def _claim_all(self, claiming: Claiming, limit: int) -> None:
        left = limit
        try:
            while left > 0 and not self._flow.stopped():
                await self._give_back()  # a round may go on for hours
                n, since = min(left, claiming.size(self._posting.limit)), self._monotonic()
                claimed = await self._threads.run(claiming.more, n)
                if claimed is None or not (claimed.claims or claimed.refused):
                    return
                left -= len(claimed.claims)
                self._words += claimed.refused
                self._ahead += len(claimed.claims)
                self._posting.probing = claiming.probing
                self._claimed.put_nowait((since, claimed.claims))
                self._reached("claimed")
                await self._flow.until(self._is_quiet if claiming.probing else partial(self._is_running_out, n // 2))
        finally:
            self._claimed.put_nowait(None)

    async def _compose_all(self) -> None:
        try:
            while (got := await self._claimed.get()) is not None:
                since, claims = got
                for start in range(0, len(claims), WINDOW):
                    chunk = claims[start : start + WINDOW]
                    await self._ready.put(await self._compose_chunk(chunk, since))
        finally:
            await self._ready.put(None)

    async def _compose_chunk(self, chunk: Sequence[Claim], since: float) -> list[Ready]:
        if self._flow.stopping:
            self._put_back(chunk)
            return []
        try:
            composed = await self._threads.run(self._compose_now, chunk, since)
        except Exception as error:
            self._failure = self._failure or error
            self._flow.halt()
            self._put_back(chunk)  # what has failed already is no longer ours, and stays as it is
            return []
        self._words["failed"] += len(chunk) - len(composed)
        self._ahead -= len(chunk) - len(composed)
        return composed

    def _compose_now(self, chunk: Sequence[Claim], since: float) -> list[Ready]:
        mails = [(claimed, self._compose(claimed)) for claimed in chunk]
        self._reached("composed")
        return [Ready(claimed, mail, since) for claimed, mail in mails if mail is not None]

    async def _hand_all(self) -> None:
        ended = False
        try:
            while True:
                window = self._cut_window()
                if window:
                    await self._hand_window(window)
                elif ended:
                    return
                else:
                    ended = (got := await self._ready.get()) is None
                    self._next += got or ()
        except Exception:
            self._flow.halt()  # before the others are waited for
            raise
        finally:
            while not ended and (got := await self._ready.get()) is not None:
                self._next += got
            self._put_back([ready.claimed for ready in self._next])

    def _cut_window(self) -> list[Ready]:
        """Take the next mails to hand over together; those that waited too long go back."""
        if self._flow.stopping:
            return []
        limit = self._posting.limit
        size = min(WINDOW, max(limit // 2, min(limit, 8)), self._pacer.window or WINDOW)
        window: list[Ready] = []
        while self._next and len(window) < size:
            ready = self._next.popleft()
            if self._monotonic() - ready.since > OLDEST:
                self._put_back([ready.claimed])
            else:
                window.append(ready)
        return window

    async def _hand_window(self, window: list[Ready]) -> None:
        try:
            slots = await self._turn_of(len(window))
        except Exception:
            self._put_back([ready.claimed for ready in window])
            raise
        if self._flow.stopping or slots is None:
            self._flow.halt()
            self._put_back([ready.claimed for ready in window])
            return
        began = self._monotonic()
        try:
            refused = await self._threads.run(self._hand_over, window)
        except Exception:
            self._put_back([ready.claimed for ready in window])  # in vain or not: nothing has been posted
            raise
        self._pacer.made_ready(self._monotonic() - began)
        if refused is None:
            self._next.extendleft(reversed(window))
            if not self._pacer.holding():
                self._flow.halt()
            return
        self._ahead -= len(window)
        for ready, slot in zip(window, slots, strict=True):
            answer = refused.get(ready.claimed.message.id)
            if answer is None:
                self._posting.begin(ready, slot, began + LATEST_START)
            elif answer is PAUSED:
                self._left.append(ready.claimed)
            else:
                self._words[answer.status] += answer.status in ("suppressed", "held", "postponed")
        self._flow.changed()

    async def _turn_of(self, size: int) -> Sequence[Slot | None] | None:
        """Wait until `size` mails may be handed over; return their slots, or None when that is too far away."""
        await self._flow.until(
            lambda: self._posting.has_room(size),
            lambda: self._settling.unwritten < MOST_UNWRITTEN,
        )
        while (hold := self._pacer.holding()) and not self._flow.stopping:
            if hold > PATIENCE:
                return None
            await self._flow.until(seconds=hold)
        slots = await self._turns.take(size)
        if slots and slots[0] is not None:
            await self._flow.until(seconds=slots[0].earliest - self._pacer.notice - self._monotonic())
        return slots

    def _hand_over(self, window: Sequence[Ready]) -> dict[str, ledger.Answer] | None:
        """Mark a window as given to the network; None: the account may not send any more."""
        mails = [(ready.claimed, ready.mail) for ready in window]
        return hand_over(self._begin, self._pacer, mails, self._reached, probing=self._posting.probing, gap=self._gap)

    def _is_running_out(self, few: int) -> bool:
        return self._ahead <= few

    def _is_quiet(self) -> bool:
        return not (self._ahead or self._posting.in_flight or self._settling.unwritten)

    def _put_back(self, claims: Sequence[Claim]) -> None:
        self._ahead -= len(claims)
        self._left += claims
        self._flow.changed()
