"""What a proof that a mail has arrived does to the attempts of its campaign, and what it leaves to be told.

Proofs come late: after somebody gave the attempt up, after another one took its place, after that one left as well.
Whatever the order, at most one attempt of a step is live, and a second mail that has left is counted, never hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from orchestrator.domain import lifecycle
from orchestrator.domain.events import Fact
from orchestrator.domain.message import LIVE_STATES, MessageState, OutreachMessage
from orchestrator.repository.messages import LeanMessage
from orchestrator.services.recording.draft import Draft

Attempt = Draft[OutreachMessage | LeanMessage]
#: (word for the history, id of the attempt, reason)
Told = tuple[str, str, str]

#: Attempts that count as none. One that was given up as lost counts again as soon as it is proved to have arrived.
_WITHDRAWN = frozenset({MessageState.VOIDED, MessageState.SUPERSEDED, MessageState.LOST})
_UNDECIDED = frozenset({MessageState.RESERVED, MessageState.HANDED, MessageState.IN_DOUBT})
#: Attempts whose place another one may take.
_GIVEN_UP = frozenset({MessageState.LOST, MessageState.VOIDED, MessageState.NOT_SENT, MessageState.REJECTED})
_ENDED_BADLY = frozenset({MessageState.NOT_SENT, MessageState.REJECTED})

_BESIDE_ANOTHER = "it was given up, and has arrived beside the mail that left in its place"
_AFTER_ALL = "it was given up, and has arrived after all"


def note(attempts: Sequence[Attempt], attempt: Attempt, fact: Fact, now: datetime) -> list[Told]:
    """Let `attempt` be the accepted one of its step, or count it as a duplicate; return what is to be told.

    Args:
        attempts: All attempts of the campaign, `attempt` among them.
        attempt: The one that `fact` is evidence of.
        fact: What proves it.
        now: When we learnt of it.
    """
    state: MessageState = attempt["state"]
    told: list[Told] = []
    if state is MessageState.ACCEPTED and attempt["accepted_at"] is not None:
        return told  # as good as always: nothing new in that
    if _proves(attempts, attempt, fact):
        if state is not MessageState.ACCEPTED:  # an accepted one has no lease any more
            attempt.change({"state": MessageState.ACCEPTED, "lease_token": None, "lease_until": None})
        if state is MessageState.IN_DOUBT:
            attempt.change({"check_at": None})
        elif state is MessageState.LOST:
            told.append(("resend_withdrawn", attempt.before.id, _AFTER_ALL))
    elif state not in _GIVEN_UP:
        return told
    elif attempt["accepted_at"] is None:
        told.append(("duplicate", attempt.before.id, _BESIDE_ANOTHER))
    if attempt["accepted_at"] is None:
        attempt.change({"accepted_at": now})
    return told


def reinstate(attempts: Sequence[Attempt]) -> Iterator[Told]:
    """Let an attempt count that was given up and has arrived, once the one in its place turns out not to have."""
    live = {attempt.before.step for attempt in attempts if attempt["state"] in LIVE_STATES}
    for attempt in sorted(attempts, key=order, reverse=True):
        if attempt["state"] in _GIVEN_UP and attempt["accepted_at"] is not None and attempt.before.step not in live:
            live.add(attempt.before.step)
            _take_place(attempts, attempt)
            attempt.change({"state": MessageState.ACCEPTED})
            yield ("resend_withdrawn", attempt.before.id, _AFTER_ALL)


def withdraw_reserved(attempts: Sequence[Attempt], step: int | None = None) -> bool:
    """Void what was reserved and not yet handed to the network; say if there was any.

    Args:
        attempts: All attempts of the campaign.
        step: Only those of this step; None: of all.
    """
    reserved = [
        attempt
        for attempt in attempts
        if attempt["state"] is MessageState.RESERVED and step in (None, attempt.before.step)
    ]
    for attempt in reserved:
        attempt.change({"state": MessageState.VOIDED, "error": "withdrawn", "lease_token": None, "lease_until": None})
    return bool(reserved)


def is_withdrawn(attempt: Attempt) -> bool:
    """Tell whether an attempt counts as none."""
    return attempt["state"] in _WITHDRAWN


def as_folded(attempt: Attempt) -> lifecycle.Attempt:
    """Return an attempt as `lifecycle.fold` wants it."""
    return lifecycle.Attempt(attempt.before.step, attempt.before.attempt, attempt.stamps, is_withdrawn(attempt))


def order(attempt: Attempt) -> tuple[int, int]:
    """Sort attempts by step and number."""
    return (attempt.before.step, attempt.before.attempt)


def _proves(attempts: Sequence[Attempt], attempt: Attempt, fact: Fact) -> bool:
    """Decide whether evidence makes `attempt` the accepted one, and withdraw what it makes superfluous."""
    state: MessageState = attempt["state"]
    if state is MessageState.ACCEPTED or state in _UNDECIDED:
        return True
    status = lifecycle.RULES[fact].status
    if state is MessageState.SUPERSEDED and (status is None or lifecycle.RANK[status] < lifecycle.REACHED_OWNER):
        return False
    others = [other for other in attempts if other.before.step == attempt.before.step and other is not attempt]
    if any(other["state"] in LIVE_STATES and other["state"] is not MessageState.RESERVED for other in others):
        return False  # a second mail has left already
    _take_place(attempts, attempt)
    return True


def _take_place(attempts: Sequence[Attempt], attempt: Attempt) -> None:
    """Withdraw what the arrival of `attempt` makes superfluous; attempts of other steps are other mails."""
    step, number = attempt.before.step, attempt.before.attempt
    for other in attempts:
        if other.before.step == step and other.before.attempt > number and other["state"] in _ENDED_BADLY:
            other.change({"state": MessageState.SUPERSEDED})
    withdraw_reserved(attempts, step)
