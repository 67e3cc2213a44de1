"""How entries come onto the suppression list when something happened, inside the transaction that writes it down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.suppression import SOFT_BOUNCES, SOFT_BOUNCES_REST, Kind, domain_of, soft_bounces
from orchestrator.repository import Transaction, addresses, events, suppressions
from orchestrator.repository.suppressions import Entry, Subject, Target
from orchestrator.services.recording import holds
from orchestrator.services.recording.standing import Standings

Key = tuple[str, str]


def source_of(event_type: str, campaign_id: str) -> str:
    """Return what is said of the origin of an entry that a report about a campaign made."""
    return f"{event_type} {campaign_id}"


def entry(subject: Subject, reason: SuppressionReason, source: str, at: datetime) -> Entry:
    """Return an entry that stands until somebody takes it back."""
    tenant_id, kind, value = subject
    return Entry(tenant_id=tenant_id, kind=kind, value=value, reason=reason, source=source, created_at=at)


def lock(tx: Transaction, about: Iterable[Subject]) -> None:
    """Lock the addresses among `about`."""
    addresses.lock(tx, {(one.tenant_id, one.value) for one in about if one.kind is Kind.ADDRESS})


def enter(tx: Transaction, entries: Sequence[Entry]) -> dict[Key, str]:
    """Put `entries` on the list, where they are not there yet; the addresses among them must be locked.

    Returns:
        Why addresses must not be written to, by (tenant, address key): of all that `entries` are about.
    """
    suppressions.add(tx, entries)
    about = {(one.tenant_id, one.value) for one in entries if one.kind is Kind.ADDRESS}
    known = addresses.get_many(tx, about)
    reasons = {key: address.suppressed(tx.now()) for key, address in known.items()}
    return {key: str(reason) for key, reason in reasons.items() if reason is not None}


class Mail(Protocol):
    """What must be known of a campaign to say whether its property or its owner's domain is on the list."""

    @property
    def id(self) -> str: ...
    @property
    def tenant_id(self) -> str: ...
    @property
    def property_id(self) -> str: ...
    @property
    def owner_address_key(self) -> str: ...


def covered(tx: Transaction, mails: Iterable[Mail]) -> dict[Key, str]:
    """Return why no mail of these campaigns may leave, by (tenant, campaign), where property or domain is on the list.

    One statement for all of them. At a hand-over it must follow the one that locks the addresses.
    """
    targets = {(m.tenant_id, m.id): Target(m.tenant_id, m.property_id, domain_of(m.owner_address_key)) for m in mails}
    found = suppressions.covering(tx, targets.values())
    return {key: found[target] for key, target in targets.items() if target in found}


def put_back(tx: Transaction, standings: Standings, keys: Iterable[Key]) -> int:
    """Make suppressed campaigns due again that nothing on the list is about any more; return how many.

    Args:
        tx: The transaction, which has locked their addresses.
        standings: The campaigns, locked and read whole.
        keys: Those to look at; one that is not suppressed is left alone.
    """
    statuses = standings.statuses()  # once: they are read out whole
    waiting = [standings.campaign(key) for key in keys if statuses[key] is OutreachStatus.SUPPRESSED]
    people = addresses.get_many(tx, {(c.tenant_id, c.owner_address_key) for c in waiting})
    stopped = covered(tx, waiting)
    free = []
    for campaign in waiting:
        key, owner = (campaign.tenant_id, campaign.id), people.get((campaign.tenant_id, campaign.owner_address_key))
        if key not in stopped and (owner is None or owner.suppressed(tx.now()) is None):
            free.append(key)
            doubt = holds.on_its_way(standings, key)
            standings.change(key, status=OutreachStatus.SCHEDULED, last_error=doubt and doubt.error)
            if doubt is None:  # else what becomes of that mail decides
                standings.requeue(key, max(campaign.scheduled_at or tx.now(), tx.now()))
            standings.tell(key, "unsuppressed")
    return len(free)


def unreachable(tx: Transaction, soft: Mapping[Key, str]) -> list[Entry]:
    """Return the entries for addresses at which too many mails have expired in a row.

    Args:
        tx: The transaction, which has locked the addresses and stored the latest reports.
        soft: Addresses at which a mail has expired just now, with the source of that news.
    """
    now = tx.now()
    counts = {
        key: soft_bounces(happened)
        for key, happened in events.deliveries_to(tx, soft, since=now - SOFT_BOUNCES_REST).items()
    }
    addresses.note_soft_bounces(tx, counts)
    return [
        Entry(
            tenant_id=tenant_id, kind=Kind.ADDRESS, value=key, reason=SuppressionReason.SOFT_BOUNCES,
            source=soft[tenant_id, key], created_at=now, ends_at=now + SOFT_BOUNCES_REST,
        )
        for (tenant_id, key), count in counts.items()
        if count >= SOFT_BOUNCES
    ]  # fmt: skip
