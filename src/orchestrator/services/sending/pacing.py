"""What an account may send at this moment: its pause, what SendGrid asked for, its rate; the same for all workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from orchestrator import errors
from orchestrator.domain.message import Accepted, NotSent, Outcome
from orchestrator.domain.pacing import LATE, slot_distance
from orchestrator.repository import Transaction, accounts, tenants
from orchestrator.repository.accounts import Account, PauseKind

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

#: How long a refused account is left alone before one mail tries again.
PROBE_AFTER = timedelta(minutes=5)
#: How long a mail waits that certainly was not sent, for a reason of its own.
REQUEUE_AFTER = timedelta(seconds=30)
#: Seconds over which the mails return that met a 429, so that they do not all come back in one instant.
SPREAD = 5.0
#: Seconds to hold off when SendGrid does not say how long: the first, doubled each time, and the longest.
FIRST_HOLD, LONGEST_HOLD = 1.0, 60.0
#: So many mails in a row that found no connection make this process hold off by itself.
UNREACHED = 5
#: Seconds ahead that slots are taken; whoever would get later ones leaves the mails in the queue.
HORIZON = 5.0
#: Seconds of mails that are handed over together.
WINDOW_SECONDS = 0.1
#: Bounds of the seconds between taking slots and the first of them, in which mails are handed over.
NOTICE = (0.02, 1.0)

OPEN = "open"
CLOSED = "closed"
PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Slot:
    """When one mail may leave, in seconds by the clock that is never set: not before, and not after."""

    earliest: float
    latest: float


class Pacer:
    """Says how fast the mails of one account may leave, and learns from what becomes of them.

    Args:
        begin: Opens a write transaction.
        account: The transport's account.
        rate: Mails per second; None: as fast as it goes.
        monotonic: Seconds by a clock that is never set.
        random: Gives a number in ``[0, 1)``.
    """

    def __init__(
        self,
        begin: Begin,
        account: str,
        rate: float | None,
        monotonic: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self.account = account
        self.rate = rate
        self._begin = begin
        self._monotonic = monotonic
        self._random = random
        self._notice = NOTICE[0] * 2
        self._held_until = self._struck_at = -math.inf
        self._strikes = self._unreached = 0
        #: Whether the account's row was seen, or made, to name a time to hold off until.
        self._asked = False
        #: Whether a mail sent by hand found the account refused.
        self.refusing = False

    # The account's state

    def look(self, tx: Transaction) -> str:
        """Say whether mails may be claimed and handed over now: `OPEN`, `CLOSED`, or `PROBE`: one may try."""
        known = accounts.get(tx, self.account)
        if known.pause_kind is not None:
            refused = known.pause_kind is PauseKind.REFUSED
            return PROBE if refused and known.probe_at is not None and known.probe_at <= tx.now() else CLOSED
        self._obey(known, tx)
        # What is claimed only to wait here goes back in the end, and each time leaves a row in the ledger.
        return CLOSED if self.holding() or not self._has_slots(known, tx) else OPEN

    def _obey(self, known: Account, tx: Transaction) -> None:
        """Hold off as long as the account's row says, and no longer once a person has ended that."""
        asked = known.not_before
        if asked is not None and asked > tx.now():
            self._hold((asked - tx.now()).total_seconds())
        elif asked is None and self._asked:
            self._held_until = -math.inf
        self._asked = asked is not None

    def _has_slots(self, known: Account, tx: Transaction) -> bool:
        free = known.next_free_at
        far = timedelta(seconds=HORIZON)
        if self.rate is None or free is None or free <= tx.now() + far:
            return True
        return free > tx.now() + accounts.FURTHEST + slot_distance(self.rate) * 2  # a clock was set back

    def closed_to(self, tx: Transaction, tenant_ids: Iterable[str], *, probing: bool) -> set[str] | None:
        """Say whose mails must not leave although they are claimed, paused meanwhile; None: nobody's may leave."""
        known = accounts.get(tx, self.account)
        if known.pause_kind is not None and not (probing and known.pause_kind is PauseKind.REFUSED):
            return None
        self._obey(known, tx)
        if known.not_before is not None and known.not_before > tx.now():
            return None
        return {id_ for id_, tenant in tenants.get_many(tx, tenant_ids).items() if tenant.paused_at is not None}

    def begin_probe(self) -> bool:
        """Take the turn to try whether the refusal of the account is over; False: another worker has it."""
        with self._begin() as tx:
            accounts.lock(tx, self.account)
            return accounts.begin_probe(tx, self.account, tx.now() + PROBE_AFTER)

    def return_probe(self) -> None:
        """Give the turn back: nothing was due."""
        with self._begin() as tx:
            accounts.return_probe(tx, self.account)

    def require_open(self, tx: Transaction, tenant_id: str) -> None:
        """Let one mail that is sent by hand pass, also when SendGrid refused the account before: it may try.

        Raises:
            AccountPaused: A person, or SendGrid's compliance team, has paused the account; or the tenant is paused.
        """
        tenant = tenants.get(tx, tenant_id)
        if tenant.paused_at is not None:
            raise errors.AccountPaused(
                f"Tenant {tenant_id} is paused: {tenant.pause_reason}",
                fix=f"Nothing was sent. When the reason is gone: outreach resume --tenant {tenant_id}",
            )
        known = accounts.get(tx, self.account)
        self.refusing = known.pause_kind is PauseKind.REFUSED
        if known.pause_kind is None or self.refusing:
            return
        raise errors.AccountPaused(f"Sending is paused ({known.pause_kind}): {known.pause_reason}")

    # Slots

    @property
    def window(self) -> int | None:
        """Most mails handed over together: what leaves in a tenth of a second; None without a rate."""
        return None if self.rate is None else max(1, int(self.rate * WINDOW_SECONDS))

    @property
    def notice(self) -> float:
        """Seconds before its first slot at which the hand-over of a window should begin."""
        return self._notice

    def made_ready(self, seconds: float) -> None:
        """Learn how long slots or hand-overs take, so that the next ones begin early enough."""
        usual = self._notice + (seconds * 1.5 - self._notice) / 4
        self._notice = min(max(usual, NOTICE[0]), NOTICE[1])

    def take(self, n: int, horizon: float = HORIZON) -> list[Slot] | None:
        """Take the next `n` slots of the account; None when they are more than `horizon` seconds away.

        The database's time is tied to ours between two looks at our clock, so that a slow answer makes a slot short
        and never early or late.
        """
        rate = self.rate or math.inf
        began = self._monotonic()
        with self._begin() as tx:
            accounts.lock(tx, self.account)
            before = self._monotonic()
            now = tx.now()
            after = self._monotonic()
            first = accounts.take(
                tx,
                self.account,
                n,
                rate,
                notice=timedelta(seconds=self._notice),
                horizon=timedelta(seconds=horizon),
            )
        if first is None:
            return None
        self.made_ready(self._monotonic() - began)
        away, distance = (first - now).total_seconds(), slot_distance(rate).total_seconds()
        return [Slot(after + away + i * distance, before + away + i * distance + LATE) for i in range(n)]

    # What outcomes teach

    def holding(self) -> float:
        """Return for how many more seconds nothing may leave."""
        return max(0.0, self._held_until - self._monotonic())

    def learn(self, outcome: Outcome, began: float) -> float | None:
        """Note an outcome of a mail that left at `began`; return the seconds all workers must hold off, if it is news.

        SendGrid's wish is obeyed. Without one the wait doubles from one storm to the next, drawn at random from its
        upper half; mails that left before the last storm was known belong to it.
        """
        if isinstance(outcome, Accepted):
            self._unreached = 0
            if began > self._struck_at:
                self._strikes = 0
            return None
        if not isinstance(outcome, NotSent) or outcome.account:
            return None
        told = outcome.status in (429, 503)
        self._unreached += not told
        if not told and self._unreached < UNREACHED:
            return None
        wait = outcome.retry_after or self._next_wait(began)
        news = self._hold(wait) if wait else False
        return wait if told and news else None

    def tell(self, outcome: Outcome, wait: float | None, *, trying: bool) -> None:
        """Tell all workers what an outcome says about the account.

        Args:
            outcome: What became of a mail.
            wait: What `learn` returned about it.
            trying: It was sent to find out whether a refusal of the account is over.
        """
        try:
            if wait is not None:
                self.hold_off(wait)
            elif isinstance(outcome, NotSent) and outcome.account:
                self.refused(outcome)
            elif isinstance(outcome, Accepted) and trying:
                self.accepted_again()
        except errors.OrchestratorError as error:  # they find out by themselves; the outcome is what must not be lost
            log.error("account could not be updated", action="send.account_not_updated", error=str(error))

    def _next_wait(self, began: float) -> float:
        if began <= self._struck_at:
            return 0.0
        self._struck_at = self._monotonic()
        self._strikes += 1
        return min(LONGEST_HOLD, FIRST_HOLD * 2 ** min(self._strikes - 1, 10)) * (1 + self._random()) / 2

    def _hold(self, seconds: float) -> bool:
        until = self._monotonic() + seconds
        news = until > self._held_until + 0.25
        self._held_until = max(self._held_until, until)
        return news

    def hold_off(self, seconds: float) -> None:
        """Let every worker wait."""
        log.warning("SendGrid asks for a pause", action="send.hold_off", seconds=round(seconds, 1))
        with self._begin() as tx:
            accounts.lock(tx, self.account)
            accounts.hold_off(tx, self.account, tx.now() + timedelta(seconds=seconds))
        self._asked = True

    def refused(self, outcome: NotSent) -> None:
        """Pause the account for every worker: SendGrid refuses it, so it would refuse every mail."""
        log.error("account paused", action="send.account_paused", kind="refused", reason=outcome.reason)
        with self._begin() as tx:
            accounts.lock(tx, self.account)
            accounts.pause(tx, self.account, PauseKind.REFUSED, outcome.reason, tx.now() + PROBE_AFTER)

    def accepted_again(self) -> None:
        """End a refusal: a mail has gone out that was sent to try."""
        with self._begin() as tx:
            if accounts.resume(tx, self.account, PauseKind.REFUSED):
                log.warning("account accepted again", action="send.account_resumed")

    def return_after(self, outcome: NotSent) -> timedelta | None:
        """Return when a mail is due again that was not sent; None: as it was due before."""
        if outcome.account:
            return None  # the pause of the account keeps it
        wait = self.holding() or max(REQUEUE_AFTER.total_seconds(), outcome.retry_after or 0.0)
        return timedelta(seconds=wait + self._random() * max(SPREAD, wait / 10))
