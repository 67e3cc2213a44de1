"""Looking through campaigns: pages of a list, one campaign with all that is known of it, imports."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator import errors
from orchestrator.domain import search
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import OutreachMessage
from orchestrator.domain.search import Search
from orchestrator.repository import Transaction, browse, campaigns, events, messages
from orchestrator.repository.browse import Listed
from orchestrator.repository.events import Latest, OutreachEvent

Read = Callable[[], AbstractContextManager[Transaction]]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a list of campaigns, newest first; `older` and `newer` are the ids to go on from, or None at an end.

    `looked_at` is how many campaigns were looked at for it, when there are more that no index could exclude.
    """

    search: Search
    campaigns: list[Listed]
    older: str | None
    newer: str | None
    looked_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """One campaign with all that is known of it."""

    campaign: OutreachCampaign
    #: In the order things happened.
    events: list[OutreachEvent]
    #: Every attempt to send it.
    attempts: list[OutreachMessage]


def page(
    read: Read, tenant_id: str, typed: str, limit: int, *, before: str | None = None, after: str | None = None
) -> Page:
    """Return one page of the campaigns that `typed` means.

    Args:
        read: Opens a transaction that only reads.
        tenant_id: Whose.
        typed: As `domain.search` reads it.
        limit: Lines on a page.
        before: Go on with those older than this campaign id.
        after: Go back to those newer than this campaign id; not together with `before`.
    """
    wanted = search.parse(typed)
    with read() as tx:
        edge = browse.edge(tx, tenant_id, before=before, after=after) if wanted.scans else None
        found = browse.page(tx, tenant_id, wanted, limit + 1, before=before, after=after, edge=edge)
    if after is not None and not found and edge is None:  # what was newer is so no more: the list begins here
        return page(read, tenant_id, typed, limit)
    more = len(found) > limit
    if after is not None:
        shown = found[1:] if more else found
        older, newer = (shown[-1].id if shown else None), (shown[0].id if more else edge)
    else:
        shown = found[:limit]
        back = shown[0].id if shown else before
        older, newer = (shown[-1].id if more else edge), (back if before is not None else None)
    looked_at = browse.WINDOW if edge is not None and not more else None
    return Page(search=wanted, campaigns=shown, older=older, newer=newer, looked_at=looked_at)


def count(read: Read, tenant_id: str, typed: str) -> int:
    """Return how many campaigns `typed` means, up to `browse.MOST`; where no index helps, of the newest."""
    wanted = search.parse(typed)
    with read() as tx:
        edge = browse.edge(tx, tenant_id) if wanted.scans else None
        return browse.count(tx, tenant_id, wanted, edge)


def dossier(read: Read, key: Key) -> Dossier:
    """Return a campaign with its history and its attempts, all of one moment.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
    """
    with read() as tx:
        campaign = campaigns.get(tx, key)
        if campaign is None:
            raise errors.CampaignNotFound(key[1])
        attempts = messages.of_campaigns(tx, [key])[key]
        return Dossier(campaign=campaign, events=events.of_campaign(tx, *key), attempts=list(attempts))


def latest(read: Read, tenant_id: str, limit: int) -> list[Latest]:
    """Return the last `limit` things that happened to a tenant's campaigns, newest first."""
    with read() as tx:
        return events.latest(tx, tenant_id, limit)
