"""Which events are the same event, delivered again."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from orchestrator.domain.events import DeliveryEvent
from orchestrator.webhooks import sendgrid

FIXTURES = Path(__file__).parent.parent / "fixtures" / "sendgrid"
CLICK = (FIXTURES / "click.json").read_bytes()


def parse_one(body: bytes) -> DeliveryEvent:
    (event,) = sendgrid.parse(body)
    assert isinstance(event, DeliveryEvent)
    return event


def test_a_redelivery_with_another_event_id_has_the_same_dedupe_key():
    original = orjson.loads(CLICK)[0]
    again = {**dict(reversed(original.items())), "sg_event_id": "another"}

    assert sendgrid.normalise(again).dedupe_key == parse_one(CLICK).dedupe_key


@pytest.mark.parametrize("field", ["timestamp", "url", "ip", "email", "campaign_id", "event"])
def test_events_that_differ_anywhere_else_are_not_merged(field: str):
    original = orjson.loads(CLICK)[0]

    assert sendgrid.normalise({**original, field: "other"}).dedupe_key != parse_one(CLICK).dedupe_key


def test_the_dedupe_key_is_a_sha_256_in_hex():
    key = parse_one((FIXTURES / "text_with_nul.json").read_bytes()).dedupe_key

    assert len(bytes.fromhex(key)) == 32
