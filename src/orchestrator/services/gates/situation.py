"""What gates look at, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import OutreachMessage
from orchestrator.domain.schedule import MissedRule
from orchestrator.repository.addresses import Address
from orchestrator.repository.tenants import Tenant


class Effect(StrEnum):
    """What a refusal does to the campaign."""

    #: Nothing: it passes when the cause ends, and others are not kept waiting by it.
    WAIT = "wait"
    #: It is due again later.
    LATER = "postponed"
    HELD = "held"
    SKIPPED = "skipped"
    SUPPRESSED = "suppressed"


#: Effects that take a campaign from where it stood in the queue.
MOVES = frozenset({Effect.LATER, Effect.HELD, Effect.SKIPPED, Effect.SUPPRESSED})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a campaign may not leave now, in words for a person, and what happens to it."""

    effect: Effect
    reason: str
    #: When it may leave, for `Effect.LATER`.
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything the gates look at. What only `explain` is told stays as it is here for those who claim."""

    campaign: OutreachCampaign
    now: datetime
    missed: MissedRule
    #: The least time between two mails to one address; zero: any.
    gap: timedelta = timedelta(0)
    address: Address | None = None
    #: Why its property or its owner's domain must not be written to, or None.
    covered: str | None = None
    tenant: Tenant | None = None
    #: Why nothing leaves through the sender's account, or None. Only for `explain`.
    account_pause: str | None = None
    #: What the law wants of the installation and it lacks, or None. Only for `explain`.
    compliance: str | None = None
    #: Mails per second that the account may send; None: no limit. Only for `explain`.
    rate: float | None = None
    attempts: Sequence[OutreachMessage] = field(default=())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says; ``at`` is when a closed one opens by itself, where that is known."""

    gate: str
    open: bool
    words: str
    effect: Effect | None = None
    at: datetime | None = None
