"""May this campaign leave now? One ordered answer, for those who claim mail and for those who ask why it stays.

Every gate looks at a `Situation` and is pure; whoever claims reads the situation once for a whole batch. A row that a
gate refuses never stays at the head of the queue: `apply` moves it, or its whole tenant is passed over. `send_campaign`
is a person's decision about one mail: only suppression binds it, and a pause (services/sending/pacing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from orchestrator.domain import consent, memo_link
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.message import LIVE_STATES, MessageState
from orchestrator.domain.policy import Policy
from orchestrator.domain.schedule import MissedPolicy, MissedRule
from orchestrator.domain.suppression import stands_against
from orchestrator.repository import Transaction, addresses, tenants
from orchestrator.repository.addresses import Address, Gate
from orchestrator.repository.tenants import Tenant
from orchestrator.services.gates import words
from orchestrator.services.gates.situation import MOVES, Effect, Refusal, Situation, Verdict
from orchestrator.services.recording import holds, suppressing
from orchestrator.services.recording.standing import Key, Standings

__all__ = ["MOVES", "Effect", "Refusal", "Situation", "Verdict", "apply", "at_hand", "decide", "explain", "refusals"]

#: When a campaign looks again whose address gets another mail from the same claim: by then that one has left, or not.
SIBLING = timedelta(minutes=1)


def rule_of(tenant: Tenant | None, usual: MissedRule) -> MissedRule:
    """Return what holds for mail of `tenant` that missed its time; `usual` fills what the tenant leaves open."""
    if tenant is None:
        return usual
    after = usual.after if tenant.missed_after is None else timedelta(seconds=tenant.missed_after)
    return MissedRule(tenant.missed_policy or usual.policy, after)


def decide(situation: Situation) -> Refusal | None:
    """Say why a scheduled campaign may not be claimed now: what the first closed gate says. None: it may."""
    return next((refusal for _, gate, _ in _GATES if (refusal := gate(situation)) is not None), None)


def suppression(address: Address | None, covered: str | None, now: datetime) -> Refusal | None:
    """Say what the suppression list has against a mail; the one gate that also binds `send_campaign`.

    Args:
        address: What is known of the owner's address.
        covered: Why property or domain must not be written to.
        now: Entries that have ended by then do not count.
    """
    reason = address and address.suppressed(now)
    why = covered if reason is None else str(reason)
    return None if why is None else Refusal(Effect.SUPPRESSED, why)


def at_hand(gate: Gate, campaign_id: str, gap: timedelta, covered: str | None = None) -> Refusal | None:
    """Say why a claimed mail may not leave after all, from what its locked address says; None: it may.

    Args:
        gate: The address, which knows `campaign_id` as the last to write to it if it let that mail through.
        campaign_id: Whose mail it is.
        gap: The least time between two mails to one address.
        covered: Why property or domain must not be written to.
    """
    why = gate.suppression or covered
    if why is not None:
        return Refusal(Effect.SUPPRESSED, why)
    if gate.hold is not None:
        return _owner_held(gate.hold)
    return _too_soon(gate.last_handed_at, gate.last_campaign_id, campaign_id, gap)


def after_sibling(now: datetime) -> Refusal:
    """Make a mail wait until it is known what became of another one, to the same address, that goes first."""
    return Refusal(Effect.LATER, "another mail to this address is about to leave", now + SIBLING)


def _too_soon(handed_at: datetime | None, by: str | None, campaign_id: str, gap: timedelta) -> Refusal | None:
    if handed_at is None or not gap or by == campaign_id:
        return None
    after = handed_at + gap
    whose = "a mail" if by is None else f"a mail of campaign {by}"  # before 0003 nobody noted whose
    went = f"{whose} went to this address at {words.moment(handed_at)}"
    return Refusal(
        Effect.LATER, f"{went}; the next may leave {words.hours(gap)} later, at {words.moment(after)}", after
    )


def _owner_held(reason: str) -> Refusal:
    return Refusal(Effect.HELD, f"{holds.OWNER_HELD}{reason}")


def refusals(
    tx: Transaction,
    due: Mapping[Key, OutreachCampaign],
    known: Mapping[addresses.AddressKey, Address],
    policy: Policy,
) -> dict[Key, Refusal]:
    """Return why those of `due` may not be claimed that may not; under a cap, one of each address may.

    Args:
        tx: The transaction that holds their locks.
        due: Campaigns that are due, by (tenant_id, campaign_id).
        known: What is known of their addresses; one that is missing is unknown.
        policy: What holds for all mail.
    """
    decided = tenants.get_many(tx, {tenant_id for tenant_id, _ in due})
    rules = {tenant_id: rule_of(decided.get(tenant_id), policy.missed) for tenant_id, _ in due}
    covered = suppressing.covered(tx, due.values())
    refused: dict[Key, Refusal] = {}
    going: set[addresses.AddressKey] = set()
    for key, campaign in due.items():
        owner = (key[0], campaign.owner_address_key)
        refusal = decide(
            Situation(
                campaign=campaign,
                now=tx.now(),
                missed=rules[key[0]],
                gap=policy.gap,
                address=known.get(owner),
                covered=covered.get(key),
                tenant=decided.get(key[0]),
            )
        )
        if refusal is None and policy.capped and owner in going:
            refusal = after_sibling(tx.now())
        if refusal is None:
            going.add(owner)
        else:
            refused[key] = refusal
    return refused


def explain(situation: Situation) -> list[Verdict]:
    """Return what every gate says, in their order; the first that is closed decides."""
    verdicts = []
    for name, gate, said in _GATES:
        refusal = gate(situation)
        if refusal is None:
            verdicts.append(Verdict(name, True, said(situation)))
        else:
            said = stands_against(refusal.reason) if refusal.effect is Effect.SUPPRESSED else refusal.reason
            verdicts.append(Verdict(name, False, said, refusal.effect, refusal.at))
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
        standings.withdraw_reserved(key)
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
    return suppression(situation.address, situation.covered, situation.now)


def _hold(situation: Situation) -> Refusal | None:
    reason = situation.campaign.hold_reason
    return None if reason is None else Refusal(Effect.HELD, reason)


def _owner(situation: Situation) -> Refusal | None:
    if situation.address is None or situation.address.hold_reason is None:
        return None
    return _owner_held(situation.address.hold_reason)


def _compliance(situation: Situation) -> Refusal | None:
    return None if situation.compliance is None else Refusal(Effect.WAIT, situation.compliance)


def _consent(situation: Situation) -> Refusal | None:
    reason = consent.missing(situation.campaign.country, situation.campaign.consent_basis)
    return None if reason is None else Refusal(Effect.HELD, reason)


def _cap(situation: Situation) -> Refusal | None:
    address, due_at = situation.address, situation.campaign.next_send_at
    if address is None:
        return None
    refusal = _too_soon(address.last_handed_at, address.last_campaign_id, situation.campaign.id, situation.gap)
    if refusal is None or refusal.at is None:
        return None
    return refusal if refusal.at > max(situation.now, due_at or situation.now) else None


def _missed(situation: Situation) -> Refusal | None:
    due_at, rule = situation.campaign.next_send_at, situation.missed
    if due_at is None or not rule.missed(due_at, situation.now):
        return None
    effect = Effect.SKIPPED if rule.policy is MissedPolicy.SKIP else Effect.HELD
    return Refusal(effect, f"{holds.MISSED}it was due at {words.moment(due_at)}, more than {words.span(rule)} ago")


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
    return Refusal(Effect.LATER, f"it is due at {words.moment(due_at)}", due_at)


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


_Gate = Callable[[Situation], Refusal | None]
_Words = Callable[[Situation], str]

#: Name, gate, and what is said when it is open; in the order in which they are asked.
_GATES: tuple[tuple[str, _Gate, _Words], ...] = (
    ("status", _status, lambda _: "it is scheduled"),
    ("account", _account, lambda _: "the SendGrid account is not paused"),
    ("tenant", _tenant, lambda _: "the tenant is not paused"),
    ("suppression", _suppression, lambda _: "the address may be written to"),
    ("hold", _hold, lambda _: "nobody holds it"),
    ("owner", _owner, lambda _: "nothing the owner said holds it"),
    ("compliance", _compliance, lambda _: "nothing is missing that the law wants of the sender"),
    ("consent", _consent, words.consent_basis),
    ("address gap", _cap, words.address_gap),
    ("missed schedule", _missed, words.missed),
    ("memo link", _memo_link, words.link),
    ("due", _due, words.due),
    ("attempts", _attempts, lambda _: "no attempt is on its way"),
    ("rate", lambda _: None, words.rate),
)
