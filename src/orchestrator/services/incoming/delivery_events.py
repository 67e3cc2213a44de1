"""Provider events in: each finds its campaign, or is kept aside with the reason; all of a batch in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.domain.events import DeliveryEvent, Fact, MalformedEvent
from orchestrator.domain.message import NOBODY
from orchestrator.domain.text import header_line
from orchestrator.repository import Transaction, campaigns, events, in_doubt, messages, probes, specimens
from orchestrator.repository.specimens import Told
from orchestrator.services.recording import facts
from orchestrator.services.recording.facts import Report
from orchestrator.services.sending import pausing

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]
Incoming = DeliveryEvent | MalformedEvent

#: What is noted of a test mail: its way to the mailbox, and nothing that somebody does to it there.
_WAY = frozenset({Fact.DEFERRED, Fact.DELIVERED, Fact.DROPPED, Fact.BLOCKED, Fact.EXPIRED, Fact.BOUNCED})
#: From so many events on it is worth a word to the database what is going to be done.
_MANY = 50


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch. ``results`` holds, per event in order, the public answer of ``handle_webhook``."""

    received: int
    new: int
    duplicate: int
    unknown: int
    results: tuple[dict[str, str] | None, ...]


class DeliveryEvents:
    """Stores batches of provider events.

    Args:
        begin: Opens a write transaction.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    def ingest(self, batch: Sequence[Incoming]) -> Receipt:
        """Store `batch` and return what became of it; when this returns, everything is committed.

        An event the database cannot store is kept aside and costs none of the others.

        Raises:
            DatabaseUnreachable: Nothing was stored; the provider will send the batch again.
        """
        try:
            return self._ingest(batch)
        except errors.UnstorableData as error:
            log.warning("webhook batch has an unstorable event", action="webhook.one_by_one", reason=str(error))
        return _joined([self._ingest_alone(event) for event in batch])

    def _ingest(self, batch: Sequence[Incoming]) -> Receipt:
        try:
            return self._store(batch, believing=True)
        except facts.NotAsClaimed:
            return self._store(batch, believing=False)

    def _store(self, batch: Sequence[Incoming], *, believing: bool) -> Receipt:
        with self._begin() as tx:
            receipt, reported = _ingest(tx, batch, believing)
            news = in_doubt.worth_writing(tx, reported)
        if news:
            # After the commit, because senders wait for these rows. Should it fail, so does the batch: the provider
            # sends it again, and its events tell of the same mails although they are known by then.
            with self._begin() as tx:
                in_doubt.advance(tx, news)
        return receipt

    def _ingest_alone(self, event: Incoming) -> Receipt:
        # A transaction of its own: one over all of them would take locks in the order of arrival. If a later one
        # fails, the provider sends all of them again, and these are known by then.
        try:
            return self._ingest([event])
        except errors.UnstorableData as error:
            log.error("event kept aside", action="webhook.poison", reason=str(error))
            refused = MalformedEvent(
                raw={"unstorable": repr(event.raw)[:10_000]}, reason=str(error), dedupe_key=event.dedupe_key
            )
        return self._ingest([refused])


def _ingest(tx: Transaction, batch: Sequence[Incoming], believing: bool) -> tuple[Receipt, dict[str, datetime]]:
    """Store `batch`; return what became of it, and by account when the latest mail was handed over that it tells of.

    With `believing`, nothing is looked up for events that name their tenant, campaign and attempt themselves: what they
    say is as good as always true, and is seen to be before anything is written (`NotAsClaimed`).
    """
    resolved = [_check(event) for event in batch]
    reports: list[Report | None] = _resolve(tx, batch, resolved, believing)
    unknown = [
        (event, reason or "no campaign of this tenant")
        for event, reason, report in zip(batch, resolved, reports, strict=True)
        if report is None and not _is_nobodys(event)
    ]
    named = [report for report in reports if report is not None]
    recorded = facts.record(tx, named, then=lambda _: tx.update_by_keys() if len(named) >= _MANY else None)
    pausing.note_account_changes(tx, [event for event, _ in unknown])
    _keep_aside(tx, unknown)
    results = [_result(event, report, recorded.statuses) for event, report in zip(batch, reports, strict=True)]
    ours = [event for event in batch if isinstance(event, DeliveryEvent) and _is_nobodys(event)]
    specimens.tell(tx, filter(None, map(_told, ours)))
    reported = {**(probes.handed(tx, {event.message_id for event in ours}) if ours else {})}
    for account, at in recorded.reported_through.items():
        reported[account] = max(at, reported.get(account, at))
    known, new = len(batch) - len(unknown), len(recorded.new)
    return Receipt(len(batch), new, known - new, len(unknown), tuple(results)), reported


def _is_nobodys(event: Incoming) -> bool:
    """Whether `event` is of a mail of ours that belongs to no campaign: a probe, or a test mail."""
    return isinstance(event, DeliveryEvent) and event.campaign_id == NOBODY


def _told(event: DeliveryEvent) -> Told | None:
    """Return what an event says of a test mail's way; None: it is a probe's, or of something else."""
    tenant_id, message_id, at = event.tenant_id, event.message_id, event.occurred_at
    if tenant_id in (None, NOBODY) or message_id is None or at is None or event.fact not in _WAY:
        return None
    reason = None if event.fact is Fact.DELIVERED else event.reason  # that is the mailbox's "250 OK"
    return Told(tenant_id, message_id, event.fact, at, reason and header_line(reason))


def _joined(receipts: Sequence[Receipt]) -> Receipt:
    return Receipt(
        sum(r.received for r in receipts),
        sum(r.new for r in receipts),
        sum(r.duplicate for r in receipts),
        sum(r.unknown for r in receipts),
        tuple(result for receipt in receipts for result in receipt.results),
    )


def _check(event: Incoming) -> str | None:
    """Return why `event` cannot belong to any campaign, or None."""
    if isinstance(event, MalformedEvent):
        return event.reason
    if _is_nobodys(event):
        return "of no campaign"
    if event.event_type.startswith("unknown"):
        return "unknown event type"
    if not (event.message_id or event.campaign_id or event.sendgrid_message_id):
        return "carries none of our ids"
    return None


def _resolve(
    tx: Transaction, batch: Sequence[Incoming], refused: Sequence[str | None], believing: bool
) -> list[Report | None]:
    """Find the campaign and the attempt of each event: by our attempt's id, else our campaign's id, else SendGrid's id.

    Never by the address: an address has many campaigns, and a mail may have been forwarded.
    """
    wanted = [
        event
        for event, why in zip(batch, refused, strict=True)
        if why is None and isinstance(event, DeliveryEvent) and not (believing and _names_all(event))
    ]
    by_message = _by_message(tx, wanted)
    by_campaign = _by_campaign(tx, [e for e in wanted if (e.tenant_id, e.message_id) not in by_message])
    nameless = {e.sendgrid_message_id for e in wanted if e.sendgrid_message_id and not e.campaign_id}
    by_sendgrid = messages.by_sendgrid_id(tx, nameless)
    reports: list[Report | None] = []
    for event, why in zip(batch, refused, strict=True):
        if why is not None or not isinstance(event, DeliveryEvent):
            reports.append(None)
            continue
        if believing and event.tenant_id and event.campaign_id and event.message_id:
            reports.append(_report(event, event.tenant_id, event.campaign_id, event.message_id, claimed=True))
            continue
        found = by_message.get((event.tenant_id, event.message_id)) or by_campaign.get(
            (event.tenant_id, event.campaign_id)
        )
        if found is None and not event.campaign_id and event.sendgrid_message_id in by_sendgrid:
            tenant_id, campaign_id, message_id = by_sendgrid[event.sendgrid_message_id]
            found = (tenant_id, campaign_id, message_id) if event.tenant_id in (None, tenant_id) else None
        reports.append(_report(event, *found) if found else None)
    return reports


def _names_all(event: DeliveryEvent) -> bool:
    return bool(event.tenant_id and event.campaign_id and event.message_id)


def _by_message(
    tx: Transaction, wanted: Sequence[DeliveryEvent]
) -> dict[tuple[str | None, str | None], tuple[str, str, str | None]]:
    ids: dict[str, set[str]] = {}
    for event in wanted:
        if event.tenant_id and event.message_id:
            ids.setdefault(event.tenant_id, set()).add(event.message_id)
    return {
        (tenant_id, message_id): (tenant_id, campaign_id, message_id)
        for tenant_id, message_ids in ids.items()
        for message_id, campaign_id in messages.campaigns_of(tx, tenant_id, message_ids).items()
    }


def _by_campaign(
    tx: Transaction, wanted: Sequence[DeliveryEvent]
) -> dict[tuple[str | None, str | None], tuple[str, str, str | None]]:
    named = {(e.tenant_id, e.campaign_id) for e in wanted if e.tenant_id and e.campaign_id}
    known = campaigns.address_keys(tx, {(tenant, id_) for tenant, id_ in named if tenant and id_})
    found: dict[tuple[str | None, str | None], tuple[str, str, str | None]] = {
        key: (key[0], key[1], None) for key in known
    }
    orphaned = {e.campaign_id for e in wanted if e.campaign_id and not e.tenant_id}
    for campaign_id, (tenant_id, _) in campaigns.keys_by_id(tx, orphaned).items():
        found[None, campaign_id] = (tenant_id, campaign_id, None)
    return found


def _report(
    event: DeliveryEvent, tenant_id: str, campaign_id: str, message_id: str | None, *, claimed: bool = False
) -> Report:
    return Report(
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        message_id=message_id or event.message_id,
        fact=event.fact,
        event_type=event.event_type,
        dedupe_key=event.dedupe_key,
        data=event.raw,
        occurred_at=event.occurred_at,
        sendgrid_message_id=event.sendgrid_message_id,
        sg_event_id=event.sg_event_id,
        machine=event.machine,
        reason=event.reason,
        suppress=event.suppress,
        by_provider=True,
        claimed=claimed,
    )


def _result(event: Incoming, report: Report | None, statuses: Mapping[facts.Key, Any]) -> dict[str, str] | None:
    if report is None or not isinstance(event, DeliveryEvent):
        return None
    return {"campaign_id": report.campaign_id, "event_type": event.kind, "status": str(statuses[report.key])}


def _keep_aside(tx: Transaction, unknown: Sequence[tuple[Incoming, str]]) -> None:
    now = tx.now()
    rows = [
        {
            "id": new_id(),
            "tenant_id": getattr(event, "tenant_id", None),
            "kind": getattr(event, "kind", "malformed")[:80],
            "reason": reason[:500],
            "event_data": {"element": None} if event.raw is None else event.raw,  # a JSON null is no SQL NULL
            "received_at": now,
            "dedupe_key": event.dedupe_key,
        }
        for event, reason in unknown
    ]
    events.keep_unmatched(tx, rows)
