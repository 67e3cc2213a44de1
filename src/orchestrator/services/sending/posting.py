"""The mails of a round that are on their way: each waits for its slot, leaves, and teaches how to go on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.domain.pacing import InFlight
from orchestrator.services.sending.flow import Flow
from orchestrator.services.sending.ledger import Claim
from orchestrator.services.sending.pacing import Pacer, Slot
from orchestrator.services.sending.settling import Settled, Settling
from orchestrator.services.sending.turns import Turns
from orchestrator.transports.base import Transport

log = structlog.get_logger(__name__)


#: So many mails on their way are many: what is handed over too early when SendGrid asks for a pause is a small part.
MANY = 100


class Ready(NamedTuple):
    """A mail that can be handed over, with the time of its claim in seconds by the clock that is never set."""

    claimed: Claim
    mail: OutgoingMail
    since: float


class Posting:
    """Posts mails that were handed over, each in a task of its own.

    Args:
        transport: The way out.
        pacer: The account's.
        turns: Its slots.
        settling: Where outcomes go.
        flow: Told when one is no longer on its way, and stopped when the account is refused.
        concurrency: Most mails in flight.
        monotonic: Seconds by a clock that is never set.
        reached: Called with the name of each step.
    """

    def __init__(
        self,
        transport: Transport,
        pacer: Pacer,
        turns: Turns,
        settling: Settling,
        flow: Flow,
        concurrency: int,
        monotonic: Callable[[], float],
        reached: Callable[[str], object],
    ) -> None:
        self._transport = transport
        self._pacer = pacer
        self._turns = turns
        self._settling = settling
        self._monotonic = monotonic
        self._reached = reached
        self._flow = flow
        self._room = InFlight(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._flying = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._refused = False
        #: Whether what is posted tries if a refusal of the account is over.
        self.probing = False

    @property
    def in_flight(self) -> int:
        """How many mails are on their way, or wait for room or for their slot."""
        return len(self._tasks)

    def has_room(self, size: int) -> bool:
        """Tell whether `size` mails may be handed over.

        Where many are on their way, one window may wait for room, so that it is filled as soon as there is some.
        """
        free = self._room.limit - len(self._tasks)
        return free >= (0 if self._room.limit >= MANY else size) or not self._tasks

    @property
    def limit(self) -> int:
        """How many may be on their way."""
        return self._room.limit

    def begin(self, ready: Ready, slot: Slot | None, latest: float) -> None:
        """Let a mail leave in its slot, and at the latest at `latest`."""
        self._tasks.add(task := asyncio.create_task(self._post(ready, slot, latest)))
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._flow.changed()

    async def finished(self) -> None:
        """Wait until nothing is on its way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _post(self, ready: Ready, slot: Slot | None, latest: float) -> None:
        outcome: Outcome
        await self._enter()
        try:
            outcome = await self._leave(ready.mail, slot, latest)
        except Exception as error:  # a transport's defect: nobody knows how far it came
            outcome = Unknown(f"the transport failed: {type(error).__name__}: {error}")
        finally:
            self._make_room()
        delay = self._pacer.return_after(outcome) if isinstance(outcome, NotSent) else None
        self._settling.put(Settled(ready.claimed, outcome, delay))

    async def _enter(self) -> None:
        """Wait until there is room for one more, in the order of asking."""
        if self._flying < self._room.limit and not self._waiting:
            self._flying += 1
            return
        self._waiting.append(turn := asyncio.get_running_loop().create_future())
        await turn

    def _make_room(self) -> None:
        self._flying -= 1
        while self._waiting and self._flying < self._room.limit:
            self._flying += 1
            self._waiting.popleft().set_result(None)

    async def _leave(self, mail: OutgoingMail, slot: Slot | None, latest: float) -> Outcome:
        while True:
            until = await self._turns.wait(slot, latest)
            if until is None:
                return NotSent("the account's rate left it no slot in time")
            if self._refused:
                return NotSent("SendGrid refuses the account", account=True)
            if self._pacer.holding():
                return NotSent("SendGrid asked for a pause before it could leave")
            self._reached("posting")
            began = self._monotonic()
            outcome = await self._transport.post(mail, until)
            if not (isinstance(outcome, NotSent) and outcome.late and until < latest):
                break  # else it came too late for its slot on the way to the network: it gets in line again
        self._reached("posted")
        self._room.answered(began, self._monotonic(), good=isinstance(outcome, Accepted | Rejected))
        await self._learn(outcome, began)
        return outcome

    async def _learn(self, outcome: Outcome, began: float) -> None:
        """Tell the other workers what this outcome says about the account."""
        wait = self._pacer.learn(outcome, began)
        news = wait is not None or (self.probing and isinstance(outcome, Accepted))
        if isinstance(outcome, NotSent) and outcome.account:
            news = not self._refused
            self._refused = True
            self._flow.halt()
        if news:
            try:
                await asyncio.to_thread(self._pacer.tell, outcome, wait, trying=self.probing)
            except Exception as error:  # whatever it is: the outcome is known, and must not become doubtful by it
                log.error("account could not be updated", action="send.account_not_updated", exc_info=error)
