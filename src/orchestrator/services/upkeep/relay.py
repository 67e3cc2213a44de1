"""Drains the outbox to a publisher: at least once, in the order things happened, whatever dies in between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from orchestrator.publishers.base import Publisher
from orchestrator.repository import Transaction, outbox

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]
LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Relay:
    """Publishes what the outbox holds. A crash between publishing and marking publishes again, with the same id."""

    begin: Begin
    publisher: Publisher

    def run_once(self, limit: int = 500) -> int:
        """Publish up to `limit` events and return how many left; the rest of a failed batch stays for the next call."""
        with self.begin() as tx:
            claimed = outbox.claim(tx, limit, LEASE)
        published: list[dict[str, Any]] = []
        try:
            for event in claimed:
                self.publisher.publish(event)
                published.append(event)
        except Exception as error:  # any publisher may fail in any way; its events must stay in the outbox
            log.error("publisher failed", action="relay.failed", error=str(error), left=len(claimed) - len(published))
        if claimed:
            with self.begin() as tx:
                outbox.mark_published(tx, published)
                outbox.give_back(tx, claimed[len(published) :])
        return len(published)
