"""Writing facts about campaigns: the one way anything that happened gets into the database.

A fact becomes, in one transaction: an event row (once, however often it is reported), the timestamps of its attempt,
the campaign's status by `lifecycle.fold`, a suppression where the fact says so, outbox events for news, and counters.
Locks are taken in the order address → campaign → message → counter, each sorted, so writers never wait in a circle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from orchestrator.clock import new_id
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.events import Fact, Scope, SuppressionReason
from orchestrator.domain.lifecycle import RULES, clamp, transition
from orchestrator.domain.suppression import Kind
from orchestrator.repository import Transaction, addresses, campaigns, events, messages, outbox, statistics
from orchestrator.repository.engine import by_tenant
from orchestrator.repository.suppressions import Subject
from orchestrator.services.recording import suppressing
from orchestrator.services.recording.announcements import PUBLISHED, announcements
from orchestrator.services.recording.standing import Standings

Key = tuple[str, str]


@dataclass(slots=True, kw_only=True)  # not frozen: thousands are made a second, and that costs three times as much
class Report:
    """One fact about one campaign, as somebody reports it.

    ``message_id`` names the attempt; None means the latest. ``dedupe_key`` is the same for every report of the same
    fact. ``occurred_at`` is the reporter's time, or None.
    """

    tenant_id: str
    campaign_id: str
    fact: Fact
    event_type: str
    dedupe_key: str
    data: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    message_id: str | None = None
    sendgrid_message_id: str | None = None
    sg_event_id: str | None = None
    machine: bool = False
    reason: str | None = None
    suppress: SuppressionReason | None = None
    #: Of a report that suppresses: the mail's address, or the campaign's property.
    scope: Scope = Scope.ADDRESS
    #: Who says that nothing may be written any more; None: the event type says it.
    source: str | None = None
    #: Whether the mail's provider says so, and not we.
    by_provider: bool = False
    #: Whether nobody has looked yet if there is such a campaign, and if the attempt is one of its own.
    claimed: bool = False
    #: Columns of the campaign this fact also fills, for example ``response_text``.
    fills: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.tenant_id, self.campaign_id)

    @property
    def suppression(self) -> SuppressionReason | None:
        """Why the address, or the property, must not be written to after this, or None."""
        return self.suppress or RULES[self.fact].suppresses

    @property
    def judges_address(self) -> bool:
        """Whether this may bring a suppression about, so that the address is locked for it."""
        return bool(self.suppression) or RULES[self.fact].soft_bounce

    @property
    def tells(self) -> dict[str, str]:
        """What the published event says beyond what all of them say."""
        if self.fact is not Fact.UNSUBSCRIBED:
            return {}
        return {"scope": str(self.scope), "reason": str(self.suppression)}

    @property
    def origin(self) -> str:
        """What is said of the origin of a suppression that this report brings about."""
        return suppressing.source_of(self.source or self.event_type, self.campaign_id)


def own_key(*parts: str | int | datetime) -> str:
    """Return the dedupe key of a fact we report ourselves, for example ("accepted", message id)."""
    return sha256("\0".join(["outreach", *map(str, parts)]).encode()).hexdigest()


class NotAsClaimed(Exception):
    """A report names a campaign and an attempt that do not belong together, or that there are not."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of reports: the positions of those that were new, and where each campaign stands now."""

    new: frozenset[int]
    statuses: dict[Key, OutreachStatus]
    #: By account, when the latest of these mails was handed over that the provider has ever reported about.
    reported_through: dict[str, datetime]


def record(
    tx: Transaction,
    reports: Sequence[Report],
    *,
    also: Iterable[Key] = (),
    then: Callable[[Standings], None] = lambda _: None,
) -> Recorded:
    """Write `reports`, each at most once. Those about campaigns that do not exist are left out.

    Args:
        tx: The transaction.
        reports: What happened.
        also: Other campaigns, to be locked with those of the reports, for `then`.
        then: Where a report was new, changes what follows from it for other campaigns; written with everything else.

    Raises:
        NotAsClaimed: What a report claims of itself is not true; nothing was written, and some rows are locked.
    """
    locked = lock_addresses(tx, reports)
    touched = [locked[position] for position in locked if reports[position].scope is Scope.ADDRESS]
    siblings = [key for tenant_id, names in by_tenant(touched) for key in campaigns.scheduled_to(tx, tenant_id, names)]
    created_since = {r.key for position, r in enumerate(reports) if r.judges_address and position not in locked}
    known = campaigns.lock_lean(tx, {report.key for report in reports} - created_since | {*siblings, *also})
    standings = Standings(known, messages.lean_of_campaigns(tx, known))
    if not all(standings.has_attempt(report.key, report.message_id) for report in reports if report.claimed):
        raise NotAsClaimed
    times = _times(reports, standings, tx.now())
    new = _store(tx, reports, times, standings)
    if new:
        standings.note(((reports[position], times[position]) for position in new), tx.now())
        reasons = _suppress(tx, {position: reports[position] for position in new}, locked, standings)
        standings.suppress_scheduled(siblings, reasons)
        then(standings)
        write(tx, standings)
    return Recorded(frozenset(new), standings.statuses(), standings.reported_through())


def write(tx: Transaction, standings: Standings) -> None:
    """Write what changed in `standings`: attempts, campaigns, history, outbox and, last, the counters."""
    messages.write(tx, standings.message_changes(), standings.new_attempts())
    campaigns.update(tx, standings.campaign_changes())
    events.insert_new(tx, [history(tx, *told) for told in standings.history])
    for tenant_id, published in standings.published():
        outbox.add(tx, tenant_id, published)
    statistics.count(tx, standings.count_changes())


def write_first(tx: Transaction, news: Sequence[tuple[OutreachCampaign, Report]]) -> None:
    """Write a fact, the same for all, about campaigns that nothing was known of and whose attempts are written.

    Args:
        tx: The transaction, which has locked the campaigns and found them scheduled.
        news: Each campaign as it was claimed, and the report; it happened now.
    """
    if not news:
        return
    now, fact = tx.now(), news[0][1].fact
    rule, status = RULES[fact], transition(OutreachStatus.SCHEDULED, fact)
    stamps = dict.fromkeys(rule.stamps, now)
    common = {"status": status, "next_send_at": None, **stamps}
    campaigns.update(tx, [(r.key, {**common, "sendgrid_message_id": r.sendgrid_message_id}) for _, r in news])
    events.insert_new(tx, [_event(report, report.message_id, now, now) for _, report in news])
    told = [PUBLISHED[name] for name in PUBLISHED if name in stamps]
    for tenant_id, group in _by_tenant([campaign for campaign, _ in news]):
        outbox.add(tx, tenant_id, [one for type_ in told for one in announcements(group, type_, now, status)])
    moved: Counter[tuple[str, OutreachStatus]] = Counter()
    for campaign, _ in news:
        moved[campaign.tenant_id, OutreachStatus.SCHEDULED] -= 1
        moved[campaign.tenant_id, status] += 1
    statistics.count(tx, moved)


def _by_tenant(named: Iterable[OutreachCampaign]) -> Iterable[tuple[str, list[OutreachCampaign]]]:
    groups: dict[str, list[OutreachCampaign]] = {}
    for campaign in named:
        groups.setdefault(campaign.tenant_id, []).append(campaign)
    return groups.items()


def lock_addresses(tx: Transaction, reports: Sequence[Report]) -> dict[int, Key]:
    """Lock the addresses that `reports` may stop mail to; return {position of the report: (tenant, address key)}.

    What a mail met concerns the address it went to; a report that names no mail concerns the campaign's present owner.
    """
    wanted = {position: report for position, report in enumerate(reports) if report.judges_address}
    owners = campaigns.address_keys(tx, {report.key for report in wanted.values()})
    named = {(report.tenant_id, report.message_id) for report in wanted.values() if report.message_id}
    recipients = messages.address_keys(tx, named)
    locked = {
        position: (report.tenant_id, recipients.get((report.tenant_id, report.message_id or ""), owners[report.key]))
        for position, report in wanted.items()
        if report.key in owners
    }
    addresses.lock(tx, locked.values())
    return locked


def _suppress(
    tx: Transaction, new: Mapping[int, Report], locked: Mapping[int, Key], standings: Standings
) -> dict[Key, str]:
    """Enter into the suppression list what the `new` reports say; return {address: reason} of those suppressed."""
    entries, soft = [], {}
    for position, report in new.items():
        reason, (tenant_id, address) = report.suppression, locked.get(position, ("", ""))
        if reason and report.scope is Scope.PROPERTY:
            subject = Subject(tenant_id, Kind.PROPERTY, standings.property_id(report.key))
            entries.append(suppressing.entry(subject, reason, report.origin, tx.now()))
        elif reason:
            subject = Subject(tenant_id, Kind.ADDRESS, address)
            entries.append(suppressing.entry(subject, reason, report.origin, tx.now()))
        elif RULES[report.fact].soft_bounce:
            soft[tenant_id, address] = report.origin
    entries += suppressing.unreachable(tx, soft) if soft else []
    return suppressing.enter(tx, entries) if entries else {}


def _times(reports: Sequence[Report], standings: Standings, now: datetime) -> dict[int, datetime]:
    """Return when each of `reports` about a known campaign happened, by its position."""
    return {
        position: clamp(report.occurred_at, created_at=standings.created_at(report.key), received_at=now)
        for position, report in enumerate(reports)
        if report.key in standings
    }


def _store(
    tx: Transaction, reports: Sequence[Report], times: Mapping[int, datetime], standings: Standings
) -> list[int]:
    """Insert the event rows of `reports`; return the positions of those that were new, in order."""
    now = tx.now()
    rows = {
        position: _event(report, standings.message_id_of(report), at, now)
        for position, at in times.items()
        for report in (reports[position],)
    }
    stored = events.insert_new(tx, list(rows.values()))
    return [position for position, row in rows.items() if row.id in stored]


def _event(report: Report, message_id: str | None, at: datetime, now: datetime) -> events.OutreachEvent:
    return events.OutreachEvent(
        id=new_id(),
        tenant_id=report.tenant_id,
        campaign_id=report.campaign_id,
        message_id=message_id,
        event_type=report.event_type,
        event_data=report.data,
        occurred_at=at,
        received_at=now,
        dedupe_key=report.dedupe_key,
        machine=report.machine,
        sg_event_id=report.sg_event_id,
    )


def history(tx: Transaction, key: Key, what: str, data: dict[str, Any] | None = None) -> events.OutreachEvent:
    """Return the event that tells of something we did ourselves, now: what, and what is to be known of it."""
    now = tx.now()
    return events.OutreachEvent(
        id=new_id(),
        tenant_id=key[0],
        campaign_id=key[1],
        message_id=(data or {}).get("outreach_message_id"),
        event_type=what,
        event_data=data or {},
        occurred_at=now,
        received_at=now,
        dedupe_key=own_key(what, *key, now, (data or {}).get("outreach_message_id", "")),
    )
