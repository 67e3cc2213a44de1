"""Waiting for one's turn: the slots of the account's rate, seen from the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from orchestrator.services.sending.pacing import Pacer, Slot

log = structlog.get_logger(__name__)


class Turns:
    """Gives mails their slots, and another one to those that come too late.

    Args:
        pacer: The account's.
        monotonic: Seconds by a clock that is never set.
        sleep: Waits the given seconds on the event loop.
    """

    def __init__(
        self,
        pacer: Pacer,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._pacer = pacer
        self._monotonic = monotonic
        self._sleep = sleep
        self._late: list[asyncio.Future[Slot | None]] = []
        self._serving: asyncio.Task[None] | None = None

    async def take(self, n: int) -> Sequence[Slot | None] | None:
        """Return a slot for each of `n` mails, Nones without a rate; None: they are too far away to wait for."""
        return [None] * n if self._pacer.rate is None else await asyncio.to_thread(self._pacer.take, n)

    async def wait(self, slot: Slot | None, latest: float) -> float | None:
        """Wait for the slot; return until when the mail may leave, or None when its turn would come after `latest`.

        Who comes too late, because the process or the database stood still, gets in line again: two that leave
        together would be more than the rate allows.
        """
        while slot is not None:
            await self._sleep(max(0.0, slot.earliest - self._monotonic()))
            if self._monotonic() <= slot.latest:
                return min(slot.latest, latest)
            slot = await self._another()
            if slot is None or slot.earliest > latest:
                return None
        return latest

    async def _another(self) -> Slot | None:
        self._late.append(future := asyncio.get_running_loop().create_future())
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve_late())
        return await future

    async def _serve_late(self) -> None:
        """Take slots for the late ones together: a process that wakes up finds all of its mails late."""
        await self._sleep(0)
        while self._late:
            size = self._pacer.window or 1
            group, self._late = self._late[:size], self._late[size:]
            try:
                slots = await asyncio.to_thread(self._pacer.take, len(group))
            except Exception as error:  # without the database nobody knows whose turn it is
                log.error("no slots for late mails", action="send.no_slots", error=f"{type(error).__name__}: {error}")
                slots = None
            for number, future in enumerate(group):
                future.set_result(slots[number] if slots else None)


class Turn:
    """The slot of one mail that is sent by hand; waits in the calling thread. Without a rate there is no waiting.

    Args:
        pacer: The account's.
        monotonic: Seconds by a clock that is never set.
        pause: Waits the given seconds.
    """

    def __init__(self, pacer: Pacer, monotonic: Callable[[], float], pause: Callable[[float], object]) -> None:
        self._pacer = pacer
        self._monotonic = monotonic
        self._pause = pause
        self._slot: Slot | None = None

    def take(self, patience: float) -> bool:
        """Wait until the mail should be handed over; False when its slot is more than `patience` seconds away."""
        if self._pacer.rate is None:
            return True
        slots = self._pacer.take(1, patience)
        if slots is None:
            return False
        self._slot = slots[0]
        self._pause(max(0.0, self._slot.earliest - self._pacer.notice - self._monotonic()))
        return True

    def wait(self, patience: float) -> bool:
        """Wait until the mail may leave, in another slot if it is too late for its own; False as with `take`."""
        while self._slot is not None:
            self._pause(max(0.0, self._slot.earliest - self._monotonic()))
            if self._monotonic() <= self._slot.latest:
                return True
            slots = self._pacer.take(1, patience)
            if slots is None:
                return False
            self._slot = slots[0]
        return True
