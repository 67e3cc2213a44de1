"""Opting out by link: whoever holds the link of a mail may stop mail to its address, and think better of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.events import Fact, Scope, SuppressionReason
from orchestrator.domain.suppression import Kind
from orchestrator.repository import Transaction, campaigns, events, messages, outbox, suppressible, suppressions
from orchestrator.repository.events import OutreachEvent
from orchestrator.repository.suppressions import Entry, Subject
from orchestrator.services.composing.reply_address import OPT_OUT_PURPOSE
from orchestrator.services.recording import facts, suppressing
from orchestrator.services.recording.announcements import PUBLISHED, RESUBSCRIBED, announcement, with_more
from orchestrator.services.recording.standing import Key, Standings
from orchestrator.tokens import Signer

Begin = Callable[[], AbstractContextManager[Transaction]]
#: For how long what was chosen on the page can be undone there.
UNDO = timedelta(minutes=10)
UNSUBSCRIBED, UNDONE = "unsubscribed", "opt_out_undone"
#: How an opt-out came: by a mailbox provider's button (RFC 8058), or by our own page.
ONE_CLICK, PAGE = "one_click", "page"


class Choice(StrEnum):
    """What our page lets people choose."""

    ALL = "all"
    PROPERTY = "property"
    SOLD = "sold"
    WRONG_PERSON = "wrong_person"


_MEANS = {
    Choice.ALL: (Scope.ADDRESS, SuppressionReason.UNSUBSCRIBE),
    Choice.PROPERTY: (Scope.PROPERTY, SuppressionReason.UNSUBSCRIBE),
    Choice.SOLD: (Scope.PROPERTY, SuppressionReason.SOLD),
    Choice.WRONG_PERSON: (Scope.ADDRESS, SuppressionReason.WRONG_PERSON),
}


@dataclass(frozen=True, slots=True)
class OptOuts:
    """Reads and executes opt-out links. `signer` returns the signer that made them."""

    begin: Begin
    read: Begin
    signer: Callable[[], Signer]

    def find(self, token: str) -> OutreachCampaign | None:
        """Return the campaign whose mail carried `token`, or None; changes nothing."""
        ids = self._ids(token)
        if ids is None:
            return None
        tenant_id, campaign_id, _ = ids
        with self.read() as tx:
            return campaigns.get(tx, (tenant_id, campaign_id))

    def opt_out(self, token: str, choice: str | None = None) -> bool:
        """Stop the mail that `token` stands for; repeating it changes nothing.

        Args:
            token: Of an opt-out link.
            choice: What was chosen on our page, a `Choice`; any other text stops all mail of the tenant to the address.
                None: a mailbox provider's one-click POST, which does too.

        Returns:
            Whether the token is one of ours. Callers on the network answer the same either way.
        """
        ids = self._ids(token)
        if ids is None:
            return False
        with self.begin() as tx:
            return _opt_out(tx, ids, choice)

    def undo(self, token: str) -> bool:
        """Take back what was chosen on our page in the last ten minutes, and nothing else.

        Opt-outs that came by another way, and other reasons not to write, stay.

        Returns:
            Whether the token is one of ours. Callers on the network answer the same either way.
        """
        ids = self._ids(token)
        if ids is None:
            return False
        with self.begin() as tx:
            return _undo(tx, ids)

    def _ids(self, token: str) -> tuple[str, str, str] | None:
        """Return (tenant, campaign, message) of a token of ours; None for anything else, whatever it is."""
        if not isinstance(token, str):
            return None
        try:
            tenant_id, campaign_id, message_id = self.signer().verify(OPT_OUT_PURPOSE, token)
        except (errors.TokenError, ValueError):
            return None
        return tenant_id, campaign_id, message_id


def _opt_out(tx: Transaction, ids: tuple[str, str, str], choice: str | None) -> bool:
    tenant_id, campaign_id, message_id = ids
    chosen = Choice(choice) if choice in list(Choice) else Choice.ALL
    scope, reason = _MEANS[chosen]
    via = ONE_CLICK if choice is None else PAGE
    report = facts.Report(
        tenant_id=tenant_id, campaign_id=campaign_id, message_id=message_id, fact=Fact.UNSUBSCRIBED,
        event_type=UNSUBSCRIBED, dedupe_key="", scope=scope, suppress=reason,
        data={"via": via, "choice": str(chosen), "scope": str(scope), "reason": str(reason),
              "outreach_message_id": message_id},
    )  # fmt: skip
    # Locked before anything is looked up: an undo at the same moment is over then, or has not begun.
    locked = facts.lock_addresses(tx, [report])
    before = campaigns.get(tx, (tenant_id, campaign_id))
    if before is None:
        return False
    told: list[str | int] = ["link", campaign_id]
    if via == PAGE:
        undone = sum(e.event_type == UNDONE for e in _history(tx, (tenant_id, campaign_id)))
        told = [PAGE, campaign_id, chosen, undone]
    about = Subject(tenant_id, Kind(scope), before.property_id if scope is Scope.PROPERTY else locked[0][1])
    lifted = sum(one.source == report.origin for one in suppressions.lifted_from(tx, about))
    if lifted:  # the owner had agreed again, and opts out once more: that is no repetition
        told.append(f"again {lifted}")
    report = replace(report, dedupe_key=facts.own_key(UNSUBSCRIBED, *told))
    recorded = facts.record(tx, [report])
    if recorded.new and before.unsubscribed_at is not None:  # it was told of before, but not of this
        _announce(tx, before, PUBLISHED["unsubscribed_at"], recorded.statuses[report.key], report.tells)
    return True


def _undo(tx: Transaction, ids: tuple[str, str, str]) -> bool:
    key, campaign = ids[:2], campaigns.get(tx, ids[:2])
    if campaign is None:
        return False
    recipient = messages.address_keys(tx, [(ids[0], ids[2])]).get((ids[0], ids[2]), campaign.owner_address_key)
    people = {recipient, campaign.owner_address_key}
    suppressing.lock(tx, [Subject(key[0], Kind.ADDRESS, person) for person in people])
    history = _history(tx, key)
    standing = _standing(history)
    voided = [e for e in standing if e.event_data.get("via") == PAGE and e.received_at > tx.now() - UNDO]
    if not voided:
        return True
    rest = [e for e in standing if e not in voided]
    asked = [Subject(key[0], Kind.ADDRESS, person) for person in sorted(people)]
    asked.append(Subject(key[0], Kind.PROPERTY, campaign.property_id))
    waiting = suppressible.to_addresses(tx, key[0], people, OutreachStatus.SUPPRESSED)
    locked = campaigns.lock_many(tx, {key, *waiting})
    standings = Standings(locked, messages.of_campaigns(tx, locked))
    suppressions.remove(tx, _entries(tx, asked, key, voided, rest), why="undone on the opt-out page", by="the owner")
    _void(tx, standings, key, rest)
    suppressing.put_back(tx, standings, waiting)
    events.insert_new(tx, [_undone(tx, key, voided, history)])
    facts.write(tx, standings)
    _announce(tx, campaign, RESUBSCRIBED, standings.statuses()[key], {})
    return True


def _history(tx: Transaction, key: Key) -> list[OutreachEvent]:
    return events.of_types(tx, key, (UNSUBSCRIBED, UNDONE))


def _standing(history: Sequence[OutreachEvent]) -> list[OutreachEvent]:
    """Return the opt-outs of a campaign that have not been undone."""
    gone = {id_ for e in history if e.event_type == UNDONE for id_ in e.event_data.get("voided", ())}
    return [e for e in history if e.event_type == UNSUBSCRIBED and e.id not in gone]


def _implied(event: OutreachEvent) -> tuple[str, str]:
    """Return what an opt-out stopped, and the reason its entry has; a provider's says neither."""
    data: dict[str, Any] = event.event_data
    if data.get("via") not in (ONE_CLICK, PAGE):
        return Scope.ADDRESS, SuppressionReason.UNSUBSCRIBE
    return data["scope"], data["reason"]


def _entries(
    tx: Transaction, asked: Sequence[Subject], key: Key, voided: Sequence[OutreachEvent], rest: Sequence[OutreachEvent]
) -> list[Entry]:
    """Return the entries that only the `voided` opt-outs of a campaign stand for."""
    source = suppressing.source_of(UNSUBSCRIBED, key[1])
    lifted = [(str(s.kind), one) for s in asked for one in suppressions.lifted_from(tx, s) if one.source == source]
    stand = [  # an opt-out that was taken off the list since stands for nothing there
        e for e in rest
        if all(_implied(e) != (kind, str(one.reason)) or one.lifted_at <= e.received_at for kind, one in lifted)
    ]  # fmt: skip
    over = {_implied(e) for e in voided} - {_implied(e) for e in stand}
    return [e for e in suppressions.about(tx, asked) if e.source == source and (str(e.kind), str(e.reason)) in over]


def _void(tx: Transaction, standings: Standings, key: Key, rest: Sequence[OutreachEvent]) -> None:
    """Let a campaign stand where the opt-outs that are left put it; should it never have left, it is due again."""
    standings.change(key, unsubscribed_at=min((e.occurred_at for e in rest), default=None))
    standings.restand(key)
    campaign = standings.campaign(key)
    if campaign.status is OutreachStatus.SCHEDULED:
        # It may be suppressed for something else, which the caller's look at what waits will find.
        standings.change(key, status=OutreachStatus.SUPPRESSED)
        suppressing.put_back(tx, standings, [key])


def _undone(
    tx: Transaction, key: Key, voided: Sequence[OutreachEvent], history: Sequence[OutreachEvent]
) -> OutreachEvent:
    count, now = sum(e.event_type == UNDONE for e in history), tx.now()
    data = {"via": PAGE, "voided": [e.id for e in voided]}
    return OutreachEvent(
        id=new_id(), tenant_id=key[0], campaign_id=key[1], message_id=voided[0].message_id, event_type=UNDONE,
        event_data=data, occurred_at=now, received_at=now, dedupe_key=facts.own_key(UNDONE, *key, count),
    )  # fmt: skip


def _announce(
    tx: Transaction, campaign: OutreachCampaign, type_: str, status: OutreachStatus, more: dict[str, str]
) -> None:
    outbox.add(tx, campaign.tenant_id, [with_more(announcement(campaign, type_, tx.now(), status), **more)])
