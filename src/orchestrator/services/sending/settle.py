"""The send ledger's last move: writing down what came of a POST."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.domain import lifecycle
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.events import Fact
from orchestrator.domain.message import Accepted, MessageState, NotSent, OutreachMessage, Rejected, Unknown
from orchestrator.repository import Transaction, addresses, campaigns, messages
from orchestrator.services.recording import facts
from orchestrator.services.recording.standing import Standings
from orchestrator.services.sending import ledger
from orchestrator.services.sending.ledger import Claim


@dataclass(frozen=True, slots=True)
class Back:
    """A mail that goes back into the queue; due after `delay`, or as before when that is None."""

    claimed: Claim
    reason: str
    delay: timedelta | None = None


def accepted(tx: Transaction, outcomes: Sequence[tuple[Claim, Accepted]]) -> None:
    """Write down that SendGrid has these mails. A 202 is a fact: it counts whoever holds the lease by now."""
    facts.record(tx, [report_accepted(claimed.message, outcome) for claimed, outcome in outcomes])


def first_news(tx: Transaction, outcomes: Sequence[tuple[Claim, Accepted]]) -> list[tuple[Claim, Accepted]]:
    """Write down the outcomes that are the first news of their campaigns; return the others, for `accepted`.

    That is nearly all of them, and `accepted` would come to the same end (a test compares the two): the attempt
    is still handed and ours, the campaign scheduled, so there is no earlier fact that this one has to be weighed with.
    The others want a transaction of their own: counters are locked last, and once.
    """
    keys = {(c.message.tenant_id, c.message.campaign_id) for c, _ in outcomes}
    statuses = campaigns.lock_statuses(tx, keys)
    first = [
        (claimed.message, outcome.message_id)
        for claimed, outcome in outcomes
        if statuses.get((claimed.message.tenant_id, claimed.message.campaign_id)) is OutreachStatus.SCHEDULED
    ]
    rule = lifecycle.RULES[Fact.ACCEPTED]
    ours = messages.accept_many(tx, first, rule.stamps)
    facts.write_first(
        tx,
        [(c.campaign, report_accepted(c.message, outcome)) for c, outcome in outcomes if c.message.id in ours],
    )
    return [(claimed, outcome) for claimed, outcome in outcomes if claimed.message.id not in ours]


def report_accepted(message: OutreachMessage, outcome: Accepted) -> facts.Report:
    """Return the fact that SendGrid took an attempt."""
    return facts.Report(
        tenant_id=message.tenant_id,
        campaign_id=message.campaign_id,
        message_id=message.id,
        fact=Fact.ACCEPTED,
        event_type="sent",
        dedupe_key=facts.own_key("accepted", message.id),
        data={"outreach_message_id": message.id, "attempt": message.attempt, "x_message_id": outcome.message_id},
        sendgrid_message_id=outcome.message_id,
    )


def failed(tx: Transaction, claimed: Claim, outcome: NotSent | Rejected) -> bool:
    """Write down that the mail did not go out; False when evidence or another worker has decided otherwise."""
    message, address = claimed.message, (claimed.message.tenant_id, claimed.campaign.owner_address_key)
    addresses.lock(tx, [address])
    campaigns.lock_many(tx, [(message.tenant_id, message.campaign_id)])
    state = MessageState.NOT_SENT if isinstance(outcome, NotSent) else MessageState.REJECTED
    if not messages.release(tx, message, state, outcome.reason, outcome_known=True):
        return False
    addresses.forget_last(tx, {address: message.campaign_id})  # others need not wait because of it
    report = facts.Report(
        tenant_id=message.tenant_id,
        campaign_id=message.campaign_id,
        message_id=message.id,
        fact=Fact.REJECTED,
        event_type="failed",
        dedupe_key=facts.own_key("failed", message.id),
        data={"outreach_message_id": message.id, "status": outcome.status, "reason": outcome.reason},
        reason=outcome.reason,
    )
    facts.record(tx, [report])
    return True


def unknown(tx: Transaction, claimed: Claim, outcome: Unknown) -> bool:
    """Write down that nobody knows, unless others doubt it already; False when evidence has decided meanwhile."""
    key = (claimed.message.tenant_id, claimed.message.campaign_id)
    standings = ledger.locked(tx, key)
    if not messages.release(tx, claimed.message, MessageState.IN_DOUBT, outcome.reason):
        found = standings.attempts(key)
        return any(message.id == claimed.message.id and message.state is MessageState.IN_DOUBT for message in found)
    standings.change(key, last_error=outcome.reason)
    standings.tell(key, "in_doubt", reason=outcome.reason)
    facts.write(tx, standings)
    return True


def give_back(tx: Transaction, claimed: Claim, reason: str, delay: timedelta | None = None) -> None:
    """Put a mail that was certainly not sent back where it was: due after `delay`, due as before, or failed."""
    give_back_all(tx, [Back(claimed, reason, delay)])


def give_back_all(tx: Transaction, backs: Iterable[Back]) -> None:
    """Put mails that were certainly not sent back where they were: due later, due as before, or failed."""
    by_key = {(back.claimed.message.tenant_id, back.claimed.message.campaign_id): back for back in backs}
    known = campaigns.lock_many(tx, by_key)
    ours = {
        key: back
        for key, back in by_key.items()
        if key in known
        and messages.release(tx, back.claimed.message, MessageState.VOIDED, back.reason, outcome_known=True)
    }
    standings = Standings({key: known[key] for key in ours}, messages.of_campaigns(tx, ours))
    for key, back in ours.items():
        before = back.claimed.due_at or back.claimed.campaign.scheduled_at or tx.now()
        standings.requeue(key, before if back.delay is None else tx.now() + back.delay)
        standings.change(key, last_error=back.reason)
    facts.write(tx, standings)
