"""Heartbeats: every process that works on a database says so every few seconds, and what it is about."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from importlib import metadata

from orchestrator.clock import new_id
from orchestrator.repository import Transaction, workers

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Seconds between two beats of one process.
INTERVAL = 5.0
#: A process that was not seen for this long is thought silent: it died, hangs, or lost the database.
SILENT_AFTER = timedelta(seconds=15)


class Pulse:
    """The heartbeat of this process.

    Args:
        begin: Opens a write transaction.
        kind: ``worker`` for a process that sends, ``service`` for one that does not.
    """

    def __init__(self, begin: Begin, kind: str) -> None:
        self._begin = begin
        self._about: dict[str, str | int] = {
            "kind": kind,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": metadata.version("outreach-orchestrator"),
        }
        self.id = new_id()

    def beat(self, state: str, sent: int) -> None:
        """Say that this process is there.

        Args:
            state: ``running``, ``draining`` or ``stopped``.
            sent: Mails it has sent so far.

        Raises:
            DatabaseUnreachable: The database did not answer; the next beat may get through.
        """
        with self._begin() as tx:
            workers.beat(tx, self.id, state, sent, **self._about)
