"""Every type of event with every oddity of the real wire, and what the database must hold afterwards."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import SENT_AT, Running
from tests.conformance.reports import KINDS, Event, event
from tests.conformance.rows import Row, times
from tests.conformance.wire import connected, joined
from tests.samples import OTHER_TENANT, TENANT, new_uuid

FIXTURES = Path(__file__).parents[1] / "fixtures" / "sendgrid"
HAPPENED = datetime(2026, 1, 5, 16, 0, tzinfo=UTC)
ARRIVED = HAPPENED + timedelta(hours=3)
UNIX = int(HAPPENED.timestamp())

# Written by hand: where one event of each kind leaves a campaign that was sent, which times it leaves beside `sent_at`,
# under which word it is kept, and why its address must not be written to any more.
EXPECTED: dict[str, tuple[str, set[str], str, str | None]] = {
    "processed": ("sent", set(), "processed", None),
    "deferred": ("sent", set(), "deferred", None),
    "delivered": ("delivered", {"delivered_at"}, "delivered", None),
    "bounce": ("bounced", {"bounced_at"}, "bounced", "bounce"),
    "bounce without type": ("bounced", {"bounced_at"}, "bounced", "bounce"),
    "blocked": ("failed", {"failed_at"}, "blocked", None),
    "expired": ("failed", {"failed_at"}, "expired", None),
    "dropped": ("failed", {"failed_at"}, "dropped", None),
    "dropped: bounced": ("failed", {"failed_at"}, "dropped", "bounce"),
    "dropped: unsubscribed": ("failed", {"failed_at"}, "dropped", "unsubscribe"),
    "dropped: complained": ("failed", {"failed_at"}, "dropped", "complaint"),
    "dropped: invalid": ("failed", {"failed_at"}, "dropped", "invalid"),
    "open": ("opened", {"opened_at"}, "opened", None),
    "machine open": ("sent", {"machine_opened_at"}, "opened", None),
    "click": ("clicked", {"opened_at", "clicked_at"}, "clicked", None),
    "spamreport": ("complained", {"complained_at"}, "complained", "complaint"),
    "unsubscribe": ("unsubscribed", {"unsubscribed_at"}, "unsubscribed", "unsubscribe"),
    "group_unsubscribe": ("unsubscribed", {"unsubscribed_at"}, "unsubscribed", "unsubscribe"),
    "group_resubscribe": ("sent", set(), "resubscribed", None),
}


def put(**fields: Any) -> Callable[[Event], Event]:
    return lambda wire: wire | {name.replace("smtp_id", "smtp-id"): value for name, value in fields.items()}


def without(*fields: str) -> Callable[[Event], Event]:
    return lambda wire: {name: value for name, value in wire.items() if name not in fields}


def upper_case_ids(wire: Event) -> Event:
    ids = ("campaign_id", "tenant_id", "outreach_message_id")
    return wire | {name: wire[name].upper() for name in ids}


OURS = ("campaign_id", "tenant_id", "outreach_message_id", "property_id")
#: What may be strange about an event without changing what it says.
HARMLESS: dict[str, Callable[[Event], Event]] = {
    "as documented": put(),
    "attempt as text": put(attempt="45"),
    "attempt as number": put(attempt=45),
    "tls 0": put(tls=0),
    "tls 1": put(tls=1),
    "tls true": put(tls=True),
    "one category": put(category="outreach"),
    "several categories": put(category=["outreach", "step-1"]),
    "no category": without("category"),
    "no status": without("status"),
    "null for what is absent": put(status=None, ip=None, useragent=None, asm_group_id=None, url_offset=None),
    "no sg_message_id": without("sg_message_id"),
    "an sg_message_id without X-Message-Id": put(sg_message_id="filter0093p1las1.9128.5717FB8127.0"),
    "a second recipient": lambda wire: wire | {"sg_message_id": wire["sg_message_id"][:-1] + "1"},
    "no sg_event_id": without("sg_event_id"),
    "an empty sg_event_id": put(sg_event_id=""),
    "a padded sg_event_id": lambda wire: wire | {"sg_event_id": wire["sg_event_id"] + "=="},
    "a long sg_event_id": lambda wire: wire | {"sg_event_id": wire["sg_event_id"] + "x" * 400},
    "no email": without("email"),
    "somebody else's email": put(email="stranger@elsewhere.test"),
    "a timestamp as text": put(timestamp=str(UNIX)),
    "a timestamp with a fraction": put(timestamp=float(UNIX)),
    "an smtp-id of 2022": put(smtp_id="<PwZ0yMzuQveI1WVxL_eo1A@geopod-ismtpd-38>"),
    "template fields": put(
        sg_template_id="d-ac17", sg_template_name="Version 5", send_at=0, pool={"name": "m", "id": 7}
    ),
    "url_offset as number": put(url_offset=0),
    "marketing fields": put(mc_stats="singlesend", phase_id="send", singlesend_id="x", newsletter={"id": "7"}),
    "fields of tomorrow": put(sg_next={"a": [1, {"b": None}]}, **{"": "empty name"}),
    "bounce_classification of tomorrow": put(bounce_classification="mailbox UNAVAILABLE"),
    "our ids in upper case": upper_case_ids,
    "no id of the attempt": without("outreach_message_id"),
    "an attempt nobody knows": put(outreach_message_id=new_uuid()),
    "no tenant": without("tenant_id"),
    "none of our ids": without(*OURS),
}
#: Times that cannot be true; the time of arrival takes their place.
IMPOSSIBLE: dict[str, Callable[[Event], Event]] = {
    "timestamp 0": put(timestamp=0),
    "milliseconds": put(timestamp=UNIX * 1000),
    "the year 9999": put(timestamp=253_402_300_799),
    "a negative timestamp": put(timestamp=-5),
    "a timestamp in words": put(timestamp="soon"),
    "no timestamp": without("timestamp"),
    "timestamp null": put(timestamp=None),
    "timestamp true": put(timestamp=True),
}
#: What makes an event nobody's, and the reason that is kept with it.
NOBODYS: dict[str, tuple[Callable[[Event], Event], str]] = {
    "another tenant": (put(tenant_id=OTHER_TENANT), "no campaign of this tenant"),
    "a campaign nobody knows": (
        put(campaign_id=new_uuid(), outreach_message_id=new_uuid()),
        "no campaign of this tenant",
    ),
    "malformed ids": (
        put(campaign_id="{{campaign_id}}", tenant_id=42, outreach_message_id="x", sg_message_id="14c5.dfd.64b4"),
        "carries none of our ids",
    ),
    "no id at all": (without(*OURS, "sg_message_id"), "carries none of our ids"),
    "a type of tomorrow": (put(event="teleported"), "unknown event type"),
}


@dataclass(frozen=True)
class Case:
    kind: str
    oddity: str
    change: Callable[[Event], Event]
    at: datetime = HAPPENED
    nobodys: str | None = None


CASES = [
    *(Case(kind, name, change) for kind in KINDS for name, change in HARMLESS.items()),
    *(
        Case(kind, name, change, ARRIVED)
        for kind in ("delivered", "bounce", "click")
        for name, change in IMPOSSIBLE.items()
    ),
    *(
        Case(kind, name, change, nobodys=reason)
        for kind in ("delivered", "spamreport")
        for name, (change, reason) in NOBODYS.items()
    ),
]


def sent_campaigns(service: Running, count: int) -> list[tuple[Row, Row]]:
    """Sent campaigns to addresses of their own, each with its attempt in the ledger."""
    service.create([f"owner{number:04}@owners.test" for number in range(count)])
    while service.orchestrator.send_due(1000):
        pass
    attempts = {row["campaign_id"]: row for row in service.rows.select("SELECT * FROM outreach_messages")}
    campaigns = sorted(service.rows.campaigns(TENANT).values(), key=lambda row: row["owner_email"])
    assert {row["status"] for row in campaigns} == {"sent"}
    return [(row, attempts[row["id"]]) for row in campaigns]


def on_the_wire(number: int, case: Case, campaign: Row, attempt: Row) -> Event:
    full = event(
        case.kind,
        campaign["id"],
        UNIX,
        email=campaign["owner_email"],
        outreach_message_id=attempt["id"],
        property_id=campaign["property_id"],
        sg_message_id=f"{attempt['sendgrid_message_id']}.recvd-7f4fb8995-fd4g2-1-695BD100-C.0",
        sg_event_id=f"ZGVsaXZlcmVkLTAt{number:06}",
    )
    return case.change(full)


def wanted(case: Case) -> dict[str, Any]:
    status, stamps, word, reason = EXPECTED[case.kind]
    if case.nobodys:
        return {"status": "sent", "times": {"sent_at": SENT_AT}, "kept": None, "suppressed": None}
    kept = {"event_type": word, "machine": case.kind == "machine open", "occurred_at": case.at}
    return {
        "status": status,
        "times": {"sent_at": SENT_AT} | dict.fromkeys(stamps, case.at),
        "kept": kept,
        "suppressed": reason,
    }


def found(service: Running, campaigns: list[Row]) -> list[dict[str, Any]]:
    rows, suppressed = service.rows.campaigns(TENANT), service.rows.suppressed(TENANT)
    kept: dict[str, list[Row]] = {}
    for row in service.rows.reported(TENANT):
        kept.setdefault(row["campaign_id"], []).append(row)
    result = []
    for campaign in campaigns:
        reports = kept.get(campaign["id"], [])
        assert len(reports) <= 1
        result.append(
            {
                "status": rows[campaign["id"]]["status"],
                "times": times(rows[campaign["id"]]),
                "kept": {n: reports[0][n] for n in ("event_type", "machine", "occurred_at")} if reports else None,
                "suppressed": suppressed.get(campaign["owner_email"]),
            }
        )
    return result


def test_every_type_with_every_oddity_leaves_the_row_written_down_by_hand(service: Running) -> None:
    pairs = sent_campaigns(service, len(CASES))
    service.clock.advance(ARRIVED - SENT_AT)
    events = [on_the_wire(number, case, *pair) for number, (case, pair) in enumerate(zip(CASES, pairs, strict=True))]
    arriving = list(enumerate(events))
    random.Random(1).shuffle(arriving)
    with connected(service.port) as wire:
        answers = [
            service.post([e for _, e in arriving[start : start + 90]], wire) for start in range(0, len(events), 90)
        ]
        campaigns = [campaign for campaign, _ in pairs]
        first, everything = found(service, campaigns), service.rows.everything()
        # Everything once more under other ids, in other batches, an hour later: nothing may change.
        service.clock.advance(timedelta(hours=1))
        renamed = [e | {"sg_event_id": f"again-{number}"} for number, e in arriving[::-1]]
        again = [service.post(renamed[start : start + 70], wire) for start in range(0, len(renamed), 70)]

    assert {answer.status for answer in answers + again} == {200}
    named = [f"{case.kind} | {case.oddity}" for case in CASES]
    assert dict(zip(named, first, strict=True)) == {name: wanted(case) for name, case in zip(named, CASES, strict=True)}
    unmatched = sorted(row["reason"] for row in service.rows.unmatched())
    assert unmatched == sorted(case.nobodys for case in CASES if case.nobodys)
    assert sum(answer.json["new"] for answer in again) == 0
    assert service.rows.everything() == everything
    assert service.rows.counted(TENANT) == service.rows.recounted(TENANT)


def test_a_change_of_the_account_is_kept_although_it_names_no_mail(service: Running) -> None:
    body = (FIXTURES / "account_status_change.json").read_bytes()

    answers = [service.post_body(body).json, service.post_body(body).json]

    assert answers == [{"received": 1, "new": 0, "duplicate": 0, "unknown": 1}] * 2
    (kept,) = service.rows.unmatched()
    assert (kept["kind"], kept["event_data"]["type"]) == ("account_status_change", "compliance_suspend")


# The ids that the captured bodies carry, and what each of them does to a campaign that was sent.
CAMPAIGN = b"019b8e5c-6a00-7c3e-9a51-2f6d3c1b7a10"
CAPTURED_TENANT = b"6f1d2c3b-4a59-4e68-8d77-0c1b2a394857"
MESSAGE = b"019b8e5c-6a64-7d1f-8b42-51c0de9f3a21"
X_MESSAGE_ID = b"PwZ0yMzuQveI1WVxL_eo1A"
CAPTURED: dict[str, str] = {
    "batch_out_of_order": "opened",
    "batch_with_poison": "opened",
    "bounce": "bounced",
    "bounce_asynchronous": "bounced",
    "bounce_blocked_without_status": "failed",
    "bounce_expired": "failed",
    "bounce_without_type": "bounced",
    "click": "clicked",
    "click_on_opt_out_link": "clicked",  # without a public address of ours, no link can be told from another
    "deferred": "sent",
    "delivered": "delivered",
    "dropped_bounced_address": "failed",
    "dropped_invalid": "failed",
    "dropped_reason_in_type": "failed",
    "dropped_spam_content": "failed",
    "dropped_spam_reporting_address": "failed",
    "dropped_unsubscribed_address": "failed",
    "foreign_mail": "delivered",  # none of our ids, but SendGrid's own
    "group_resubscribe": "sent",
    "group_unsubscribe": "unsubscribed",
    "ids_in_upper_case": "delivered",
    "ids_malformed": "sent",
    "keys_twice": "opened",
    "nested_deeply": "clicked",
    "number_beyond_64_bits": "clicked",
    "number_not_a_number": "clicked",
    "open": "opened",
    "open_by_machine": "sent",
    "processed": "sent",
    "spamreport": "complained",
    "text_not_utf8": "clicked",
    "text_with_lone_surrogate": "clicked",
    "text_with_nul": "clicked",
    "timestamp_as_text": "delivered",
    "timestamp_in_milliseconds": "delivered",
    "unknown_event": "sent",
    "unsubscribe": "unsubscribed",
    "without_sg_event_id": "delivered",
}


def test_every_captured_body_goes_in_as_it_came_and_leaves_the_status_written_down_by_hand(service: Running) -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == {*CAPTURED, "account_status_change"}
    pairs = sent_campaigns(service, len(CAPTURED))
    service.clock.advance(ARRIVED - SENT_AT)

    answers = []
    with connected(service.port) as wire:
        for name, (campaign, attempt) in zip(CAPTURED, pairs, strict=True):
            body = (FIXTURES / f"{name}.json").read_bytes()
            ours = {
                CAMPAIGN: campaign["id"], CAPTURED_TENANT: TENANT, MESSAGE: attempt["id"],
                X_MESSAGE_ID: attempt["sendgrid_message_id"],
            }  # fmt: skip
            for theirs, id_ in ours.items():
                body = body.replace(theirs, id_.encode()).replace(theirs.upper(), id_.upper().encode())
            # The captures share their events' ids, which SendGrid would never do.
            body = body.replace(b'"sg_event_id":"', f'"sg_event_id":"{name}-'.encode())
            answers += [service.post_body(body, wire).status, service.post_body(body, wire, chunks=[99]).status]

    rows = service.rows.campaigns(TENANT)
    assert set(answers) == {200}
    assert {n: rows[campaign["id"]]["status"] for n, (campaign, _) in zip(CAPTURED, pairs, strict=True)} == CAPTURED
    assert service.rows.counted(TENANT) == service.rows.recounted(TENANT)


@pytest.mark.parametrize("body", [b"[]\r\n", b"[]"])
def test_an_empty_list_is_taken(service: Running, body: bytes) -> None:
    answer = service.post_body(body)

    assert (answer.status, answer.json) == (200, {"received": 0, "new": 0, "duplicate": 0, "unknown": 0})


def test_a_key_that_stands_twice_counts_with_its_last_value(service: Running) -> None:
    (campaign,) = service.create(["owner@owners.test"])
    twice = json.dumps(event("open", campaign, UNIX))[:-1].encode() + b',"event":"click"}'

    assert service.post_body(joined([twice])).json["new"] == 1
    assert service.rows.campaigns(TENANT)[campaign]["status"] == "clicked"
