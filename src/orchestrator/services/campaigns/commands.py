"""What a person may ask of a campaign after it was created. Commands may fail loudly; facts may not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from orchestrator import contracts, errors
from orchestrator.domain import consent, lifecycle
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.lifecycle import Command
from orchestrator.domain.message import HELD_IN_DOUBT, MessageState
from orchestrator.domain.suppression import address_key
from orchestrator.rendering import subject_line
from orchestrator.repository import Transaction, addresses, campaigns, messages
from orchestrator.services.campaigns import yielding
from orchestrator.services.recording import facts, holds, suppressing
from orchestrator.services.recording.standing import Standings

Begin = Callable[[], AbstractContextManager[Transaction]]
Key = tuple[str, str]

_CHANGEABLE = frozenset({"property_record", "score_result", "memo_url", "batch", *contracts.Recipient._fields})


def cancel(begin: Begin, key: Key) -> OutreachCampaign:
    """Call a campaign off before it is sent; repeating it changes nothing.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
        InvalidState: It was sent, or is being sent right now.
    """
    with begin() as tx:
        standings = _ready(tx, key, Command.CANCEL)
        call_off(standings, key)
        facts.write(tx, standings)
        tried = bool(standings.attempts(key))
        campaign = standings.campaign(key)
    if tried:
        yielding.let_others_go(begin, key)
    return campaign


def call_off(standings: Standings, key: Key) -> bool:
    """Cancel a locked campaign of which nothing is on its way; False when it was cancelled already."""
    if standings.campaign(key).status is OutreachStatus.CANCELLED:
        return False
    _withdraw_failed(standings, key)
    standings.withdraw_reserved(key)
    standings.change(key, status=OutreachStatus.CANCELLED, next_send_at=None)
    standings.restand(key)
    standings.tell(key, "cancelled")
    return True


def reschedule(begin: Begin, key: Key, scheduled_at: datetime | None) -> OutreachCampaign:
    """Give a campaign another time, also one that was cancelled or failed; None means now.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
        InvalidState: It was sent, or is being sent right now.
    """
    with begin() as tx:
        standings = _ready(tx, key, Command.RESCHEDULE)
        at = due_at(tx, scheduled_at)
        holds.forget_missed(standings, key)
        _make_due(tx, standings, key, at, "rescheduled")
        standings.change(key, scheduled_at=scheduled_at)
        holds.obey_memo_link(standings, key, standings.campaign(key).memo_url, at)
        facts.write(tx, standings)
        return standings.campaign(key)


def hold(begin: Begin, key: Key, reason: str) -> OutreachCampaign:
    """Keep a campaign from going out until it is released; another reason replaces the one it is held for.

    A mail of it that is on its way already is not called back; should it turn out not to have left, it stays here.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
        InvalidState: It was sent, or called off.
        ValidationError: There is no reason.
    """
    why = contracts.parse_label("reason", reason)
    if why is None:
        raise errors.ValidationError("reason", "is required", fix="Say why, for whoever finds it held.")
    with begin() as tx:
        standings = _locked(tx, key, Command.HOLD)
        holds.hold(standings, key, why)
        facts.write(tx, standings)
        tried = bool(standings.attempts(key))
        campaign = standings.campaign(key)
    if tried:
        yielding.let_others_go(begin, key)
    return campaign


def release(begin: Begin, key: Key) -> OutreachCampaign:
    """End a hold, whatever it was for: the campaign is due at its time, or now. One that nobody holds is left alone.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
        InvalidState: It was sent, or nobody knows whether it was, or a consent is missing.
    """
    with begin() as tx:
        standings = _locked(tx, key, Command.RELEASE)
        if standings.campaign(key).hold_reason == HELD_IN_DOUBT:
            raise errors.InvalidState(
                f"Cannot release campaign {key[1]}: nobody knows whether it was sent.",
                fix="Decide about that mail: `outreach doctor` lists it with what is known.",
            )
        missing = consent.missing(standings.campaign(key).country, standings.campaign(key).consent_basis)
        if missing is not None and (standings.campaign(key).hold_reason or "").startswith(consent.HELD):
            raise errors.InvalidState(f"Cannot release campaign {key[1]}: {missing}.", fix=consent.FIX)
        holds.release(standings, key, due_at(tx, standings.campaign(key).scheduled_at))
        facts.write(tx, standings)
        return standings.campaign(key)


def retry_failed(begin: Begin, tenant_id: str, limit: int) -> int:
    """Make up to `limit` failed campaigns of the tenant due again; returns how many. Suppressed addresses stay."""
    with begin() as tx:
        failed = campaigns.failed(tx, tenant_id, limit)
        keys = sorted((c.tenant_id, c.id) for c in failed)
        addresses.lock(tx, {(c.tenant_id, c.owner_address_key) for c in failed})
        known = addresses.get_many(tx, {(c.tenant_id, c.owner_address_key) for c in failed})
        locked = campaigns.lock_many(tx, keys)
        covered = suppressing.covered(tx, locked.values())
        standings = Standings(locked, messages.of_campaigns(tx, locked))
        retried = 0
        for key, campaign in locked.items():
            address = known.get((key[0], campaign.owner_address_key))  # None: changed since it was read
            free = address is not None and address.suppressed(tx.now()) is None and key not in covered
            if campaign.status is OutreachStatus.FAILED and free:
                _make_due(tx, standings, key, tx.now(), "retried")
                retried += 1
        facts.write(tx, standings)
        return retried


def update(begin: Begin, key: Key, changes: dict[str, Any]) -> OutreachCampaign:
    """Replace records, memo address, batch, greeting or what is known of consent, of a campaign that was not sent.

    Args:
        key: (tenant_id, campaign_id).
        changes: Any of ``property_record``, ``score_result``, ``memo_url``, ``batch``, ``greeting``, ``country``,
            ``consent_basis``, ``consent_source``.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
        InvalidState: It was sent, or is being sent right now.
        ValidationError: A field is wrong, or the record is of another property.
    """
    unknown = sorted(changes.keys() - _CHANGEABLE)
    if unknown:
        raise errors.ValidationError(unknown[0], "cannot be changed", fix=f"Change {', '.join(sorted(_CHANGEABLE))}.")
    columns: dict[str, Any] = {}
    if changes.get("property_record") is not None:
        columns |= _record_columns(changes["property_record"])
    if changes.get("score_result") is not None:
        columns["score_result"] = contracts.parse_score(changes["score_result"]).as_dict()
    if changes.get("memo_url") is not None:
        columns["memo_url"] = contracts.parse_memo_url(changes["memo_url"])
    said = contracts.parse_recipient(changes)._asdict() | {
        "batch": contracts.parse_label("batch", changes.get("batch"))
    }
    columns |= {name: value for name, value in said.items() if value is not None}
    with begin() as tx:
        suppressed, held = _known_of(tx, key[0], columns.get("owner_address_key"))
        standings = _ready(tx, key, Command.UPDATE)
        if columns.get("property_id", standings.campaign(key).property_id) != standings.campaign(key).property_id:
            raise errors.ValidationError("property_record.id", "is another property's; a campaign keeps its property")
        memo_before, at = standings.campaign(key).memo_url, due_at(tx, standings.campaign(key).scheduled_at)
        standings.change(key, **columns)
        if standings.withdraw_reserved(key):  # it was composed from what the campaign said before
            standings.requeue(key, at)
        if "owner_address_key" in columns:
            covered = suppressing.covered(tx, [standings.campaign(key)]).get(key)
            _obey_address(standings, key, suppressed or covered, at, held=held)
        standings.tell(key, "updated")
        holds.obey_recipient(standings, key, at, renamed="owner_name" in columns)
        if "memo_url" in columns:
            holds.obey_memo_link(standings, key, memo_before, at)
        facts.write(tx, standings)
        return standings.campaign(key)


def _known_of(tx: Transaction, tenant_id: str, key: str | None) -> tuple[str | None, str | None]:
    """Lock an address, if one is given; return why it must not be written to, and why mail to it waits."""
    if key is None:
        return None, None
    addresses.lock(tx, [(tenant_id, key)])
    known = addresses.get_many(tx, [(tenant_id, key)])[tenant_id, key]
    return known.suppressed(tx.now()), known.hold_reason


def _obey_address(standings: Standings, key: Key, suppressed: str | None, at: datetime, *, held: str | None) -> None:
    """Take a campaign off the queue, or put it back, as its new address demands; what the old owner said is over."""
    if held is None and (standings.campaign(key).hold_reason or "").startswith(holds.OWNER_HELD):
        holds.release(standings, key, at)
    status = standings.campaign(key).status
    if suppressed and status is OutreachStatus.SCHEDULED:
        standings.suppress(key, suppressed)
    elif not suppressed and status is OutreachStatus.SUPPRESSED:
        standings.change(key, status=OutreachStatus.SCHEDULED, last_error=None)
        standings.requeue(key, at)


def _record_columns(property_record: Any) -> dict[str, Any]:
    record = contracts.parse_property(property_record)
    owner = record.owner.model_extra or {}
    lives = contracts.parse_recipient({}, owner.get("country"), owner.get("name_format")).country
    return ({"country": lives} if lives else {}) | {
        "property_id": record.id,
        "owner_name": record.owner.name,
        "owner_email": record.owner.email,
        "owner_address_key": address_key(record.owner.email),
        "subject": subject_line(record.address.line1),
        "property_record": record.as_dict(),
    }


def due_at(tx: Transaction, scheduled_at: datetime | None) -> datetime:
    """Return when a campaign with this schedule goes out: a time that has passed means now, and is not missed."""
    return max(scheduled_at or tx.now(), tx.now())


def _locked(tx: Transaction, key: Key, command: Command) -> Standings:
    locked = campaigns.lock_many(tx, [key], records=True)
    if key not in locked:
        raise errors.CampaignNotFound(key[1])
    lifecycle.require(command, locked[key].status)
    return Standings(locked, messages.of_campaigns(tx, locked))


def _ready(tx: Transaction, key: Key, command: Command) -> Standings:
    standings = _locked(tx, key, command)
    situation = on_its_way(standings, key)
    if situation is not None:
        raise errors.InvalidState(
            f"Cannot {command} campaign {key[1]}: it {situation}.", fix="Look at it again when it is settled."
        )
    return standings


def on_its_way(standings: Standings, key: Key) -> str | None:
    """Say in which way a mail of the campaign may be past calling back; None: nothing has left."""
    for message in standings.attempts(key):
        if message.state in (MessageState.HANDED, MessageState.IN_DOUBT):
            return "is being sent right now" if message.state is MessageState.HANDED else "may have been sent"
    return None


def _make_due(tx: Transaction, standings: Standings, key: Key, at: datetime, what: str) -> None:
    _withdraw_failed(standings, key)
    standings.withdraw_reserved(key)
    standings.change(key, status=OutreachStatus.SCHEDULED, last_error=None)
    standings.requeue(key, at)
    standings.tell(key, what)


def _withdraw_failed(standings: Standings, key: Key) -> None:
    """Take failed attempts out of the reckoning: what they failed of no longer decides the status."""
    for message in standings.attempts(key):
        if message.state in (MessageState.ACCEPTED, MessageState.REJECTED, MessageState.NOT_SENT):
            standings.change_attempt(key, message.id, state=MessageState.SUPERSEDED)
