"""Records and ids that tests share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator import OutreachOrchestrator
from orchestrator.bootstrap import Parts
from orchestrator.clock import Clock
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.message import Outcome, OutgoingMail
from orchestrator.domain.suppression import Kind
from orchestrator.repository import OutreachRepository, Transaction, addresses, suppressions
from orchestrator.transports.fake import FakeTransport

TENANT = "7d9f1c52-3a44-4c0f-9d3e-0f3b6a1c2d10"
OTHER_TENANT = "0b8e6f0a-94f6-4c39-8a77-5a6d8f1e2c33"
MEMO_URL = "https://memo.example.com/114-maple-street.pdf"
SCORE: dict[str, Any] = {
    "score": 82,
    "reasons": [
        {"feature": "rents", "weight": 0.6, "direction": "positive", "note": "Rents nearby rose 4% in a year"},
        {"feature": "roof", "weight": 0.4, "direction": "positive", "note": "New roof in 2021"},
        {"feature": "plumbing", "weight": 0.2, "direction": "negative", "note": "No plumbing permit since 1987"},
    ],
}


MANUAL = SuppressionReason.MANUAL


def new_uuid() -> str:
    return str(uuid.uuid4())


def property_record(email: str = "owner@owners.test", *, number: int = 114, id_: str | None = None) -> dict[str, Any]:
    """A property in public-record style, with a new id unless one is given."""
    return {
        "id": id_ or new_uuid(),
        "owner": {"name": "SAMPLE, SARAH A", "email": email},
        "address": {"line1": f"{number} Maple Street", "city": "Dayton", "state": "OH", "zip": "45402"},
        "attrs": {"beds": 3, "baths": 2, "sqft": 1480, "year_built": 1954},
    }


def item(email: str = "owner@owners.test", **more: Any) -> dict[str, Any]:
    """One item of `create_campaigns`."""
    return {"property_record": property_record(email), "score_result": SCORE, "memo_url": MEMO_URL, **more}


def suppress(tx: Transaction, key: tuple[str, str], reason: SuppressionReason, source: str = "test") -> None:
    """Put an address, (tenant, canonical form), on the suppression list as somebody does who locks it first."""
    addresses.lock(tx, [key])
    suppressions.add(
        tx,
        [
            suppressions.Entry(
                tenant_id=key[0], kind=Kind.ADDRESS, value=key[1], reason=reason, source=source, created_at=tx.now()
            )
        ],
    )


@contextmanager
def facade(
    repository: OutreachRepository,
    handler: Callable[[OutgoingMail], Outcome] | None = None,
    *,
    clock: Clock | None = None,
    pause: Callable[[float], object] = lambda _: None,
    monotonic: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> Iterator[tuple[OutreachOrchestrator, FakeTransport]]:
    """An orchestrator whose mails go to a fake transport; `handler` decides each outcome.

    Most tests write to one owner again and again, so any number of mails may go to one address.
    """
    transport = FakeTransport(handler, monotonic)
    parts = Parts(transport=transport, clock=clock, pause=pause, monotonic=monotonic)
    usual = {"sendgrid_api_key": "SG.sandbox.key", "from_email": "team@sender.test", "from_name": "Sample Realty"}
    orchestrator = OutreachOrchestrator(repository, parts=parts, **usual | {"address_gap": 0} | settings)
    with orchestrator:
        yield orchestrator, transport
