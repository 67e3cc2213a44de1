"""Campaigns and their attempts in memory while facts are applied to them; knows what must be written afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from orchestrator.clock import new_id
from orchestrator.domain import lifecycle, suppression
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.cloudevents import WrittenEvent
from orchestrator.domain.events import Fact
from orchestrator.domain.message import HELD_IN_DOUBT, MessageState, OutreachMessage
from orchestrator.repository.campaigns import LeanCampaign
from orchestrator.repository.messages import LeanMessage
from orchestrator.services.recording import evidence
from orchestrator.services.recording.announcements import PUBLISHED, TOLD_APART, announcement, with_more
from orchestrator.services.recording.draft import Draft

Key = tuple[str, str]
_Campaign = Draft[OutreachCampaign | LeanCampaign]
_Attempt = evidence.Attempt

_FAILURES = frozenset({Fact.REJECTED, Fact.DROPPED, Fact.BLOCKED, Fact.EXPIRED, Fact.BOUNCED})
#: Statuses of a mail that is on its way or has arrived, with nothing wrong.
_WELL = frozenset({OutreachStatus.SENT, OutreachStatus.DELIVERED, OutreachStatus.OPENED, OutreachStatus.CLICKED})
_NO_STAMPS = dict.fromkeys(lifecycle.ALL_STAMPS)


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
    def by_provider(self) -> bool: ...
    @property
    def fills(self) -> Mapping[str, Any]: ...
    @property
    def tells(self) -> Mapping[str, str]: ...


class Standings:
    """The locked campaigns of one transaction, and what facts make of them.

    Args:
        known: The campaigns, read whole or lean; lean ones cannot be asked for by `campaign`.
        attempts: Every attempt of each, in any order.
    """

    def __init__(
        self,
        known: Mapping[Key, OutreachCampaign | LeanCampaign],
        attempts: Mapping[Key, Sequence[OutreachMessage | LeanMessage]],
    ) -> None:
        self._campaigns: dict[Key, _Campaign] = {key: Draft(c, lifecycle.PER_CAMPAIGN) for key, c in known.items()}
        self._attempts: dict[Key, list[_Attempt]] = {
            key: [Draft(m, lifecycle.PER_ATTEMPT) for m in attempts.get(key, ())] for key in known
        }
        self._by_id: dict[str | None, _Attempt] = {
            draft.before.id: draft for drafts in self._attempts.values() for draft in drafts
        }
        self._new: list[_Attempt] = []
        #: What is published of an opt-out beyond that it happened, by campaign.
        self._told: dict[Key, Mapping[str, str]] = {}
        #: (campaign, event type, data) of changes that are no provider's report.
        self.history: list[tuple[Key, str, dict[str, Any]]] = []

    def __contains__(self, key: Key) -> bool:
        return key in self._campaigns

    def has_attempt(self, key: Key, message_id: str | None) -> bool:
        """Tell whether an attempt is one of a campaign's."""
        known = self._by_id.get(message_id)
        return known is not None and (known.before.tenant_id, known.before.campaign_id) == key

    def campaign(self, key: Key) -> OutreachCampaign:
        return self._campaigns[key].whole

    def attempts(self, key: Key) -> Sequence[OutreachMessage]:
        return [attempt.whole for attempt in self._attempts[key]]

    def statuses(self) -> dict[Key, OutreachStatus]:
        """Return where each campaign stands now."""
        return {key: campaign["status"] for key, campaign in self._campaigns.items()}

    def reported_through(self) -> dict[str, datetime]:
        """Return, by account, when the latest of these mails was handed over that the provider has reported about."""
        latest: dict[str, datetime] = {}
        for attempt in (attempt for attempts in self._attempts.values() for attempt in attempts):
            account, handed_at = attempt.before.account, attempt.before.handed_at
            if account is None or handed_at is None or attempt["reported_at"] is None:
                continue
            if account not in latest or handed_at > latest[account]:
                latest[account] = handed_at
        return latest

    def created_at(self, key: Key) -> datetime:
        """Return when a campaign was created."""
        return self._campaigns[key].before.created_at

    def property_id(self, key: Key) -> str:
        """Return the property a campaign is about."""
        return self._campaigns[key].before.property_id

    def message_id_of(self, report: Noted) -> str | None:
        """Return the id of the attempt that `report` is about, or None when the ledger has none."""
        attempt = self._attempt_of(report)
        return attempt.before.id if attempt else None

    def note(self, reports: Iterable[tuple[Noted, datetime]], now: datetime) -> None:
        """Apply facts, each with the moment it happened at, to their attempts and campaigns, in whatever order.

        Where a campaign stands is derived once, after all of its facts.
        """
        for key in dict.fromkeys([self._note(report, at, now) for report, at in reports]):
            self.restand(key)

    def _note(self, report: Noted, at: datetime, now: datetime) -> Key:
        key, rule = report.key, lifecycle.RULES[report.fact]
        campaign = self._campaigns[key]
        attempt = self._attempt_of(report)
        if attempt is None and rule.evidence:
            attempt = self._attempt_from_evidence(key, report.message_id, at)
        if attempt is not None:
            self._note_on_attempt(key, attempt, report, at, now)
        campaign.stamp(lifecycle.note(campaign.stamps, report.fact, at, lifecycle.PER_CAMPAIGN))
        if report.fills:
            campaign.change(report.fills)
        if report.tells:
            self._told.setdefault(key, report.tells)
        if report.reason and rule.status in (OutreachStatus.FAILED, OutreachStatus.BOUNCED):
            campaign.change({"last_error": report.reason})
        return key

    def restand(self, key: Key) -> None:
        """Derive the campaign's status and timestamps again from all that is known."""
        campaign, attempts = self._campaigns[key], self._attempts[key]
        if len(attempts) > 1:
            self._tell_all(key, evidence.reinstate(attempts))
        if campaign["hold_reason"] == HELD_IN_DOUBT and not any(a["state"] is MessageState.IN_DOUBT for a in attempts):
            campaign.change({"hold_reason": None})
        standing = lifecycle.fold(
            lifecycle.base_status(campaign["status"]), campaign.stamps, map(evidence.as_folded, attempts)
        )
        derived: dict[str, Any] = {**_NO_STAMPS, **standing.stamps, "status": standing.status}
        derived["sendgrid_message_id"] = self._sent_as(key)
        if standing.status is not OutreachStatus.SCHEDULED:
            derived["next_send_at"] = None
        if standing.status in _WELL and _had_trouble(campaign, attempts):
            derived["last_error"] = None  # what it was about is over
        campaign.change(derived)
        if campaign["hold_reason"] is not None and lifecycle.was_sent(standing.status):
            campaign.change({"hold_reason": None})  # it was on its way already when it was held
        if lifecycle.RANK[standing.status] > lifecycle.RANK[OutreachStatus.CLICKED]:
            self.withdraw_reserved(key)

    def withdraw_reserved(self, key: Key) -> bool:
        """Void what was reserved and not yet handed over, so that it does not leave; say if there was any."""
        return evidence.withdraw_reserved(self._attempts[key])

    def requeue(self, key: Key, at: datetime) -> None:
        """Make a campaign due at `at`, unless its facts decide otherwise or somebody holds it."""
        self.restand(key)
        campaign = self._campaigns[key]
        if campaign["status"] is OutreachStatus.SCHEDULED:
            campaign.change({"next_send_at": None if campaign["hold_reason"] else at})

    def suppress_scheduled(self, keys: Iterable[Key], reasons: Mapping[Key, str]) -> None:
        """Take campaigns off the queue whose address was just suppressed by a fact about another campaign."""
        for key in keys:
            campaign = self._campaigns.get(key)
            if campaign is None or campaign["status"] is not OutreachStatus.SCHEDULED:
                continue
            reason = reasons.get((key[0], campaign["owner_address_key"]))
            if reason is not None:
                self.suppress(key, reason)

    def suppress(self, key: Key, reason: str) -> None:
        """Take a scheduled campaign off the queue, for the suppression list says so; a failed retry is failed again."""
        self.withdraw_reserved(key)
        self.restand(key)
        if self._campaigns[key]["status"] is OutreachStatus.SCHEDULED:
            self.change(
                key, status=OutreachStatus.SUPPRESSED, next_send_at=None, last_error=suppression.last_error(reason)
            )
            self.tell(key, "suppressed", reason=reason)

    def change(self, key: Key, **columns: Any) -> None:
        """Change columns of a campaign by command."""
        self._campaigns[key].change(columns)

    def tell(self, key: Key, what: str, **data: Any) -> None:
        """Enter into a campaign's history that `what` happened by our own doing; None leaves a datum out."""
        self.history.append((key, what, {name: value for name, value in data.items() if value is not None}))

    def _tell_all(self, key: Key, told: Iterable[evidence.Told]) -> None:
        for what, message_id, reason in told:
            self.tell(key, what, outreach_message_id=message_id, reason=reason)

    def change_attempt(self, key: Key, message_id: str, **columns: Any) -> None:
        """Change columns of one attempt."""
        for attempt in self._attempts[key]:
            if attempt.before.id == message_id:
                attempt.change(columns)

    def new_attempts(self) -> list[OutreachMessage]:
        """Return attempts that must be written for the first time."""
        return [attempt.whole for attempt in self._new]

    def add_attempt(self, attempt: OutreachMessage) -> None:
        """Enter a new attempt into the ledger."""
        draft: _Attempt = Draft(attempt, lifecycle.PER_ATTEMPT)
        self._new.append(draft)
        self._by_id[attempt.id] = draft
        self._attempts[attempt.tenant_id, attempt.campaign_id].append(draft)

    def message_changes(self) -> list[tuple[Key, dict[str, Any]]]:
        """Return changed columns of changed attempts, keyed by (tenant, message)."""
        new = {id(attempt) for attempt in self._new}
        return [
            ((key[0], attempt.before.id), attempt.changes)
            for key, attempts in self._attempts.items()
            for attempt in attempts
            if attempt.changes and id(attempt) not in new
        ]

    def campaign_changes(self) -> list[tuple[Key, dict[str, Any]]]:
        """Return changed columns of changed campaigns."""
        return [(key, campaign.changes) for key, campaign in self._campaigns.items() if campaign.changes]

    def count_changes(self) -> Counter[tuple[str, OutreachStatus]]:
        """Return by how much each (tenant, status) counter changes."""
        deltas: Counter[tuple[str, OutreachStatus]] = Counter()
        for key, campaign in self._campaigns.items():
            if "status" in campaign.changes:
                deltas[key[0], campaign.before.status] -= 1
                deltas[key[0], campaign.changes["status"]] += 1
        return deltas

    def published(self) -> Iterable[tuple[str, list[WrittenEvent]]]:
        """Return (tenant, CloudEvents) for every timestamp that was set for the first time."""
        by_tenant: dict[str, list[WrittenEvent]] = {}
        for key, campaign in self._campaigns.items():
            before, changes = campaign.before, campaign.changes
            for name in [name for name in PUBLISHED if name in changes and name not in TOLD_APART]:
                if changes[name] is not None and getattr(before, name) is None:
                    event = announcement(before, PUBLISHED[name], changes[name], campaign["status"])
                    if name == "unsubscribed_at":
                        event = with_more(event, **self._told.get(key, {}))
                    by_tenant.setdefault(key[0], []).append(event)
        return by_tenant.items()

    def _attempt_of(self, report: Noted) -> _Attempt | None:
        if self.has_attempt(report.key, report.message_id):
            return self._by_id[report.message_id]
        return max(self._attempts[report.key], key=evidence.order, default=None)

    def _attempt_from_evidence(self, key: Key, message_id: str | None, at: datetime) -> _Attempt:
        """Enter an attempt that our ledger does not know, for example after a restore: the provider knows better."""
        campaign = self._campaigns[key]
        self.add_attempt(
            OutreachMessage(
                id=message_id or new_id(), tenant_id=key[0], campaign_id=key[1], step=campaign["step"], attempt=1,
                state=MessageState.ACCEPTED, created_at=at, accepted_at=at, address_key=campaign["owner_address_key"],
                subject=campaign["subject"],
            )
        )  # fmt: skip
        return self._new[-1]

    def _note_on_attempt(self, key: Key, attempt: _Attempt, report: Noted, at: datetime, now: datetime) -> None:
        attempt.stamp(lifecycle.note(attempt.stamps, report.fact, at, lifecycle.PER_ATTEMPT))
        if report.sendgrid_message_id and attempt["sendgrid_message_id"] is None:
            attempt.change({"sendgrid_message_id": report.sendgrid_message_id})
        if lifecycle.RULES[report.fact].evidence:
            if report.by_provider and attempt["reported_at"] is None:
                attempt.change({"reported_at": now})
            self._tell_all(key, evidence.note(self._attempts[key], attempt, report.fact, now))
        if report.reason and report.fact in _FAILURES:
            attempt.change({"error": report.reason})

    def _sent_as(self, key: Key) -> str | None:
        known = [a for a in self._attempts[key] if a["sendgrid_message_id"] and not evidence.is_withdrawn(a)]
        return max(known, key=evidence.order, default=self._campaigns[key])["sendgrid_message_id"]


def _had_trouble(campaign: _Campaign, attempts: Sequence[_Attempt]) -> bool:
    """Say whether a campaign that was not sent until now may have an error to forget."""
    waited = campaign.before.status in (OutreachStatus.SCHEDULED, OutreachStatus.FAILED)
    return waited and (len(attempts) > 1 or any(a.before.state is MessageState.IN_DOUBT for a in attempts))
