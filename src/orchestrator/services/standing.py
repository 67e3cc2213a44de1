"""Campaigns and their attempts in memory while facts are applied to them; knows what must be written afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from orchestrator.clock import new_id
from orchestrator.domain import lifecycle
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.events import Fact
from orchestrator.domain.message import LIVE_STATES, MessageState, OutreachMessage
from orchestrator.services.announcements import PUBLISHED, announcement

Key = tuple[str, str]

_WITHDRAWN = frozenset({MessageState.VOIDED, MessageState.SUPERSEDED})
_UNDECIDED = frozenset({MessageState.RESERVED, MessageState.HANDED, MessageState.IN_DOUBT})


class Noted(Protocol):
    """What a report must tell to be noted."""

    @property
    def key(self) -> Key: ...
    @property
    def fact(self) -> Fact: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def sendgrid_message_id(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def fills(self) -> Mapping[str, Any]: ...


class Standings:
    """The locked campaigns of one transaction, and what facts make of them."""

    def __init__(
        self, known: Mapping[Key, OutreachCampaign], attempts: Mapping[Key, Sequence[OutreachMessage]]
    ) -> None:
        self._before = dict(known)
        self._now = dict(known)
        self._attempts_before = {message.id: message for list_ in attempts.values() for message in list_}
        self._attempts: dict[Key, list[OutreachMessage]] = {key: list(attempts.get(key, ())) for key in known}
        #: (campaign, event type) of changes that are no provider's report.
        self.history: list[tuple[Key, str]] = []

    def __contains__(self, key: Key) -> bool:
        return key in self._now

    def campaign(self, key: Key) -> OutreachCampaign:
        return self._now[key]

    def attempts(self, key: Key) -> Sequence[OutreachMessage]:
        return self._attempts[key]

    def message_id_of(self, report: Noted) -> str | None:
        """Return the id of the attempt that `report` is about, or None when the ledger has none."""
        attempt = self._attempt_of(report)
        return attempt.id if attempt else None

    def note(self, report: Noted, at: datetime, now: datetime) -> None:
        """Apply one fact, which happened at `at`, to its campaign and its attempt."""
        key = report.key
        rule = lifecycle.RULES[report.fact]
        attempt = self._attempt_of(report)
        if attempt is None and rule.evidence:
            attempt = self._attempt_from_evidence(key, report.message_id, at)
        if attempt is not None:
            self._replace(key, self._noted(key, attempt, report, at, now))
        fills = dict(report.fills)
        if report.reason and rule.status in (OutreachStatus.FAILED, OutreachStatus.BOUNCED):
            fills["last_error"] = report.reason
        stamps = _stamps(self._now[key], lifecycle.PER_CAMPAIGN)
        self.restand(key, lifecycle.note(stamps, report.fact, at, lifecycle.PER_CAMPAIGN), fills)

    def restand(
        self, key: Key, lasting: lifecycle.Stamps | None = None, fills: Mapping[str, Any] | None = None
    ) -> None:
        """Derive the campaign's status and timestamps again from all that is known.

        Args:
            key: The campaign.
            lasting: Its own timestamps, where they are news.
            fills: Other columns that change with it.
        """
        campaign = self._now[key]
        standing = lifecycle.fold(
            lifecycle.base_status(campaign.status),
            _stamps(campaign, lifecycle.PER_CAMPAIGN) if lasting is None else lasting,
            [
                lifecycle.Attempt(m.step, m.attempt, _stamps(m, lifecycle.PER_ATTEMPT), m.state in _WITHDRAWN)
                for m in self._attempts[key]
            ],
        )
        changes: dict[str, Any] = dict(fills or ()) | dict.fromkeys(lifecycle.ALL_STAMPS) | dict(standing.stamps)
        changes |= {"status": standing.status, "sendgrid_message_id": self._sendgrid_id(key)}
        if standing.status is not OutreachStatus.SCHEDULED:
            changes["next_send_at"] = None
        if lifecycle.RANK[standing.status] > lifecycle.RANK[OutreachStatus.CLICKED]:
            self.withdraw_reserved(key)
        self._now[key] = campaign.evolve(**changes)

    def withdraw_reserved(self, key: Key) -> bool:
        """Void what was reserved and not yet handed to the network, so that it does not leave; say if there was any."""
        reserved = [attempt for attempt in self._attempts[key] if attempt.state is MessageState.RESERVED]
        for attempt in reserved:
            self.change_attempt(
                key, attempt.id, state=MessageState.VOIDED, error="withdrawn", lease_token=None, lease_until=None
            )
        return bool(reserved)

    def requeue(self, key: Key, at: datetime) -> None:
        """Make a campaign due at `at`, unless its facts decide otherwise or somebody holds it."""
        self.restand(key)
        if self._now[key].status is OutreachStatus.SCHEDULED:
            self.change(key, next_send_at=None if self._now[key].hold_reason else at)

    def suppress_scheduled(self, keys: Iterable[Key], reasons: Mapping[Key, str]) -> None:
        """Take campaigns off the queue whose address was just suppressed by a fact about another campaign."""
        for key in keys:
            campaign = self._now.get(key)
            if campaign is None or campaign.status is not OutreachStatus.SCHEDULED:
                continue
            reason = reasons.get((campaign.tenant_id, campaign.owner_address_key))
            if reason is not None:
                self.suppress(key, reason)

    def suppress(self, key: Key, reason: str) -> None:
        """Take a scheduled campaign off the queue, its address being suppressed; a failed retry is failed again."""
        self.withdraw_reserved(key)
        self.restand(key)
        if self._now[key].status is OutreachStatus.SCHEDULED:
            self.change(
                key, status=OutreachStatus.SUPPRESSED, next_send_at=None, last_error=f"address suppressed: {reason}"
            )
            self.history.append((key, "suppressed"))

    def change(self, key: Key, **columns: Any) -> None:
        """Change columns of a campaign by command."""
        self._now[key] = self._now[key].evolve(**columns)

    def change_attempt(self, key: Key, message_id: str, **columns: Any) -> None:
        """Change columns of one attempt."""
        for attempt in self._attempts[key]:
            if attempt.id == message_id:
                self._replace(key, replace(attempt, **columns))

    def new_attempts(self) -> list[OutreachMessage]:
        """Return attempts that must be written for the first time."""
        return [m for list_ in self._attempts.values() for m in list_ if m.id not in self._attempts_before]

    def add_attempt(self, attempt: OutreachMessage) -> None:
        """Enter a new attempt into the ledger."""
        self._attempts[attempt.tenant_id, attempt.campaign_id].append(attempt)

    def message_changes(self) -> list[tuple[Key, dict[str, Any]]]:
        """Return changed columns of changed attempts, keyed by (tenant, message)."""
        changes = []
        for list_ in self._attempts.values():
            for attempt in list_:
                before = self._attempts_before.get(attempt.id)
                if before is not None and (columns := _difference(before, attempt)):
                    changes.append(((attempt.tenant_id, attempt.id), columns))
        return changes

    def campaign_changes(self) -> list[tuple[Key, dict[str, Any]]]:
        """Return changed columns of changed campaigns."""
        pairs = ((key, _difference(self._before[key], campaign)) for key, campaign in self._now.items())
        return [(key, columns) for key, columns in pairs if columns]

    def count_changes(self) -> Counter[tuple[str, OutreachStatus]]:
        """Return by how much each (tenant, status) counter changes."""
        deltas: Counter[tuple[str, OutreachStatus]] = Counter()
        for key, campaign in self._now.items():
            before = self._before[key].status
            if before is not campaign.status:
                deltas[key[0], before] -= 1
                deltas[key[0], campaign.status] += 1
        return deltas

    def published(self) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """Return (tenant, CloudEvents) for every timestamp that was set for the first time."""
        by_tenant: dict[str, list[dict[str, Any]]] = {}
        for key, campaign in self._now.items():
            for name, type_ in PUBLISHED.items():
                at = getattr(campaign, name)
                if at is not None and getattr(self._before[key], name) is None:
                    by_tenant.setdefault(key[0], []).append(announcement(campaign, type_, at))
        return by_tenant.items()

    def announced(self, status: OutreachStatus) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """Return (tenant, CloudEvents) that tell of campaigns having `status` since they were created."""
        by_tenant: dict[str, list[dict[str, Any]]] = {}
        for key, campaign in self._now.items():
            if campaign.status is status:
                event = announcement(campaign, f"event.outreach.{status}", campaign.created_at)
                by_tenant.setdefault(key[0], []).append(event)
        return by_tenant.items()

    def _attempt_of(self, report: Noted) -> OutreachMessage | None:
        attempts = self._attempts[report.key]
        named = [attempt for attempt in attempts if attempt.id == report.message_id]
        return named[0] if named else max(attempts, key=lambda m: (m.step, m.attempt), default=None)

    def _attempt_from_evidence(self, key: Key, message_id: str | None, at: datetime) -> OutreachMessage:
        """Enter an attempt that our ledger does not know, for example after a restore: the provider knows better."""
        campaign = self._now[key]
        attempt = OutreachMessage(
            id=message_id or new_id(), tenant_id=key[0], campaign_id=key[1], step=campaign.step, attempt=1,
            state=MessageState.ACCEPTED, created_at=at, accepted_at=at, address_key=campaign.owner_address_key,
            subject=campaign.subject,
        )  # fmt: skip
        self.add_attempt(attempt)
        return attempt

    def _noted(self, key: Key, attempt: OutreachMessage, report: Noted, at: datetime, now: datetime) -> OutreachMessage:
        changes: dict[str, Any] = dict(
            lifecycle.note(_stamps(attempt, lifecycle.PER_ATTEMPT), report.fact, at, lifecycle.PER_ATTEMPT)
        )
        if attempt.sendgrid_message_id is None and report.sendgrid_message_id:
            changes["sendgrid_message_id"] = report.sendgrid_message_id
        if lifecycle.RULES[report.fact].evidence and self._proves(key, attempt, report.fact):
            changes |= {"state": MessageState.ACCEPTED, "lease_token": None, "lease_until": None}
            if attempt.accepted_at is None:
                changes["accepted_at"] = now
        if report.reason and report.fact in (Fact.REJECTED, Fact.DROPPED, Fact.BLOCKED, Fact.BOUNCED):
            changes["error"] = report.reason
        return replace(attempt, **changes)

    def _proves(self, key: Key, attempt: OutreachMessage, fact: Fact) -> bool:
        """Decide whether evidence makes `attempt` the accepted one, and withdraw what it makes superfluous."""
        if attempt.state is MessageState.ACCEPTED or attempt.state in _UNDECIDED:
            return True
        status = lifecycle.RULES[fact].status
        if attempt.state is MessageState.SUPERSEDED and (
            status is None or lifecycle.RANK[status] < lifecycle.REACHED_OWNER
        ):
            return False
        others = [other for other in self._attempts[key] if other.step == attempt.step and other.id != attempt.id]
        if any(other.state in LIVE_STATES and other.state is not MessageState.RESERVED for other in others):
            return False  # a second mail has left already: recorded, and counted as a duplicate
        self.withdraw_reserved(key)
        for other in others:
            if other.state is not MessageState.RESERVED and other.attempt > attempt.attempt:
                self._replace(key, replace(other, state=MessageState.SUPERSEDED))
        return True

    def _replace(self, key: Key, changed: OutreachMessage) -> None:
        self._attempts[key] = [changed if attempt.id == changed.id else attempt for attempt in self._attempts[key]]

    def _sendgrid_id(self, key: Key) -> str | None:
        known = [m for m in self._attempts[key] if m.sendgrid_message_id and m.state not in _WITHDRAWN]
        latest = max(known, key=lambda m: (m.step, m.attempt), default=None)
        return latest.sendgrid_message_id if latest else self._now[key].sendgrid_message_id


def _stamps(row: OutreachCampaign | OutreachMessage, names: Iterable[str]) -> lifecycle.Stamps:
    return {name: at for name in names if (at := getattr(row, name)) is not None}


def _difference(before: Any, after: Any) -> dict[str, Any]:
    if before is after:
        return {}
    return {name: new for name in type(after).__slots__ if (new := getattr(after, name)) != getattr(before, name)}
