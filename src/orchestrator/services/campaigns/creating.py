"""Creating campaigns: validate, snapshot, and insert or return what is there. Many at once or one, the same way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from contextvars import copy_context
from datetime import datetime
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, cast

import structlog

from orchestrator import contracts, errors
from orchestrator.clock import new_id
from orchestrator.domain import memo_link
from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.greeting import estate
from orchestrator.domain.suppression import address_key, domain_of, last_error
from orchestrator.rendering import subject_line
from orchestrator.repository import Published, Transaction, addresses, arrivals, campaigns, suppressions
from orchestrator.repository.arrivals import Arrival, Place
from orchestrator.repository.suppressions import Target
from orchestrator.services.composing.compose import Replacements
from orchestrator.services.recording import births

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

Notify = Callable[[Published], object]

#: Items created in one transaction, at least and at most: each result is handed out after its commit.
CHUNK = 500
LARGEST = 1_000
#: Chunks stored at the same time on PostgreSQL, so that it works on some while Python prepares another; SQLite has one
#: writer anyway.
WRITERS = 3
#: Items drafted between two looks at the thread that stores, and seconds that it then has Python for itself.
TURN = 50
_MOMENT = 0.00005
_ITEM_FIELDS = frozenset(
    {"property_record", "score_result", "memo_url", "scheduled_at", "batch", "context", *contracts.Recipient._fields}
)
_FIELDS_TEXT = ", ".join(sorted(_ITEM_FIELDS))


class Created:
    """What became of one item of `create_campaigns`: a campaign, or the error that concerns this item alone.

    Attributes:
        index: The item's place, from 0.
        campaign: None when there is an error. Put together when it is first asked for.
        error: None when there is a campaign.
        created: False when the property already had a campaign, which is returned unchanged.
    """

    __slots__ = ("_campaign", "created", "error", "index")

    def __init__(
        self,
        *,
        index: int,
        campaign: OutreachCampaign | Callable[[], OutreachCampaign] | None = None,
        error: errors.OrchestratorError | None = None,
        created: bool = False,
    ) -> None:
        self.index = index
        self._campaign = campaign
        self.error = error
        self.created = created

    def __repr__(self) -> str:
        return f"Created(index={self.index}, created={self.created}, campaign={self.campaign!r}, error={self.error!r})"

    @property
    def campaign(self) -> OutreachCampaign | None:
        if callable(self._campaign):
            self._campaign = self._campaign()
        return self._campaign


Drafted = tuple[int, Arrival | errors.OrchestratorError]


class Stored(NamedTuple):
    """A chunk that is stored: one result per item, the events written, and how many chunks go in at once here."""

    results: list[Created]
    published: Published
    writers: int = 1


def draft(item: Mapping[str, Any]) -> Arrival:
    """Turn one item into a campaign that is not stored yet.

    Raises:
        ValidationError: A field is missing or wrong.
    """
    if not item.keys() <= _ITEM_FIELDS:
        unknown = min(map(str, item.keys() - _ITEM_FIELDS))
        raise errors.ValidationError(unknown, "is not a field of an item", fix=f"Use {_FIELDS_TEXT}.")
    record = contracts.stored_property(item.get("property_record"))
    score = contracts.stored_score(item.get("score_result"))
    memo_url = contracts.parse_memo_url(item.get("memo_url"))
    scheduled_at, context = item.get("scheduled_at"), contracts.parse_context(item.get("context"))
    return Arrival(
        new_id(),
        record.id,
        record.owner_name,
        record.owner_email,
        address_key(record.owner_email),
        subject_line(record.line1),
        memo_url,
        contracts.parse_label("batch", item.get("batch")),
        None if context is None else contracts.json_text(context),
        None if scheduled_at is None else contracts.parse_time("scheduled_at", scheduled_at),
        record.text,
        score,
        *contracts.parse_recipient(item, record.country, record.name_format),
    )


def create_many(
    begin: Begin, tenant_id: str, items: Iterable[Mapping[str, Any]], notify: Notify | None = None
) -> Iterator[Created]:
    """Create campaigns for `items`, lazily and in order; a bad item yields its error and stops nothing.

    The first `CHUNK` items are stored before another one is read. After that the next chunk is drafted while the
    database stores the last ones, in threads that end with this generator; a chunk is handed over as soon as a writer
    is free and it has `CHUNK` items, or when it has `LARGEST`, so memory does not grow with their number. When a chunk
    cannot be stored, the one behind it may have been: whoever tries again gets its campaigns as known.

    Args:
        begin: Opens a transaction that tells nobody of its events.
        tenant_id: The tenant's canonical UUID.
        items: Read in the calling thread. An error it raises comes out after the results of what was stored before.
        notify: Given, in the calling thread, the events of each chunk after its commit.
    """
    source = _Source(items)
    chunk = list(islice(source, CHUNK))
    stored = _store(begin, tenant_id, chunk)
    writers = stored.writers
    yield from _told(stored, notify)
    chunk, storing = [], deque[Future[Stored]]()
    # Leaving the block waits for what is being stored: nothing is left half done, and no thread.
    with ThreadPoolExecutor(max_workers=writers, thread_name_prefix="outreach-create") as pool:
        for drafted in source:
            chunk.append(drafted)
            if len(chunk) < CHUNK or (len(chunk) < LARGEST and (len(chunk) % TURN or _busy(storing, writers))):
                continue
            stored = storing.popleft().result() if len(storing) == writers else None
            storing.append(pool.submit(copy_context().run, _store, begin, tenant_id, chunk))
            chunk = []
            if stored is not None:
                yield from _told(stored, notify)
        while storing:
            yield from _told(storing.popleft().result(), notify)
    if source.failure is not None:
        raise source.failure
    yield from _told(_store(begin, tenant_id, chunk), notify)


def _busy(storing: Sequence[Future[Stored]], writers: int) -> bool:
    """Tell whether all `writers` are busy, and give them a turn.

    Python lets a waiting thread in after 5 ms, and storing a chunk waits for the database a dozen times.
    """
    return len(storing) == writers and not wait([storing[0]], timeout=_MOMENT).done


class _Source:
    """Items as they come, numbered and drafted: (index, draft or what is wrong with this item)."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
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
            return index, draft(item)
        except errors.OrchestratorError as error:
            return index, error
        except (TypeError, AttributeError):
            fields = "property_record, score_result and memo_url"
            return index, errors.ValidationError("item", f"must be a dict with {fields}, not {type(item).__name__}")


def _store(begin: Begin, tenant_id: str, chunk: Sequence[Drafted]) -> Stored:
    """Store the drafts of `chunk` in one transaction; return one result per item, and the events written."""
    drafts = [(index, drafted) for index, drafted in chunk if isinstance(drafted, Arrival)]
    results = [Created(index=index, error=wrong) for index, wrong in chunk if not isinstance(wrong, Arrival)]
    if not drafts:
        return Stored(results, Published())
    with begin() as tx:
        results += _insert(tx, tenant_id, drafts)
    results.sort(key=attrgetter("index"))
    return Stored(results, tx.published, WRITERS if tx.dialect.is_postgresql else 1)


def _told(stored: Stored, notify: Notify | None) -> list[Created]:
    """Tell of what was stored, and return the results."""
    if notify is not None and stored.published:
        notify(stored.published)
    return stored.results


def create_one(begin: Begin, tenant_id: str, item: Mapping[str, Any]) -> OutreachCampaign:
    """Create one campaign, or return the one its property already has.

    Raises:
        ValidationError: A field is missing or wrong; nothing was stored.
    """
    with begin() as tx:
        (result,) = _insert(tx, tenant_id, [(0, draft(item))])
    return cast("OutreachCampaign", result.campaign)


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


def _insert(tx: Transaction, tenant_id: str, drafts: Sequence[tuple[int, Arrival]]) -> list[Created]:
    """Insert `drafts` or find what is there. The first of a property wins."""
    now, suppressed = tx.now(), _suppressed(tx, tenant_id, [arrival for _, arrival in drafts])
    firsts: dict[str, Arrival] = {}
    for _, arrival in drafts:
        firsts.setdefault(arrival.property_id, arrival)
    new = [(arrival, _place(arrival, now, suppressed)) for arrival in firsts.values()]
    fresh = births.write(tx, tenant_id, new)
    made = {a.property_id: partial(arrivals.campaign, tenant_id, a, place, now) for a, place in new if a.id in fresh}
    known = campaigns.by_property(tx, tenant_id, list(firsts.keys() - made.keys()))
    results = []
    for index, arrival in drafts:
        stored = known.get(arrival.property_id)
        first = stored or firsts[arrival.property_id]
        if (first.owner_name, first.owner_email) != (arrival.owner_name, arrival.owner_email):
            log.warning("known property with another owner", action="create.differs", campaign_id=first.id)
        campaign = stored or made[arrival.property_id]
        results.append(Created(index=index, campaign=campaign, created=arrival.id in fresh))
    return results


def _suppressed(tx: Transaction, tenant_id: str, drafts: Sequence[Arrival]) -> dict[str, str]:
    """Return why they must not be sent, by their ids, of those of `drafts` that must not."""
    found = addresses.get_many(tx, {(tenant_id, arrival.owner_address_key) for arrival in drafts}).values()
    people = {a.address_key: str(reason) for a in found if (reason := a.suppressed(tx.now())) is not None}
    targets = {a.id: Target(tenant_id, a.property_id, domain_of(a.owner_address_key)) for a in drafts}
    covered = suppressions.covering(tx, targets.values())
    if not people and not covered:
        return {}
    reasons = {a.id: people.get(a.owner_address_key) or covered.get(targets[a.id]) for a in drafts}
    return {arrival_id: reason for arrival_id, reason in reasons.items() if reason is not None}


def _place(arrival: Arrival, now: datetime, suppressed: Mapping[str, str]) -> Place:
    """Say where a new campaign stands: due at its time, or off the queue because it is suppressed or held."""
    reason = suppressed.get(arrival.id)
    if reason is not None:
        return Place(OutreachStatus.SUPPRESSED, None, None, last_error(reason))
    at = now if arrival.scheduled_at is None else max(arrival.scheduled_at, now)  # a time that has passed means now
    hold = estate(arrival.owner_name) or memo_link.problem(arrival.memo_url, at, memo_link.DELIVERY)
    return Place(OutreachStatus.SCHEDULED, at if hold is None else None, hold, None)
