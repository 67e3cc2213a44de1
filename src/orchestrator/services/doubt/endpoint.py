"""Is the webhook endpoint up, and did it take everything? Silence about a mail says something only while both hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import structlog

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.repository import Transaction, endpoint

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Without a heartbeat for so long, the endpoint counts as having been away.
GAP = timedelta(seconds=15)
#: Seconds within which further refusals wait for the next heartbeat: anybody may send us what we refuse.
RESPITE = 1.0


class Endpoint:
    """This process's side of the webhook endpoint.

    Args:
        begin: Opens a write transaction.
        gap: Longest pause between two heartbeats that is none.
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, begin: Begin, gap: timedelta = GAP, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._begin = begin
        self._gap = gap
        self._monotonic = monotonic
        self._process = new_id()
        self._lock = threading.Lock()
        self._untold: str | None = None
        self._quiet_until = float("-inf")

    def beat(self) -> None:
        """Say that this process serves webhooks, and tell first what it refused since.

        Raises:
            DatabaseUnreachable: It could not be said; what was refused is kept for the next time.
        """
        with self._telling() as why, self._begin() as tx:
            if why is not None:
                endpoint.refuse(tx, why)
            endpoint.beat(tx, self._process, self._gap)

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Watch over one batch that is verified and stored: whatever is raised in here refuses it."""
        try:
            yield
        except BaseException as error:
            self.refused(error.code if isinstance(error, errors.OrchestratorError) else type(error).__name__)
            raise
        if self._untold is not None:
            self._tell()

    def refused(self, why: str) -> None:
        """Remember that a batch was refused, or could not be stored, and write it down once the database is there.

        Until that has worked this process has no heartbeat either, so nobody takes what it does not hear for silence.
        """
        with self._lock:
            self._untold = why
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            if self._monotonic() < self._quiet_until:
                return
            self._quiet_until = self._monotonic() + RESPITE
        try:
            with self._telling() as why:
                if why is not None:
                    with self._begin() as tx:
                        endpoint.refuse(tx, why)
        except errors.OrchestratorError as error:
            log.warning("refusal not yet written down", action="webhook.untold", reason=str(error))

    @contextmanager
    def _telling(self) -> Iterator[str | None]:
        """Hand out what has not been told, and take it back when telling fails."""
        with self._lock:
            why, self._untold = self._untold, None
        try:
            yield why
        except BaseException:
            with self._lock:
                self._untold = self._untold or why
            raise
