"""Claiming what is due, as long as the account may send."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from orchestrator.domain.policy import Policy
from orchestrator.repository import Transaction
from orchestrator.services.sending import batch
from orchestrator.services.sending.batch import Claimed
from orchestrator.services.sending.pacing import OPEN, PROBE, Pacer

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Campaigns claimed in one transaction at most.
AT_ONCE = 500
#: Seconds to wait, each time that other workers were faster with all that was to be claimed.
CONTESTED = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)


class Claiming:
    """Claims for one round; the tenants take turns, from one round to the next.

    Args:
        begin: Opens a write transaction.
        pacer: The account's.
        after: The tenant whose turn was the last one.
        policy: What holds for all mail.
        pause: Waits the given seconds.
    """

    def __init__(
        self,
        begin: Begin,
        pacer: Pacer,
        after: str | None,
        policy: Policy,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._begin = begin
        self._policy = policy
        self._pacer = pacer
        self._pause = pause
        self.last_tenant = after
        #: Whether the one mail that was claimed tries if a refusal of the account is over.
        self.probing = False

    def size(self, in_flight: int) -> int:
        """Return how many to claim ahead: enough for two round trips, or one second under a rate."""
        most = min(AT_ONCE, max(20, 2 * in_flight))
        return most if self._pacer.rate is None else min(most, math.ceil(self._pacer.rate))

    def more(self, n: int) -> Claimed | None:
        """Claim up to `n` campaigns; None when nothing may be sent now."""
        claimed = self._some(n)
        for seconds in CONTESTED:
            if claimed is None or not claimed.contested:
                break
            # Whoever took it for the queue's end would wait a second, or let all that is in flight run dry.
            self._pause(seconds)
            claimed = self._some(n)
        return claimed

    def _some(self, n: int) -> Claimed | None:
        self.probing = False
        with self._begin() as tx:
            state = self._pacer.look(tx)
            claimed = batch.claim_due(tx, n, self.last_tenant, self._policy) if state == OPEN else None
        if state == PROBE:
            claimed = self._probe()
        if claimed is not None:
            self.last_tenant = claimed.last_tenant
        return claimed

    def _probe(self) -> Claimed | None:
        if not self._pacer.begin_probe():
            return None
        with self._begin() as tx:
            claimed = batch.claim_due(tx, 1, self.last_tenant, self._policy)
        if not claimed.claims:
            self._pacer.return_probe()
        self.probing = True
        return claimed
