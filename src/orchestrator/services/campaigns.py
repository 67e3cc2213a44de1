"""Creating campaigns: validate, snapshot, and insert or return what is there. Many at once or one, the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog

from orchestrator import contracts, errors
from orchestrator.clock import Clock, new_id
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.suppression import address_key
from orchestrator.rendering import subject_line
from orchestrator.repository import Transaction, addresses, campaigns
from orchestrator.services import facts
from orchestrator.services.compose import Replacements

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Items created in one transaction: each result is handed out after its commit.
CHUNK = 500
_ITEM_FIELDS = frozenset({"property_record", "score_result", "memo_url", "scheduled_at", "batch", "context"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """What became of one item of `create_campaigns`: a campaign, or the error that concerns this item alone.

    ``created`` is False when the property already had a campaign, which is returned unchanged.
    """

    index: int
    campaign: OutreachCampaign | None = None
    error: errors.OrchestratorError | None = None
    created: bool = False


def draft(clock: Clock, tenant_id: str, item: Mapping[str, Any]) -> OutreachCampaign:
    """Turn one item into a campaign that is not stored yet.

    Raises:
        ValidationError: A field is missing or wrong.
    """
    unknown = sorted(map(str, item.keys() - _ITEM_FIELDS))
    if unknown:
        raise errors.ValidationError(
            unknown[0], "is not a field of an item", fix=f"Use {', '.join(sorted(_ITEM_FIELDS))}."
        )
    record = contracts.parse_property(item.get("property_record"))
    score = contracts.parse_score(item.get("score_result"))
    memo_url = contracts.parse_memo_url(item.get("memo_url"))
    scheduled_at = item.get("scheduled_at")
    when = None if scheduled_at is None else contracts.parse_time("scheduled_at", scheduled_at)
    now = clock.now()
    return OutreachCampaign(
        id=new_id(),
        tenant_id=tenant_id,
        property_id=record.id,
        owner_name=record.owner.name,
        owner_email=record.owner.email,
        owner_address_key=address_key(record.owner.email),
        status=OutreachStatus.SCHEDULED,
        subject=subject_line(record.address.line1),
        memo_url=memo_url,
        batch=contracts.parse_label("batch", item.get("batch")),
        context=contracts.parse_context(item.get("context")),
        scheduled_at=when,
        next_send_at=when or now,
        created_at=now,
        updated_at=now,
        property_record=record.as_dict(),
        score_result=score.as_dict(),
    )


def create_many(begin: Begin, clock: Clock, tenant_id: str, items: Iterable[Mapping[str, Any]]) -> Iterator[Created]:
    """Create campaigns for `items`, lazily and in order; a bad item yields its error and stops nothing.

    Items are read and committed `CHUNK` at a time, so memory does not grow with their number.
    """
    numbered = enumerate(items)
    while chunk := list(islice(numbered, CHUNK)):
        results: list[Created] = []
        drafts: list[tuple[int, OutreachCampaign]] = []
        for index, item in chunk:
            try:
                drafts.append((index, draft(clock, tenant_id, item)))
            except errors.OrchestratorError as error:
                results.append(Created(index=index, error=error))
            except (TypeError, AttributeError) as error:
                wrong = errors.ValidationError("item", f"must be a dict with property_record, … ({error})")
                results.append(Created(index=index, error=wrong))
        with begin() as tx:
            stored = _insert(tx, tenant_id, drafts)
        results += [Created(index=index, campaign=campaign, created=new) for index, campaign, new in stored]
        yield from sorted(results, key=lambda result: result.index)


def create_one(begin: Begin, clock: Clock, tenant_id: str, item: Mapping[str, Any]) -> OutreachCampaign:
    """Create one campaign, or return the one its property already has.

    Raises:
        ValidationError: A field is missing or wrong; nothing was stored.
    """
    with begin() as tx:
        ((_, campaign, _),) = _insert(tx, tenant_id, [(0, draft(clock, tenant_id, item))])
    return campaign


def replacements(read: Begin, key: tuple[str, str], property_record: Any, score_result: Any) -> Replacements:
    """Check records that are to replace the stored ones in one rendering; None keeps the stored one.

    Raises:
        ValidationError: A field is wrong, or the record is of another property.
        CampaignNotFound: The tenant has no such campaign.
    """
    if property_record is None and score_result is None:
        return Replacements()
    record = None if property_record is None else contracts.parse_property(property_record)
    score = None if score_result is None else contracts.parse_score(score_result)
    with read() as tx:
        stored = campaigns.get(tx, key)
    if stored is None:
        raise errors.CampaignNotFound(key[1])
    if record is not None and record.id != stored.property_id:
        raise errors.ValidationError(
            "property_record.id", f"is {record.id}, but the campaign is about {stored.property_id}"
        )
    return Replacements(
        property_record=record.as_dict() if record else None, score_result=score.as_dict() if score else None
    )


def _insert(
    tx: Transaction, tenant_id: str, drafts: Sequence[tuple[int, OutreachCampaign]]
) -> list[tuple[int, OutreachCampaign, bool]]:
    """Insert `drafts` or find what is there; (index, campaign, whether it is new). The first of a property wins."""
    now = tx.now()
    suppressed = _suppressed(tx, drafts)
    by_property: dict[str, OutreachCampaign] = {}
    for _, drafted in drafts:
        by_property.setdefault(drafted.property_id, _stamped(drafted, now, suppressed))
    inserted = campaigns.insert_new(tx, list(by_property.values()))
    facts.note_created(tx, [c for c in by_property.values() if c.id in inserted])
    known = [c.property_id for c in by_property.values() if c.id not in inserted]
    by_property |= campaigns.by_property(tx, tenant_id, known)
    fresh = set(inserted)
    results = []
    for index, drafted in drafts:
        campaign = by_property[drafted.property_id]
        results.append((index, campaign, campaign.id in fresh))
        fresh.discard(campaign.id)
        if campaign.owner_email != drafted.owner_email or campaign.owner_name != drafted.owner_name:
            log.warning("known property with another owner", action="create.differs", campaign_id=campaign.id)
    return results


def _suppressed(tx: Transaction, drafts: Sequence[tuple[int, OutreachCampaign]]) -> dict[str, str]:
    keys = {(drafted.tenant_id, drafted.owner_address_key) for _, drafted in drafts}
    found = addresses.get_many(tx, keys).values() if keys else ()
    return {a.address_key: str(a.suppression_reason) for a in found if a.suppressed_at is not None}


def _stamped(drafted: OutreachCampaign, now: Any, suppressed: Mapping[str, str]) -> OutreachCampaign:
    """Give a draft the database's time, and take it off the queue when its address is suppressed."""
    campaign = drafted.evolve(created_at=now, updated_at=now, next_send_at=drafted.scheduled_at or now)
    reason = suppressed.get(drafted.owner_address_key)
    if reason is None:
        return campaign
    return campaign.evolve(
        status=OutreachStatus.SUPPRESSED, next_send_at=None, last_error=f"address suppressed: {reason}"
    )
