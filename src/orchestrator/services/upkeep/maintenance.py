"""Deleting what has become too old to be of use. Nothing of a campaign, its mails or its history is ever deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import structlog

from orchestrator.repository import Transaction, instance, pruning, specimens, webhook_batches, workers

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]
Prune = Callable[[Transaction, datetime, int], int]

#: How long the outbox remembers what was published, to look at when a consumer says it missed something.
KEEP_PUBLISHED = timedelta(days=7)
#: How long webhook events that belong to nobody are kept, with the reason.
KEEP_UNMATCHED = timedelta(days=90)
#: How long webhook batches are kept as they came in; SendGrid itself tries for at most three days.
KEEP_WEBHOOKS = timedelta(days=7)
#: How long it is remembered who had test mails sent to whom.
KEEP_TEST_MAILS = timedelta(days=90)
#: How long a process that went away is remembered.
KEEP_WORKERS = timedelta(days=1)
#: Rows deleted in one transaction.
CHUNK = 2000
#: How often there is something to do, however many processes, cron jobs among them, ask.
AT_MOST_EVERY = timedelta(hours=1)
_LAST = "maintained_at"


def run(begin: Begin, end_over: Callable[[], int] = lambda: 0) -> Counter[str]:
    """Delete what is too old, in small transactions; return how many rows of each table, under its name.

    Args:
        begin: Opens a write transaction.
        end_over: Forgets suppressions whose time is over, and returns how many campaigns are due again for it.

    Safe at any time and in several processes at once; nothing is done when it was done within the last hour.

    Raises:
        DatabaseUnreachable: The database did not answer; what was deleted stays deleted.
    """
    deleted: Counter[str] = Counter()
    with begin() as tx:
        last = instance.get(tx, _LAST)
        if last is not None and datetime.fromisoformat(last) > tx.now() - AT_MOST_EVERY:
            return deleted
        instance.put(tx, _LAST, tx.now().isoformat())
    chores: tuple[tuple[str, Prune, timedelta], ...] = (
        ("outbox", pruning.published_events, KEEP_PUBLISHED),
        ("unmatched_events", pruning.unmatched, KEEP_UNMATCHED),
        ("webhook_batches", webhook_batches.prune, KEEP_WEBHOOKS),
        ("test_mails", specimens.prune, KEEP_TEST_MAILS),
    )
    for name, prune, keep in chores:
        count = CHUNK
        while count == CHUNK:
            with begin() as tx:
                count = prune(tx, tx.now() - keep, CHUNK)
            deleted[name] += count
    with begin() as tx:
        deleted["workers"] = workers.forget(tx, tx.now() - KEEP_WORKERS)
    deleted["unsuppressed"] = end_over()
    if deleted.total():
        log.info("old rows deleted", action="maintenance.pruned", **deleted)
    return +deleted
