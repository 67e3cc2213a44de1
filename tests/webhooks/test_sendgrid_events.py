"""SendGrid's events, from bodies in the shape of the real wire (``tests/fixtures/sendgrid``) to our own words."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from orchestrator import errors
from orchestrator.domain.events import DeliveryEvent, Fact, SuppressionReason
from orchestrator.webhooks import sendgrid

FIXTURES = Path(__file__).parent.parent / "fixtures" / "sendgrid"
OPT_OUT = "https://go.example.test/u/"
CAMPAIGN = "019b8e5c-6a00-7c3e-9a51-2f6d3c1b7a10"
TENANT = "6f1d2c3b-4a59-4e68-8d77-0c1b2a394857"
MESSAGE = "019b8e5c-6a64-7d1f-8b42-51c0de9f3a21"
X_MESSAGE_ID = "PwZ0yMzuQveI1WVxL_eo1A"
#: What nearly every event carries; a row of the table below names only what differs.
USUAL = {
    "tenant_id": TENANT,
    "campaign_id": CAMPAIGN,
    "message_id": MESSAGE,
    "sendgrid_message_id": X_MESSAGE_ID,
    "machine": False,
    "suppress": None,
}
NO_IDS = {"tenant_id": None, "campaign_id": None, "message_id": None}
BOUNCE, UNSUBSCRIBE = SuppressionReason.BOUNCE, SuppressionReason.UNSUBSCRIBE
COMPLAINT, INVALID = SuppressionReason.COMPLAINT, SuppressionReason.INVALID

EXPECTED: list[tuple[str, Fact, str, dict[str, Any]]] = [
    ("processed", Fact.PROCESSED, "processed", {"occurred_at": datetime(2026, 1, 5, 15, 0, tzinfo=UTC)}),
    ("deferred", Fact.DEFERRED, "deferred", {"reason": "451 4.7.1 Greylisting in action, please come back later"}),
    ("delivered", Fact.DELIVERED, "delivered", {"occurred_at": datetime(2026, 1, 5, 15, 0, 5, tzinfo=UTC)}),
    ("bounce", Fact.BOUNCED, "bounced", {"suppress": BOUNCE}),
    ("bounce_without_type", Fact.BOUNCED, "bounced", {"suppress": BOUNCE, "reason": "550 No such user here"}),
    ("bounce_asynchronous", Fact.BOUNCED, "bounced", {"suppress": BOUNCE, "sendgrid_message_id": None}),
    ("bounce_blocked_without_status", Fact.BLOCKED, "blocked", {}),
    ("bounce_expired", Fact.EXPIRED, "expired", {"reason": "unable to deliver: retried for 72 hours"}),
    ("dropped_bounced_address", Fact.DROPPED, "dropped", {"suppress": BOUNCE, "reason": "Bounced Address"}),
    ("dropped_unsubscribed_address", Fact.DROPPED, "dropped", {"suppress": UNSUBSCRIBE}),
    ("dropped_spam_reporting_address", Fact.DROPPED, "dropped", {"suppress": COMPLAINT}),
    ("dropped_invalid", Fact.DROPPED, "dropped", {"suppress": INVALID}),
    ("dropped_spam_content", Fact.DROPPED, "dropped", {"reason": "Spam Content"}),
    ("dropped_reason_in_type", Fact.DROPPED, "dropped", {"suppress": BOUNCE, "sendgrid_message_id": None}),
    ("open", Fact.OPENED, "opened", {"sg_event_id": "6dmx14V0Tge6aVdAj2f-WQ", "reason": None}),
    ("open_by_machine", Fact.MACHINE_OPENED, "opened", {"machine": True}),
    ("click", Fact.CLICKED, "clicked", {}),
    ("click_on_opt_out_link", Fact.NOTED, "clicked", {}),
    ("spamreport", Fact.COMPLAINED, "complained", {"suppress": COMPLAINT}),
    ("unsubscribe", Fact.UNSUBSCRIBED, "unsubscribed", {"suppress": UNSUBSCRIBE}),
    ("group_unsubscribe", Fact.UNSUBSCRIBED, "unsubscribed", {"suppress": UNSUBSCRIBE}),
    ("group_resubscribe", Fact.NOTED, "resubscribed", {}),
    (
        "account_status_change",
        Fact.NOTED,
        "account_status_change",
        {**NO_IDS, "sendgrid_message_id": None, "reason": "compliance_suspend"},
    ),
    ("unknown_event", Fact.NOTED, "unknown:teleported", {"kind": "teleported"}),
    ("timestamp_as_text", Fact.DELIVERED, "delivered", {"occurred_at": datetime(2026, 1, 5, 15, 0, 5, tzinfo=UTC)}),
    ("timestamp_in_milliseconds", Fact.DELIVERED, "delivered", {"occurred_at": None}),
    ("ids_malformed", Fact.DELIVERED, "delivered", {**NO_IDS, "sendgrid_message_id": None}),
    ("ids_in_upper_case", Fact.DELIVERED, "delivered", {}),
    ("without_sg_event_id", Fact.DELIVERED, "delivered", {"sg_event_id": None}),
    ("foreign_mail", Fact.DELIVERED, "delivered", NO_IDS),
    ("text_with_nul", Fact.CLICKED, "clicked", {}),
    ("text_with_lone_surrogate", Fact.CLICKED, "clicked", {}),
    ("text_not_utf8", Fact.CLICKED, "clicked", {}),
    ("number_not_a_number", Fact.CLICKED, "clicked", {}),
    ("number_beyond_64_bits", Fact.CLICKED, "clicked", {}),
    ("nested_deeply", Fact.CLICKED, "clicked", {}),
    ("keys_twice", Fact.OPENED, "opened", {}),
]


def read(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def parse_one(name: str) -> DeliveryEvent:
    (event,) = sendgrid.parse(read(name), opt_out_prefix=OPT_OUT)
    assert isinstance(event, DeliveryEvent)
    return event


def event(**fields: Any) -> DeliveryEvent:
    result = sendgrid.normalise({"event": "delivered", "timestamp": 1767625200, **fields}, opt_out_prefix=OPT_OUT)
    assert isinstance(result, DeliveryEvent)
    return result


@pytest.mark.parametrize(("name", "fact", "event_type", "differs"), EXPECTED, ids=[row[0] for row in EXPECTED])
def test_a_body_from_the_wire_becomes_a_fact(name: str, fact: Fact, event_type: str, differs: dict[str, Any]):
    parsed = parse_one(name)

    expected = {**USUAL, "fact": fact, "event_type": event_type, **differs}
    assert {field: asdict(parsed)[field] for field in expected} == expected


def test_every_fixture_is_in_the_table():
    batches = {"batch_out_of_order", "batch_with_poison"}

    assert {path.stem for path in FIXTURES.glob("*.json")} == {row[0] for row in EXPECTED} | batches


@pytest.mark.parametrize("name", [row[0] for row in EXPECTED])
def test_every_event_can_be_stored_as_jsonb(name: str):
    stored = json.dumps(parse_one(name).raw, allow_nan=False, ensure_ascii=False)

    assert "\\u0000" not in stored.encode("utf-8").decode()


@pytest.mark.parametrize("name", ["text_with_nul", "text_with_lone_surrogate", "text_not_utf8"])
def test_what_postgresql_cannot_store_is_replaced_and_nothing_else(name: str):
    assert parse_one(name).raw["useragent"] == "bot\ufffd/1.0"


def test_keys_are_made_storable_too():
    assert event(**{"a\x00b\ud800": 1}).raw["a\ufffdb\ufffd"] == 1


def test_an_event_id_is_made_storable_although_it_is_no_part_of_the_dedupe_key():
    (parsed,) = sendgrid.parse(b'[{"event":"open","sg_event_id":"a\\u0000b","sg_message_id":"c"}]')

    assert isinstance(parsed, DeliveryEvent)
    assert parsed.sg_event_id == parsed.raw["sg_event_id"] == "a\ufffdb"


def test_the_raw_event_is_kept_as_it_came():
    assert parse_one("bounce").raw == orjson.loads(read("bounce"))[0]


def test_a_batch_keeps_its_order():
    events = sendgrid.parse(read("batch_out_of_order"))

    assert [e.kind for e in events if isinstance(e, DeliveryEvent)] == ["delivered", "processed", "open"]


def test_poison_does_not_cost_the_events_around_it():
    events = sendgrid.parse(read("batch_with_poison"))

    assert [e.kind if isinstance(e, DeliveryEvent) else e.reason for e in events] == [
        "delivered",
        *["The element is not a JSON object."] * 4,
        *["The element has no usable `event` field."] * 3,
        "open",
    ]
    assert len({e.dedupe_key for e in events}) == len(events)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is not JSON: "),
        (b"\r\n", "is not JSON: "),
        (b"hello", "is not JSON: "),
        (b'[{"event":"open"}', "is not JSON: "),
        (b'[{"event":"open"}]x', "is not JSON: "),
        (b"\xff\xfe[\x00]\x00", "is not JSON: "),
        (b"from=owner%40example.test&text=hi", "is not JSON: "),
        (b'{"event":"open"}', "is an object, not a JSON list of events"),
        (b'"open"', "is a text, not a JSON list of events"),
        (b"null", "is null, not a JSON list of events"),
        (b"NaN", "is null, not a JSON list of events"),
        (b"7", "is a single value, not a JSON list of events"),
    ],
)
def test_a_body_that_is_no_list_of_events_is_malformed(body: bytes, message: str):
    with pytest.raises(errors.MalformedPayload) as caught:
        sendgrid.parse(body)

    assert f"The webhook's body {message}" in str(caught.value)


def test_an_empty_list_holds_no_events():
    assert sendgrid.parse(b"[]\r\n") == []


def test_a_byte_order_mark_does_not_matter():
    assert len(sendgrid.parse(b"\xef\xbb\xbf" + read("delivered"))) == 1


@pytest.mark.parametrize(
    ("wire", "occurred_at"),
    [
        (1767625200, datetime(2026, 1, 5, 15, 0, tzinfo=UTC)),
        ("1767625200", datetime(2026, 1, 5, 15, 0, tzinfo=UTC)),
        (1767625200.5, datetime(2026, 1, 5, 15, 0, 0, 500_000, tzinfo=UTC)),
        ("1767625200.5", datetime(2026, 1, 5, 15, 0, 0, 500_000, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (253_402_300_799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        *[(bad, None) for bad in (True, None, "", "soon", "nan", "1_0", "9" * 5000, 10**400, 1e300, -(10**15), [], {})],
    ],
)
def test_the_time_is_the_events_own_or_none(wire: Any, occurred_at: datetime | None):
    assert event(timestamp=wire).occurred_at == occurred_at


def test_an_event_without_a_timestamp_has_no_time():
    parsed = sendgrid.normalise({"event": "open"})

    assert isinstance(parsed, DeliveryEvent)
    assert parsed.occurred_at is None


@pytest.mark.parametrize("flag", [True, 1, "true", "True", "1"])
def test_a_machines_open_is_told_apart(flag: Any):
    parsed = event(event="open", sg_machine_open=flag)

    assert (parsed.fact, parsed.machine, parsed.event_type) == (Fact.MACHINE_OPENED, True, "opened")


@pytest.mark.parametrize("flag", [False, 0, None, "false", "", [], {}])
def test_an_open_without_the_machine_flag_counts_as_a_persons(flag: Any):
    assert event(event="open", sg_machine_open=flag).fact is Fact.OPENED


@pytest.mark.parametrize("kind", ["blocked", "BLOCKED", " Blocked "])
def test_a_message_level_bounce_does_not_suppress_the_address(kind: str):
    parsed = event(event="bounce", type=kind)

    assert (parsed.fact, parsed.event_type, parsed.suppress) == (Fact.BLOCKED, "blocked", None)


@pytest.mark.parametrize(
    ("reason", "suppress"),
    [
        ("BOUNCED ADDRESS", BOUNCE),
        ("unsubscribed address", UNSUBSCRIBE),
        ("Spam reporting address", COMPLAINT),
        ("Invalid Address", INVALID),
        ("Recipient List over Package Quota", None),
        ("Invalid SMTPAPI header", None),
        (None, None),
        (["Bounced Address"], None),
    ],
)
def test_a_drop_suppresses_when_the_address_is_the_reason(reason: Any, suppress: SuppressionReason | None):
    assert event(event="dropped", reason=reason).suppress is suppress


@pytest.mark.parametrize("url", ["https://go.example.test/", "http://go.example.test/u/x", None, 7])
def test_a_click_on_any_other_link_is_a_click(url: Any):
    assert event(event="click", url=url).fact is Fact.CLICKED


def test_without_an_opt_out_prefix_every_click_is_a_click():
    (parsed,) = sendgrid.parse(read("click_on_opt_out_link"))

    assert isinstance(parsed, DeliveryEvent)
    assert parsed.fact is Fact.CLICKED


@pytest.mark.parametrize(
    "wire",
    ["", "not-a-uuid", f"{{{CAMPAIGN}}}", f"urn:uuid:{CAMPAIGN}", CAMPAIGN.replace("-", "_"), f"{CAMPAIGN}0", 7, []],
)
def test_an_id_that_is_no_uuid_is_none(wire: Any):
    assert event(campaign_id=wire).campaign_id is None


def test_a_uuid_object_from_a_python_caller_is_understood():
    assert event(campaign_id=UUID(CAMPAIGN)).campaign_id == CAMPAIGN


@pytest.mark.parametrize("wire", ["filter0093p1las1.9128.5717FB8127.0", "", ".", "a" * 21, "a" * 23, "é" * 22, 5, None])
def test_a_message_id_without_an_x_message_id_is_none(wire: Any):
    assert event(sg_message_id=wire).sendgrid_message_id is None


def test_an_unknown_word_is_kept_short_enough_to_store():
    parsed = event(event="x" * 1000)

    assert parsed.event_type == "unknown:" + "x" * 56
    assert len(parsed.kind) == 64


def test_a_long_reason_is_shortened():
    reason = event(event="bounce", reason="y" * 501).reason

    assert reason == "y" * 499 + "…"


def test_a_long_event_id_is_replaced_by_its_hash():
    first, second = event(sg_event_id="a" * 3000).sg_event_id, event(sg_event_id="a" * 2999 + "b").sg_event_id

    assert first is not None
    assert first.startswith("sha256:")
    assert len(first) == 71
    assert first != second
