"""Deleting what has become too old to be of use. Nothing of a campaign, its mails or its history is ever deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import structlog

from orchestrator.repository import Transaction, pruning, workers

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]
Prune = Callable[[Transaction, datetime, int], int]

#: How long the outbox remembers what was published, to look at when a consumer says it missed something.
KEEP_PUBLISHED = timedelta(days=7)
#: How long webhook events that belong to nobody are kept, with the reason.
KEEP_UNMATCHED = timedelta(days=90)
#: How long a process that went away is remembered.
KEEP_WORKERS = timedelta(days=1)
#: Rows deleted in one transaction.
CHUNK = 2000


def run(begin: Begin) -> Counter[str]:
    """Delete what is too old, in small transactions; return how many rows of each table, under its name.

    Safe at any time and in several processes at once.

    Raises:
        DatabaseUnreachable: The database did not answer; what was deleted stays deleted.
    """
    deleted: Counter[str] = Counter()
    chores: tuple[tuple[str, Prune, timedelta], ...] = (
        ("outbox", pruning.published_events, KEEP_PUBLISHED),
        ("unmatched_events", pruning.unmatched, KEEP_UNMATCHED),
    )
    for name, prune, keep in chores:
        count = CHUNK
        while count == CHUNK:
            with begin() as tx:
                count = prune(tx, tx.now() - keep, CHUNK)
            deleted[name] += count
    with begin() as tx:
        deleted["workers"] = workers.forget(tx, tx.now() - KEEP_WORKERS)
    if deleted.total():
        log.info("old rows deleted", action="maintenance.pruned", **deleted)
    return +deleted
