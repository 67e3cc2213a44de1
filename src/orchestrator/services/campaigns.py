"""Creating campaigns: validate, snapshot, and insert or return what is there. Many at once or one, the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any

import structlog

from orchestrator import contracts, errors
from orchestrator.clock import new_id
from orchestrator.domain import memo_link
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.suppression import address_key
from orchestrator.rendering import subject_line
from orchestrator.repository import Transaction, addresses, campaigns
from orchestrator.services import facts
from orchestrator.services.compose import Replacements

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

Notify = Callable[[list[dict[str, Any]]], object]

#: Items created in one transaction, at least and at most: each result is handed out after its commit.
CHUNK = 500
LARGEST = 1_000
_ITEM_FIELDS = frozenset({"property_record", "score_result", "memo_url", "scheduled_at", "batch", "context"})
_FIELDS_TEXT = ", ".join(sorted(_ITEM_FIELDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """What became of one item of `create_campaigns`: a campaign, or the error that concerns this item alone.

    ``created`` is False when the property already had a campaign, which is returned unchanged.
    """

    index: int
    campaign: OutreachCampaign | None = None
    error: errors.OrchestratorError | None = None
    created: bool = False


@dataclass(slots=True)
class Draft:
    """A campaign that is not stored yet: everything about it but what the transaction decides."""

    columns: dict[str, Any]

    @property
    def owner(self) -> tuple[str | None, str]:
        """The owner's name and email address."""
        return self.columns["owner_name"], self.columns["owner_email"]


Drafted = tuple[int, "Draft | errors.OrchestratorError"]
Stored = tuple[list[Created], list[dict[str, Any]]]


def draft(tenant_id: str, item: Mapping[str, Any]) -> Draft:
    """Turn one item into a campaign that is not stored yet.

    Raises:
        ValidationError: A field is missing or wrong.
    """
    if not item.keys() <= _ITEM_FIELDS:
        unknown = min(map(str, item.keys() - _ITEM_FIELDS))
        raise errors.ValidationError(unknown, "is not a field of an item", fix=f"Use {_FIELDS_TEXT}.")
    record = contracts.clean_property(item.get("property_record"))
    score = contracts.clean_score(item.get("score_result"))
    memo_url = contracts.parse_memo_url(item.get("memo_url"))
    scheduled_at, owner = item.get("scheduled_at"), record["owner"]
    return Draft(
        {
            "id": new_id(),
            "tenant_id": tenant_id,
            "property_id": record["id"],
            "owner_name": owner.get("name"),
            "owner_email": owner["email"],
            "owner_address_key": address_key(owner["email"]),
            "subject": subject_line(record["address"]["line1"]),
            "memo_url": memo_url,
            "batch": contracts.parse_label("batch", item.get("batch")),
            "context": contracts.parse_context(item.get("context")),
            "scheduled_at": None if scheduled_at is None else contracts.parse_time("scheduled_at", scheduled_at),
            "property_record": record,
            "score_result": score,
        }
    )


def create_many(
    begin: Begin, tenant_id: str, items: Iterable[Mapping[str, Any]], notify: Notify | None = None
) -> Iterator[Created]:
    """Create campaigns for `items`, lazily and in order; a bad item yields its error and stops nothing.

    The first `CHUNK` items are stored before another one is read. After that the next chunk is drafted while the
    database stores the last one, in a thread that ends with this generator; a chunk is handed over as soon as the
    database is free and it has `CHUNK` items, or when it has `LARGEST`, so memory does not grow with their number.

    Args:
        begin: Opens a transaction that tells nobody of its events.
        tenant_id: The tenant's canonical UUID.
        items: Read in the calling thread. An error it raises comes out after the results of what was stored before.
        notify: Given, in the calling thread, the events of each chunk after its commit.
    """
    source = _Source(tenant_id, items)
    chunk = list(islice(source, CHUNK))
    yield from _told(_store(begin, tenant_id, chunk), notify)
    chunk, storing = [], None
    # Leaving the block waits for what is being stored: nothing is left half done, and no thread.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="outreach-create") as writer:
        for drafted in source:
            chunk.append(drafted)
            stored = None
            if storing is not None and (len(chunk) == LARGEST or storing.done()):
                stored, storing = storing.result(), None
            if storing is None and len(chunk) >= CHUNK:
                storing, chunk = writer.submit(copy_context().run, _store, begin, tenant_id, chunk), []
            if stored is not None:
                yield from _told(stored, notify)
        if storing is not None:
            yield from _told(storing.result(), notify)
    if source.failure is not None:
        raise source.failure
    yield from _told(_store(begin, tenant_id, chunk), notify)


class _Source:
    """Items as they come, numbered and drafted: (index, draft or what is wrong with this item)."""

    def __init__(self, tenant_id: str, items: Iterable[Mapping[str, Any]]) -> None:
        self._tenant_id = tenant_id
        self._numbered = enumerate(items)
        #: What ended the items, unless it was their end.
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[Drafted]:
        return self

    def __next__(self) -> Drafted:
        try:
            index, item = next(self._numbered)
        except StopIteration:
            raise
        except Exception as failure:
            self.failure = failure
            raise StopIteration from None
        try:
            return index, draft(self._tenant_id, item)
        except errors.OrchestratorError as error:
            return index, error
        except (TypeError, AttributeError):
            fields = "property_record, score_result and memo_url"
            return index, errors.ValidationError("item", f"must be a dict with {fields}, not {type(item).__name__}")


def _store(begin: Begin, tenant_id: str, chunk: Sequence[Drafted]) -> Stored:
    """Store the drafts of `chunk` in one transaction; return one result per item, and the events written."""
    drafts = [(index, drafted) for index, drafted in chunk if isinstance(drafted, Draft)]
    results = [Created(index=index, error=wrong) for index, wrong in chunk if not isinstance(wrong, Draft)]
    if not drafts:
        return results, []
    with begin() as tx:
        stored = _insert(tx, tenant_id, drafts)
    results += [Created(index=index, campaign=campaign, created=new) for index, campaign, new in stored]
    results.sort(key=attrgetter("index"))
    return results, tx.published


def _told(stored: Stored, notify: Notify | None) -> list[Created]:
    """Tell of what was stored, and return the results."""
    results, published = stored
    if notify is not None and published:
        notify(published)
    return results


def create_one(begin: Begin, tenant_id: str, item: Mapping[str, Any]) -> OutreachCampaign:
    """Create one campaign, or return the one its property already has.

    Raises:
        ValidationError: A field is missing or wrong; nothing was stored.
    """
    with begin() as tx:
        ((_, campaign, _),) = _insert(tx, tenant_id, [(0, draft(tenant_id, item))])
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
    tx: Transaction, tenant_id: str, drafts: Sequence[tuple[int, Draft]]
) -> list[tuple[int, OutreachCampaign, bool]]:
    """Insert `drafts` or find what is there; (index, campaign, whether it is new). The first of a property wins."""
    now = tx.now()
    suppressed = _suppressed(tx, tenant_id, drafts)
    by_property: dict[str, OutreachCampaign] = {}
    for _, drafted in drafts:
        if drafted.columns["property_id"] not in by_property:
            by_property[drafted.columns["property_id"]] = _campaign(drafted, now, suppressed)
    fresh = campaigns.insert_new(tx, list(by_property.values()))
    facts.note_created(tx, [c for c in by_property.values() if c.id in fresh])
    by_property |= campaigns.by_property(tx, tenant_id, [p for p, c in by_property.items() if c.id not in fresh])
    results = []
    for index, drafted in drafts:
        campaign = by_property[drafted.columns["property_id"]]
        results.append((index, campaign, campaign.id in fresh))
        fresh.discard(campaign.id)
        if drafted.owner != (campaign.owner_name, campaign.owner_email):
            log.warning("known property with another owner", action="create.differs", campaign_id=campaign.id)
    return results


def _suppressed(tx: Transaction, tenant_id: str, drafts: Sequence[tuple[int, Draft]]) -> dict[str, str]:
    keys = {(tenant_id, drafted.columns["owner_address_key"]) for _, drafted in drafts}
    found = addresses.get_many(tx, keys).values() if keys else ()
    return {a.address_key: str(a.suppression_reason) for a in found if a.suppressed_at is not None}


def _campaign(drafted: Draft, now: datetime, suppressed: Mapping[str, str]) -> OutreachCampaign:
    """Give a draft the database's time, and leave it off the queue when its address is suppressed, or it is held."""
    columns = drafted.columns
    reason = suppressed.get(columns["owner_address_key"])
    at = max(columns["scheduled_at"] or now, now)  # a time that has passed means now
    hold = None if reason else memo_link.problem(columns["memo_url"], at, memo_link.DELIVERY)
    return OutreachCampaign(
        status=OutreachStatus.SCHEDULED if reason is None else OutreachStatus.SUPPRESSED,
        next_send_at=at if reason is None and hold is None else None,
        hold_reason=hold,
        last_error=None if reason is None else f"address suppressed: {reason}",
        created_at=now,
        updated_at=now,
        **columns,
    )
