"""May this campaign leave now? One ordered answer, for those who claim mail and for those who ask why it stays.

Every gate looks at a `Situation` and is pure; whoever claims reads the situation once for a whole batch. A row that a
gate refuses never stays at the head of the queue: `apply` moves it, or its whole tenant is passed over. `send_campaign`
is a person's decision about one mail: only suppression binds it, and a pause (services/pacing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.domain import memo_link
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.message import LIVE_STATES, MessageState, OutreachMessage
from orchestrator.domain.schedule import MissedPolicy, MissedRule
from orchestrator.repository import Transaction, addresses, tenants
from orchestrator.repository.addresses import Address, Gate
from orchestrator.repository.tenants import Tenant
from orchestrator.services import holds
from orchestrator.services.standing import Key, Standings


class Effect(StrEnum):
    """What a refusal does to the campaign."""

    #: Nothing: it passes when the cause ends, and others are not kept waiting by it.
    WAIT = "wait"
    #: It is due again later.
    LATER = "later"
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
    """Everything the gates look at."""

    campaign: OutreachCampaign
    now: datetime
    missed: MissedRule
    address: Address | None = None
    tenant: Tenant | None = None
    #: Why nothing leaves through the sender's account, or None.
    account_pause: str | None = None
    attempts: Sequence[OutreachMessage] = field(default=())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says."""

    gate: str
    open: bool
    words: str
    effect: Effect | None = None


def rule_of(tenant: Tenant | None, usual: MissedRule) -> MissedRule:
    """Return what holds for mail of `tenant` that missed its time; `usual` fills what the tenant leaves open."""
    if tenant is None:
        return usual
    after = usual.after if tenant.missed_after is None else timedelta(seconds=tenant.missed_after)
    return MissedRule(tenant.missed_policy or usual.policy, after)


def decide(situation: Situation) -> Refusal | None:
    """Say why a scheduled campaign may not be claimed now: what the first closed gate says. None: it may."""
    return next((refusal for _, gate, _ in _GATES if (refusal := gate(situation)) is not None), None)


def suppression(address: Address | None) -> Refusal | None:
    """Say why an address must not be written to; the one gate that also binds `send_campaign`."""
    if address is None or address.suppressed_at is None:
        return None
    return Refusal(Effect.SUPPRESSED, str(address.suppression_reason))


def at_hand(gate: Gate) -> Refusal | None:
    """Say why a claimed mail may not leave after all, from what its locked address says; None: it may."""
    if gate.suppression is not None:
        return Refusal(Effect.SUPPRESSED, gate.suppression)
    return None if gate.hold is None else _owner_held(gate.hold)


def _owner_held(reason: str) -> Refusal:
    return Refusal(Effect.HELD, f"{holds.OWNER_HELD}{reason}")


def refusals(
    tx: Transaction,
    due: Mapping[Key, OutreachCampaign],
    known: Mapping[addresses.AddressKey, Address],
    usual: MissedRule,
) -> dict[Key, Refusal]:
    """Return why those of `due` may not be claimed that may not.

    Args:
        tx: The transaction that holds their locks.
        due: Campaigns that are due, by (tenant_id, campaign_id).
        known: What is known of their addresses; one that is missing is unknown.
        usual: What happens to mail that missed its time, where a tenant has not decided otherwise.
    """
    decided = tenants.get_many(tx, {tenant_id for tenant_id, _ in due})
    rules = {tenant_id: rule_of(decided.get(tenant_id), usual) for tenant_id, _ in due}
    refused: dict[Key, Refusal] = {}
    for key, campaign in due.items():
        refusal = decide(
            Situation(
                campaign=campaign,
                now=tx.now(),
                missed=rules[key[0]],
                address=known.get((key[0], campaign.owner_address_key)),
                tenant=decided.get(key[0]),
            )
        )
        if refusal is not None:
            refused[key] = refusal
    return refused


def explain(situation: Situation) -> list[Verdict]:
    """Return what every gate says, in their order; the first that is closed decides."""
    verdicts = []
    for name, gate, words in _GATES:
        refusal = gate(situation)
        if refusal is None:
            verdicts.append(Verdict(name, True, words(situation)))
        else:
            prefix = "the address must not be written to: " if refusal.effect is Effect.SUPPRESSED else ""
            verdicts.append(Verdict(name, False, prefix + refusal.reason, refusal.effect))
    return verdicts


def apply(standings: Standings, key: Key, refusal: Refusal) -> None:
    """Do to a locked campaign what a gate's refusal says."""
    if refusal.effect is Effect.SUPPRESSED:
        standings.suppress(key, refusal.reason)
    elif standings.campaign(key).status is not OutreachStatus.SCHEDULED:
        return  # called off between the claim and the hand-over
    elif refusal.effect is Effect.HELD:
        holds.hold(standings, key, refusal.reason)
    elif refusal.effect is Effect.SKIPPED:
        holds.skip(standings, key, refusal.reason)
    elif refusal.effect is Effect.LATER and refusal.at is not None:
        standings.requeue(key, refusal.at)


def _status(situation: Situation) -> Refusal | None:
    status = situation.campaign.status
    if status is OutreachStatus.SCHEDULED:
        return None
    return Refusal(Effect.WAIT, f"its status is {status}: only what is scheduled goes out by itself")


def _account(situation: Situation) -> Refusal | None:
    if situation.account_pause is None:
        return None
    return Refusal(Effect.WAIT, f"the SendGrid account is paused: {situation.account_pause}")


def _tenant(situation: Situation) -> Refusal | None:
    if situation.tenant is None or situation.tenant.paused_at is None:
        return None
    return Refusal(Effect.WAIT, f"the tenant is paused: {situation.tenant.pause_reason}")


def _suppression(situation: Situation) -> Refusal | None:
    return suppression(situation.address)


def _hold(situation: Situation) -> Refusal | None:
    if situation.campaign.hold_reason is not None:
        return Refusal(Effect.HELD, situation.campaign.hold_reason)
    if situation.address is not None and situation.address.hold_reason is not None:
        return _owner_held(situation.address.hold_reason)
    return None


def _missed(situation: Situation) -> Refusal | None:
    due_at, rule = situation.campaign.next_send_at, situation.missed
    if due_at is None or not rule.missed(due_at, situation.now):
        return None
    effect = Effect.SKIPPED if rule.policy is MissedPolicy.SKIP else Effect.HELD
    return Refusal(effect, f"{holds.MISSED}it was due at {_moment(due_at)}, more than {_span(rule)} ago")


def _memo_link(situation: Situation) -> Refusal | None:
    reason = memo_link.problem(situation.campaign.memo_url, situation.now, memo_link.LAST_CALL)
    return None if reason is None else Refusal(Effect.HELD, reason)


def _due(situation: Situation) -> Refusal | None:
    due_at = situation.campaign.next_send_at
    if due_at is None:
        waits = situation.campaign.status is OutreachStatus.SCHEDULED
        why = " while it is held, or a mail of it is on its way" if waits else ""
        return Refusal(Effect.WAIT, f"it has no time to go out at{why}")
    if due_at <= situation.now:
        return None
    return Refusal(Effect.LATER, f"it is due at {_moment(due_at)}", due_at)


def _attempts(situation: Situation) -> Refusal | None:
    for message in situation.attempts:
        if message.step == situation.campaign.step and message.state in LIVE_STATES:
            return Refusal(Effect.WAIT, _ATTEMPT_WORDS[message.state].format(message=message))
    return None


_ATTEMPT_WORDS = {
    MessageState.RESERVED: "attempt {message.attempt} is claimed by a worker and about to leave",
    MessageState.HANDED: "attempt {message.attempt} is being sent",
    MessageState.IN_DOUBT: "nobody knows whether attempt {message.attempt} was sent: {message.error}",
    MessageState.ACCEPTED: "attempt {message.attempt} was sent",
}


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _span(rule: MissedRule) -> str:
    seconds = int(rule.after.total_seconds())
    unit, size = next(((name, size) for name, size in (("h", 3600), ("min", 60)) if seconds % size == 0), ("s", 1))
    return f"{seconds // size} {unit}"


def _missed_words(situation: Situation) -> str:
    rule = situation.missed
    if rule.policy is MissedPolicy.SEND:
        return "what missed its time is sent late"
    return f"it has not missed its time, which it would more than {_span(rule)} late (then: {rule.policy})"


def _memo_words(situation: Situation) -> str:
    end = memo_link.expires_at(situation.campaign.memo_url)
    return "the memo link has no end that can be read" if end is None else f"the memo link works until {_moment(end)}"


def _due_words(situation: Situation) -> str:
    due_at = situation.campaign.next_send_at
    return "" if due_at is None else f"it has been due since {_moment(due_at)}"


_Gate = Callable[[Situation], Refusal | None]
_Words = Callable[[Situation], str]

#: Name, gate, and what is said when it is open; in the order in which they are asked.
_GATES: tuple[tuple[str, _Gate, _Words], ...] = (
    ("status", _status, lambda _: "it is scheduled"),
    ("account", _account, lambda _: "the SendGrid account is not paused"),
    ("tenant", _tenant, lambda _: "the tenant is not paused"),
    ("suppression", _suppression, lambda _: "the address may be written to"),
    ("hold", _hold, lambda _: "nobody holds it"),
    ("missed schedule", _missed, _missed_words),
    ("memo link", _memo_link, _memo_words),
    ("due", _due, _due_words),
    ("attempts", _attempts, lambda _: "no attempt is on its way"),
)
