"""A person decides about a mail in doubt, having looked where no program can."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from enum import StrEnum

from orchestrator import errors
from orchestrator.domain.events import Fact
from orchestrator.domain.message import MessageState, OutreachMessage
from orchestrator.repository import Transaction, campaigns, in_doubt
from orchestrator.services.doubt import reconcile
from orchestrator.services.recording import facts
from orchestrator.services.sending import ledger

Begin = Callable[[], AbstractContextManager[Transaction]]


class Decision(StrEnum):
    """What the person found out."""

    #: SendGrid took it.
    SENT = "sent"
    #: It never arrived; another attempt is to be made.
    RESEND = "resend"


def resolve(
    begin: Begin,
    read: Begin,
    message_id: str,
    decision: Decision,
    *,
    tenant_id: str | None = None,
    by: str | None = None,
    why: str | None = None,
) -> campaigns.OutreachCampaign:
    """Decide about an attempt in doubt; who and why is kept in the campaign's history.

    Args:
        begin: Opens a write transaction.
        read: Opens a transaction that only reads.
        message_id: Our own id of the attempt.
        decision: What is to be true from now on.
        tenant_id: Whose attempt it must be; None: whosever it is.
        by: Who decides.
        why: What the decision rests on.

    Returns:
        The campaign as it is after that.

    Raises:
        AttemptNotFound: There is no such attempt.
        InvalidState: It is not in doubt.
    """
    with read() as tx:
        key = in_doubt.key_of(tx, message_id, tenant_id)
    if key is None:
        raise errors.AttemptNotFound(message_id)
    with begin() as tx:
        standings = ledger.locked(tx, key)
        attempt = next(attempt for attempt in standings.attempts(key) if attempt.id == message_id)
        if attempt.state is not MessageState.IN_DOUBT:
            raise errors.InvalidState(
                f"Attempt {message_id} is {attempt.state}, not in doubt: there is nothing to decide about it.",
                fix="`outreach doctor` lists the attempts that wait for a decision.",
            )
        if decision is Decision.SENT:
            facts.record(tx, _sent(attempt, by, why))
        else:
            reconcile.give_up(standings, attempt, tx.now(), "resolved", decision=str(decision), by=by, reason=why)
            facts.write(tx, standings)
        resolved = campaigns.get(tx, key)
    if resolved is None:
        raise errors.CampaignNotFound(key[1])
    return resolved


def _sent(attempt: OutreachMessage, by: str | None, why: str | None) -> list[facts.Report]:
    """Return what is written down: that somebody decides, now, and that it was sent, when it was handed over."""
    told = {"outreach_message_id": attempt.id, "decision": str(Decision.SENT), "by": by, "reason": why}
    known = {name: value for name, value in told.items() if value is not None}
    decided = facts.Report(
        tenant_id=attempt.tenant_id,
        campaign_id=attempt.campaign_id,
        message_id=attempt.id,
        fact=Fact.NOTED,
        event_type="resolved",
        dedupe_key=facts.own_key("resolved", attempt.id),
        data=known,
    )
    sent = replace(
        decided,
        fact=Fact.ACCEPTED,
        event_type="sent",
        dedupe_key=facts.own_key("accepted", attempt.id),
        data={"outreach_message_id": attempt.id, "attempt": attempt.attempt},
        occurred_at=attempt.handed_at,
    )
    return [decided, sent]
