"""What follows from an owner's answer: for its campaign, for the owner's other mail, and for the address it came from.

Everything happens in the transaction that stores the answer, under the lock of the addresses: what is claimed or
reserved at that moment does not leave, and what was handed over before was on its way. The answer's own row is locked
first, then addresses, then campaigns, as everywhere (services/recording/facts.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from orchestrator import contracts, errors
from orchestrator.domain import lifecycle
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.events import Fact, SuppressionReason
from orchestrator.domain.reply import ReplyKind, ReplyLabel, interest
from orchestrator.domain.suppression import Kind, address_key
from orchestrator.domain.text import shortened
from orchestrator.repository import Transaction, addresses, campaigns, messages, outbox, suppressions
from orchestrator.repository.replies import Reply
from orchestrator.repository.suppressions import Entry, Subject
from orchestrator.services.recording import facts, holds, suppressing
from orchestrator.services.recording.announcements import PUBLISHED, announcement, with_more
from orchestrator.services.recording.facts import Report
from orchestrator.services.recording.standing import Key, Standings

#: Labels after which nothing may be written to the owner any more, and why.
SUPPRESSES = {
    ReplyLabel.OPT_OUT: SuppressionReason.UNSUBSCRIBE,
    ReplyLabel.LEGAL: SuppressionReason.UNSUBSCRIBE,
    ReplyLabel.WRONG_PERSON: SuppressionReason.WRONG_PERSON,
}
#: Of those, the ones that are about whoever wrote, from whichever address.
_ABOUT_THE_WRITER = frozenset({ReplyLabel.OPT_OUT, ReplyLabel.LEGAL})
_BY_MAIL = "mail:opt_out"
#: Characters of an answer that its campaign's history repeats.
_EXCERPT = 500


def owner_key(tx: Transaction, key: Key, message_id: str | None) -> str | None:
    """Return the canonical address that the answered mail went to; None when there is no such campaign.

    Where the ledger does not know that mail, it is the address of the campaign's present owner.
    """
    owner = campaigns.address_keys(tx, [key]).get(key)
    if owner is None or message_id is None:
        return owner
    return messages.address_keys(tx, [(key[0], message_id)]).get((key[0], message_id), owner)


def answer(tx: Transaction, reply: Reply, at: datetime | None, is_interested: bool | None = None) -> OutreachStatus:
    """Do what a stored answer of any kind demands; return where its campaign stands then.

    Args:
        tx: The transaction, in which the answer was stored.
        reply: The answer, which belongs to a campaign.
        at: When it was written; None: now.
        is_interested: Of a person's answer, whether the owner wants to go on talking; None: it does not say.

    Raises:
        CampaignNotFound: Its campaign is gone.
    """
    if reply.kind == ReplyKind.HUMAN:
        return _from_a_person(tx, reply, at, is_interested)
    via = {"via": "mail", "reply_id": reply.id}
    if reply.kind == ReplyKind.OPT_OUT:
        opted_out = _report(reply, Fact.UNSUBSCRIBED, "unsubscribed", via, occurred_at=at, source=_BY_MAIL)
        return _follow(tx, reply, [opted_out], _beside(tx, reply, SuppressionReason.UNSUBSCRIBE, _BY_MAIL))
    if reply.kind == ReplyKind.COMPLAINT:
        return _follow(tx, reply, [_report(reply, Fact.COMPLAINED, "complained", via, occurred_at=at)])
    # Whatever answers by itself proves that the mail was sent; it says no more.
    known = {name: reply.details.get(name) for name in ("evidence", "returns_on", "status", "recipient")}
    told = {"reply_id": reply.id, "kind": reply.kind} | {name: value for name, value in known.items() if value}
    return _follow(tx, reply, [_report(reply, Fact.PROCESSED, "auto_reply", told, occurred_at=at)])


def relabelled(tx: Transaction, reply: Reply, before: str | None, by: str | None) -> OutreachStatus:
    """Do what the new label of a person's answer demands; what the old one did is not undone.

    Raises:
        CampaignNotFound: Its campaign is gone.
    """
    label = ReplyLabel(str(reply.label))
    told = {"reply_id": reply.id, "from": before, "to": str(label), "by": by}
    judged = _report(
        reply,
        Fact.NOTED,
        "reply_labelled",
        {name: value for name, value in told.items() if value is not None},
        dedupe_key=facts.own_key("reply_labelled", reply.id, label, tx.now()),
        fills={"is_interested": interest(label)},
    )
    return _follow_label(tx, reply, judged, interest(label), corrected=True)


def _from_a_person(tx: Transaction, reply: Reply, at: datetime | None, is_interested: bool | None) -> OutreachStatus:
    told = {
        "reply_id": reply.id,
        "label": reply.label,
        "words": reply.rule_words or [],
        "is_interested": is_interested,
        "text": shortened(reply.text, _EXCERPT),
    }
    fills = {"response_text": reply.text} | ({} if is_interested is None else {"is_interested": is_interested})
    responded = _report(reply, Fact.RESPONDED, "responded", told, occurred_at=at, fills=fills)
    return _follow_label(tx, reply, responded, is_interested, corrected=False)


def _follow_label(
    tx: Transaction, reply: Reply, what: Report, is_interested: bool | None, *, corrected: bool
) -> OutreachStatus:
    """Record `what` and all that the reply's label demands beside it; then tell the platform."""
    campaign = campaigns.get(tx, what.key)
    if campaign is None:
        raise errors.CampaignNotFound(what.campaign_id)
    label = ReplyLabel(str(reply.label))
    source, reason = f"reply:{label}", SUPPRESSES.get(label)
    reports = [replace(what, source=source)]
    if label is ReplyLabel.OPT_OUT:
        via = {"via": "reply", "reply_id": reply.id}
        more: dict[str, Any] = {"occurred_at": what.occurred_at, "source": source}
        if corrected:  # it may have been said before, and taken off the list since
            more["dedupe_key"] = facts.own_key("unsubscribed", "reply", reply.id, tx.now())
        reports.append(_report(reply, Fact.UNSUBSCRIBED, "unsubscribed", via, **more))
    elif reason is not None:
        reports[0] = replace(reports[0], suppress=reason)
    beside = _beside(tx, reply, reason, source) if reason and label in _ABOUT_THE_WRITER else []
    if label is ReplyLabel.SOLD:
        beside.append(_entry(tx, reply, Kind.PROPERTY, campaign.property_id, SuppressionReason.SOLD, source))
    held = None if reply.released_at else f"replied {tx.now():%Y-%m-%d} ({label})"
    status = _follow(tx, reply, reports, beside, held)
    at = lifecycle.clamp(what.occurred_at, created_at=campaign.created_at, received_at=tx.now())
    told = {"reply_id": reply.id, "label": str(label), "is_interested": is_interested, "corrected": corrected}
    event = announcement(campaign, PUBLISHED["responded_at"], tx.now() if corrected else at, status)
    outbox.add(tx, campaign.tenant_id, [with_more(event, **told)])
    return status


def _follow(
    tx: Transaction, reply: Reply, reports: Sequence[Report], beside: Sequence[Entry] = (), hold: str | None = None
) -> OutreachStatus:
    """Record `reports` together with what happens to other campaigns.

    Args:
        tx: The transaction.
        reply: The answer that they tell of.
        reports: What is to be recorded about its campaign.
        beside: What else must not be written to.
        hold: Why the owner's other mail waits from now on, or None.
    """
    key = reports[0].key
    owner = (key[0], reply.address_key or owner_key(tx, key, reply.message_id) or "")
    suppressed = {(e.tenant_id, e.value): str(e.reason) for e in beside if e.kind is Kind.ADDRESS}
    addresses.lock(tx, {owner, *suppressed})
    siblings = campaigns.scheduled_to(tx, key[0], [name for _, name in {owner, *suppressed}])
    if hold is not None and addresses.get_many(tx, [owner])[owner].hold_reason is None:
        addresses.hold(tx, owner, hold)
    suppressions.add(tx, beside)

    def then(standings: Standings) -> None:
        standings.suppress_scheduled(siblings, suppressed)
        if hold is not None:
            _hold_others(standings, siblings, owner[1], f"{holds.OWNER_HELD}{hold}")

    statuses = facts.record(tx, reports, also=siblings, then=then).statuses
    if key not in statuses:
        raise errors.CampaignNotFound(key[1])
    return statuses[key]


def _hold_others(standings: Standings, keys: Iterable[Key], address: str, reason: str) -> None:
    """Hold those of `keys` that still wait to be written to `address`; who is held already stays so, for its reason."""
    statuses = standings.statuses()
    for key in keys:
        if statuses.get(key) is not OutreachStatus.SCHEDULED:
            continue
        campaign = standings.campaign(key)
        if campaign.owner_address_key == address and campaign.hold_reason is None:
            holds.hold(standings, key, reason)


def _beside(tx: Transaction, reply: Reply, reason: SuppressionReason, source: str) -> list[Entry]:
    """The address a mail came from, where that is not the one we wrote to: whoever wants no mail wants none there."""
    try:
        written_from = address_key(contracts.parse_email("from", reply.from_email))
    except errors.ValidationError:
        return []
    if written_from == reply.address_key:
        return []
    return [_entry(tx, reply, Kind.ADDRESS, written_from, reason, source)]


def _entry(tx: Transaction, reply: Reply, kind: Kind, value: str, reason: SuppressionReason, source: str) -> Entry:
    subject = Subject(str(reply.tenant_id), kind, value)
    return suppressing.entry(subject, reason, suppressing.source_of(source, str(reply.campaign_id)), tx.now())


def _report(reply: Reply, fact: Fact, event_type: str, data: dict[str, Any], **more: Any) -> Report:
    more.setdefault("dedupe_key", facts.own_key(event_type, "reply", reply.id))
    return Report(
        tenant_id=str(reply.tenant_id),
        campaign_id=str(reply.campaign_id),
        message_id=reply.message_id,
        fact=fact,
        event_type=event_type,
        data=data,
        **more,
    )
