"""Made-up properties, and what SendGrid reports about the mails to their owners; the same in every run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import orjson

from benchmarks.measuring import expect
from benchmarks.stores import Database
from orchestrator import OutreachOrchestrator, bootstrap
from orchestrator.repository import OutreachRepository

TENANT = "0190f3a0-0000-7000-8000-00000000beef"
API_KEY = "SG.sandbox.benchmark"
#: Events in one POST: about 250 kB, as SendGrid posts under load.
BATCH = 500
#: Items made before they are timed; more than these are made on the way, or memory would show them and not us.
HELD_ITEMS = 100_000

_STREETS = ("Maple Street", "Oak Avenue", "Third Street", "Lakeview Drive", "Pine Court", "Hill Road", "Elm Street")
_REASONS = (
    {"feature": "rent_growth", "weight": 0.34, "direction": "positive", "note": "Rents nearby rose 4% in a year"},
    {"feature": "roof", "weight": 0.21, "direction": "positive", "note": "New roof in 2021, by the city permit"},
    {"feature": "plumbing", "weight": 0.17, "direction": "negative", "note": "No plumbing permit since 1987"},
)


class Mailed(Protocol):
    """What an event tells of the mail it is about."""

    @property
    def message_id(self) -> str: ...
    @property
    def campaign_id(self) -> str: ...
    @property
    def tenant_id(self) -> str: ...
    @property
    def property_id(self) -> str: ...
    @property
    def to_email(self) -> str: ...


def item(number: int) -> dict[str, Any]:
    """Return the `number`-th campaign to create; its property and its owner are no other's."""
    return {
        "property_record": {
            "id": f"0190f3a0-0000-7000-8000-{number:012x}",
            "owner": {"name": f"SAMPLE, JANE {number}", "email": f"owner{number}@sample.test"},
            "address": {
                "line1": f"{100 + number % 9900} {_STREETS[number % len(_STREETS)]}",
                "city": "Dayton",
                "state": "OH",
                "zip": f"{45400 + number % 100}",
            },
            "attrs": {
                "beds": 2 + number % 4,
                "baths": 2,
                "sqft": 900 + number % 1900,
                "year_built": 1920 + number % 90,
            },
        },
        "score_result": {"score": 50 + number % 50, "reasons": list(_REASONS)},
        "memo_url": f"https://memo.sample.test/{number}.pdf",
    }


def items(n: int) -> Iterable[dict[str, Any]]:
    """Return `n` campaigns to create."""
    made = map(item, range(n))
    return list(made) if n <= HELD_ITEMS else made


@contextmanager
def product(
    database: Database, parts: bootstrap.Parts | None = None, **settings: Any
) -> Iterator[OutreachOrchestrator]:
    """The façade on `database`, with its first connection made."""
    repository = OutreachRepository(database.dsn)
    configuration = {"sendgrid_api_key": API_KEY, "from_email": "team@sender.example", "from_name": "Team", **settings}
    try:
        with OutreachOrchestrator(repository, parts=parts, **configuration) as orchestrator:
            orchestrator.get_statistics(TENANT)
            yield orchestrator
    finally:
        repository.close()


def create(orchestrator: OutreachOrchestrator, wanted: Iterable[dict[str, Any]], tenant: str = TENANT) -> int:
    """Create campaigns through the façade and return how many; every one must succeed."""
    created = 0
    for outcome in orchestrator.create_campaigns(tenant, wanted):
        if outcome.error is not None:
            raise outcome.error
        created += outcome.created
    return created


def send_all(orchestrator: OutreachOrchestrator, n: int, concurrency: int) -> None:
    """Send `n` campaigns that are due; every one must go out."""
    expect(orchestrator.send_due(n, concurrency), {"sent": n}, "what became of the due mails")


def events_of(mails: Sequence[Mailed], sendgrid_ids: dict[str, str], n: int) -> list[dict[str, Any]]:
    """Return `n` events about `mails`, three each: processed and delivered close together, all opens afterwards.

    Args:
        mails: At least a third of `n`.
        sendgrid_ids: X-Message-Id by campaign.
        n: How many events.
    """
    now = int(time.time())
    story = [("processed", "delivered"), ("open",)]
    made = [
        _event(kind, mail, sendgrid_ids[mail.campaign_id], number, now)
        for kinds in story
        for number, mail in enumerate(mails)
        for kind in kinds
    ]
    return made[:n]


def batches(events: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return `events` as the bodies of POSTs of `BATCH` events, with SendGrid's CR LF between and after them."""
    cut = [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
    return [b"[" + b",\r\n".join(map(orjson.dumps, batch)) + b"]\r\n" for batch in cut]


def _event(kind: str, mail: Mailed, sendgrid_id: str, number: int, now: int) -> dict[str, Any]:
    own: dict[str, dict[str, Any]] = {
        "processed": {"smtp-id": f"<{sendgrid_id}@geopod-ismtpd-1>", "send_at": 0},
        "delivered": {
            "smtp-id": f"<{sendgrid_id}@geopod-ismtpd-1>",
            "response": "250 2.0.0 OK queued",
            "ip": "198.51.100.24",
            "tls": 1,
        },
        "open": {
            "ip": f"203.0.113.{number % 254 + 1}",
            "useragent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
            "sg_machine_open": False,
            "sg_content_type": "html",
        },
    }
    return {
        "campaign_id": mail.campaign_id,
        "tenant_id": mail.tenant_id,
        "property_id": mail.property_id,
        "outreach_message_id": mail.message_id,
        "email": mail.to_email,
        "timestamp": now,
        "event": kind,
        "category": ["outreach"],
        "sg_event_id": f"{kind}-5590994-{sendgrid_id}-{number}",
        "sg_message_id": f"{sendgrid_id}.recvd-5f54b5d587-k7xvb-1-66F0A0A0-1.0",
        **own[kind],
    }
