"""What a campaign's status is, and what moves it. The only place that decides.

Two kinds of input. *Commands* (cancel, retry, …) may fail loudly: `require`. *Facts* (what SendGrid or the owner
reports) never fail: they come late, twice and out of order. So nothing here looks at the order of arrival. Each fact
leaves its timestamp, the earliest wins (`note`), and the status is the highest-ranking timestamp there is (`fold`).

Facts up to "clicked" count for the latest attempt of each step only, so that a late ``dropped`` of attempt 1 cannot
fail attempt 2; bounce, reply, opt-out and complaint count from any attempt. An attempt that was withdrawn (voided
before it left, or superseded by a command) counts as no attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from orchestrator import errors
from orchestrator.domain.campaign import OutreachStatus as Status
from orchestrator.domain.events import Fact, SuppressionReason

Stamps = Mapping[str, datetime]

RANK: dict[Status, int] = {
    Status.SCHEDULED: 0,
    Status.SUPPRESSED: 0,
    Status.CANCELLED: 0,
    Status.SENT: 1,
    Status.FAILED: 2,
    Status.DELIVERED: 3,
    Status.OPENED: 4,
    Status.CLICKED: 5,
    Status.BOUNCED: 6,
    Status.RESPONDED: 7,
    Status.UNSUBSCRIBED: 8,
    Status.COMPLAINED: 9,
}

#: From this rank on a fact proves that the mail reached the owner's side, so a second one must not follow it.
REACHED_OWNER = RANK[Status.DELIVERED]

#: The status each timestamp argues for. ``machine_opened_at`` argues for none: it is kept and counted apart.
STATUS_OF: dict[str, Status] = {
    "sent_at": Status.SENT,
    "failed_at": Status.FAILED,
    "delivered_at": Status.DELIVERED,
    "opened_at": Status.OPENED,
    "clicked_at": Status.CLICKED,
    "bounced_at": Status.BOUNCED,
    "responded_at": Status.RESPONDED,
    "unsubscribed_at": Status.UNSUBSCRIBED,
    "complained_at": Status.COMPLAINED,
}

#: Timestamps of one mail; kept per attempt.
PER_ATTEMPT = ("sent_at", "delivered_at", "opened_at", "machine_opened_at", "clicked_at", "failed_at", "bounced_at")
#: Of those, the one that counts from any attempt, withdrawn or not.
FROM_ANY_ATTEMPT = ("bounced_at",)
#: Timestamps about the owner; kept on the campaign.
PER_CAMPAIGN = ("responded_at", "unsubscribed_at", "complained_at")
ALL_STAMPS = PER_ATTEMPT + PER_CAMPAIGN


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of fact means: the status it argues for, the timestamps it leaves, and what follows from it."""

    status: Status | None
    stamps: tuple[str, ...] = ()
    #: The provider reports about this mail, so it was accepted, whatever our ledger believes.
    evidence: bool = True
    suppresses: SuppressionReason | None = None
    #: One says nothing against the address; several, and nothing delivered between them, do.
    soft_bounce: bool = False


RULES: dict[Fact, Rule] = {
    Fact.ACCEPTED: Rule(Status.SENT, ("sent_at",)),
    Fact.REJECTED: Rule(Status.FAILED, ("failed_at",), evidence=False),
    Fact.PROCESSED: Rule(Status.SENT, ("sent_at",)),
    Fact.DEFERRED: Rule(Status.SENT, ("sent_at",)),
    Fact.DELIVERED: Rule(Status.DELIVERED, ("sent_at", "delivered_at")),
    Fact.DROPPED: Rule(Status.FAILED, ("sent_at", "failed_at")),
    Fact.BLOCKED: Rule(Status.FAILED, ("sent_at", "failed_at")),
    Fact.EXPIRED: Rule(Status.FAILED, ("sent_at", "failed_at"), soft_bounce=True),
    Fact.BOUNCED: Rule(Status.BOUNCED, ("sent_at", "bounced_at"), suppresses=SuppressionReason.BOUNCE),
    Fact.MACHINE_OPENED: Rule(Status.SENT, ("sent_at", "machine_opened_at")),
    Fact.OPENED: Rule(Status.OPENED, ("sent_at", "opened_at")),
    Fact.CLICKED: Rule(Status.CLICKED, ("sent_at", "opened_at", "clicked_at")),
    Fact.RESPONDED: Rule(Status.RESPONDED, ("sent_at", "responded_at")),
    Fact.UNSUBSCRIBED: Rule(
        Status.UNSUBSCRIBED, ("sent_at", "unsubscribed_at"), suppresses=SuppressionReason.UNSUBSCRIBE
    ),
    Fact.COMPLAINED: Rule(Status.COMPLAINED, ("sent_at", "complained_at"), suppresses=SuppressionReason.COMPLAINT),
    Fact.NOTED: Rule(None, evidence=False),
}


class Attempt(NamedTuple):
    """One attempt as the fold sees it."""

    step: int
    number: int
    stamps: Stamps
    withdrawn: bool = False


class Standing(NamedTuple):
    """Where a campaign stands: its status, and the timestamps that prove it."""

    status: Status
    stamps: Stamps


def clamp(reported: datetime | None, *, created_at: datetime, received_at: datetime) -> datetime:
    """Return the time a fact is given: its own, or `received_at` when its own cannot be true.

    Wire timestamps hold zeros, milliseconds, the year 9999 and test fixtures. A time earlier than a day before the
    campaign was created, or later than a day after the event arrived, is not believed.
    """
    day = timedelta(days=1)
    if reported is None or not created_at - day <= reported <= received_at + day:
        return received_at
    return reported


def note(stamps: Stamps, fact: Fact, at: datetime, among: Iterable[str] = ALL_STAMPS) -> Stamps:
    """Return `stamps` with those of `fact` that are in `among` added, the earliest time winning.

    What is returned is `stamps` itself when there is no news in it.
    """
    news = [name for name in RULES[fact].stamps if name in among and (name not in stamps or at < stamps[name])]
    return {**stamps, **dict.fromkeys(news, at)} if news else stamps


def merge(ours: Stamps, theirs: Stamps) -> Stamps:
    """Return the earliest time of each name in either; `ours` itself when `theirs` adds nothing."""
    news = {name: at for name, at in theirs.items() if name not in ours or at < ours[name]}
    return {**ours, **news} if news else ours


def fold(base: Status, lasting: Stamps, attempts: Iterable[Attempt]) -> Standing:
    """Derive where a campaign stands from everything known about it.

    Args:
        base: The rank-0 status a command gave it; holds while no fact counts.
        lasting: The campaign's own timestamps; only `PER_CAMPAIGN` names are read.
        attempts: Every attempt in the ledger, in any order.
    """
    stamps: Stamps = {name: lasting[name] for name in PER_CAMPAIGN if name in lasting}
    latest: dict[int, Attempt] = {}
    for attempt in attempts:
        for name in FROM_ANY_ATTEMPT:
            if name in attempt.stamps:
                stamps = merge(stamps, {name: attempt.stamps[name]})
        known = latest.get(attempt.step)
        if not attempt.withdrawn and (known is None or attempt.number > known.number):
            latest[attempt.step] = attempt
    for attempt in latest.values():
        stamps = merge(stamps, attempt.stamps) if stamps else attempt.stamps
    return Standing(status_of(base, stamps), stamps)


def status_of(base: Status, stamps: Stamps) -> Status:
    """Return the highest-ranking status that `stamps` argue for, or `base` when they argue for none."""
    return max((STATUS_OF[name] for name in stamps if name in STATUS_OF), key=RANK.__getitem__, default=base)


def transition(status: Status, fact: Fact) -> Status:
    """Return the status after one more fact about an attempt that counts; total over both enums."""
    argued = RULES[fact].status
    return status if argued is None or RANK[argued] <= RANK[status] else argued


def was_sent(status: Status) -> bool:
    """Tell whether SendGrid has taken the mail and it has not failed since: there is nothing left to send."""
    return RANK[status] > 0 and status is not Status.FAILED


def base_status(status: Status) -> Status:
    """Return the rank-0 status under `status`: what the campaign would be if none of its facts counted any more."""
    return status if RANK[status] == 0 else Status.SCHEDULED


class Command(StrEnum):
    """What a person or a program may ask of a campaign."""

    SEND = "send"
    CANCEL = "cancel"
    RESCHEDULE = "reschedule"
    RETRY = "retry"
    UPDATE = "update"
    HOLD = "hold"
    RELEASE = "release"


#: From which statuses each command is allowed. SEND answers "already sent" or "suppressed" by itself for the others.
ALLOWED: dict[Command, frozenset[Status]] = {
    Command.SEND: frozenset(Status) - {Status.CANCELLED},
    Command.CANCEL: frozenset({Status.SCHEDULED, Status.SUPPRESSED, Status.FAILED, Status.CANCELLED}),
    Command.RESCHEDULE: frozenset({Status.SCHEDULED, Status.CANCELLED, Status.FAILED}),
    Command.RETRY: frozenset({Status.FAILED}),
    Command.UPDATE: frozenset({Status.SCHEDULED, Status.SUPPRESSED, Status.CANCELLED, Status.FAILED}),
    Command.HOLD: frozenset({Status.SCHEDULED}),
    # A hold stays where a mail failed, or the campaign was called off: neither a retry nor a new time lifts it.
    Command.RELEASE: frozenset({Status.SCHEDULED, Status.SUPPRESSED, Status.CANCELLED, Status.FAILED}),
}


def require(command: Command, status: Status) -> None:
    """Raise `InvalidState` unless `command` fits `status`."""
    if status in ALLOWED[command]:
        return
    possible = ", ".join(sorted(ALLOWED[command]))
    fix = f"Only a campaign that is {possible} can be asked to {command}."
    if status is Status.CANCELLED:
        fix = "Reschedule it first: reschedule_campaign(campaign_id, tenant_id, scheduled_at)."
    raise errors.InvalidState(f"Cannot {command} a campaign that is {status}.", fix=fix)
