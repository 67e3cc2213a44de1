"""A running service on each database, and its counterpart on the other end of the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator import OutreachOrchestrator
from orchestrator.api import create_app
from orchestrator.clock import ManualClock
from orchestrator.repository import OutreachRepository
from tests.api.live_service import serving
from tests.conformance.rows import Rows
from tests.conformance.wire import Answer, Signer, Wire, body_of, connected
from tests.samples import TENANT, facade, item

#: When the mails of a test go out; the events of its owners follow.
SENT_AT = datetime(2026, 1, 5, 14, 59, 50, tzinfo=UTC)


@dataclass
class Running:
    """A service that answers on a port, its façade, and what its database holds."""

    port: int
    orchestrator: OutreachOrchestrator
    signer: Signer
    rows: Rows
    clock: ManualClock

    def post(self, events: list[Any], wire: Wire | None = None, **how: Any) -> Answer:
        return self.post_body(body_of(events), wire, **how)

    def post_body(self, body: bytes, wire: Wire | None = None, **how: Any) -> Answer:
        """POST a signed body, on a connection of its own unless one is given."""
        if wire is not None:
            return wire.post(body, self.signer.headers(body), **how)
        with connected(self.port) as own:
            return own.post(body, self.signer.headers(body), **how)

    def metric(self, series: str) -> float | None:
        with connected(self.port) as wire:
            return wire.metric(series)

    def create(self, emails: list[str], tenant_id: str = TENANT) -> list[str]:
        """Create a campaign per address; returns their ids in order."""
        created = list(self.orchestrator.create_campaigns(tenant_id, [item(email) for email in emails]))
        assert [result.error for result in created if result.error] == []
        return [result.campaign.id for result in created if result.campaign]


@contextmanager
def running(dsn: str, signer: Signer, clock: ManualClock | None = None, **settings: Any) -> Iterator[Running]:
    """Serve the database at `dsn` until the block ends; time stands still, at `SENT_AT` unless a clock is given."""
    clock = clock or ManualClock(SENT_AT)
    repository = OutreachRepository(dsn, clock=clock)
    settings = {"webhook_public_key": signer.public_key} | settings
    try:
        with (
            facade(repository, clock=clock, **settings) as (orchestrator, _),
            serving(create_app(orchestrator)) as port,
        ):
            yield Running(port, orchestrator, signer, Rows(dsn), clock)
    finally:
        repository.close()


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def service(dsn: str, signer: Signer) -> Iterator[Running]:
    with running(dsn, signer) as service:
        yield service
