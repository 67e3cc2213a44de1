"""What must hold for anything that may arrive as a webhook."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import errors
from orchestrator.domain.events import DeliveryEvent, MalformedEvent
from orchestrator.webhooks import sendgrid

OPT_OUT = "https://go.example.test/u/"
WORDS = ["processed", "deferred", "delivered", "bounce", "dropped", "open", "click", "spamreport", "group_unsubscribe"]
FIELDS = ["event", "timestamp", "type", "reason", "response", "url", "sg_machine_open", "sg_event_id", "sg_message_id"]

texts = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates and NUL too
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
names = texts | st.sampled_from([*FIELDS, "campaign_id", "tenant_id", "outreach_message_id"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5), max_leaves=12
)
words = texts | st.sampled_from(WORDS)
events = st.builds(lambda fields, word: {**fields, "event": word}, st.dictionaries(names, values, max_size=8), words)
# The machine that runs this may be busy with other tests.
unhurried = settings(deadline=None)


def outcome(body: bytes) -> list[DeliveryEvent | MalformedEvent] | str:
    try:
        return sendgrid.parse(body, opt_out_prefix=OPT_OUT)
    except errors.MalformedPayload as error:
        return str(error)


@unhurried
@given(st.lists(values | events, max_size=6))
def test_any_json_list_gives_one_storable_result_per_element(elements: list[Any]):
    results = sendgrid.parse(json.dumps(elements).encode(), opt_out_prefix=OPT_OUT)

    assert len(results) == len(elements)
    for result in results:
        assert isinstance(result, DeliveryEvent | MalformedEvent)
        assert b"\\u0000" not in orjson.dumps(result.raw).replace(b"\\\\", b"")  # an escaped backslash is no escape


@unhurried
@given(values.filter(lambda value: not isinstance(value, list)))
def test_any_other_json_value_is_refused_as_no_list(value: Any):
    assert "not a JSON list of events" in str(outcome(json.dumps(value).encode()))


@unhurried
@given(st.binary(max_size=64))
def test_any_bytes_either_parse_or_are_refused_in_words(body: bytes):
    result = outcome(body)

    assert isinstance(result, list) or result.startswith("The webhook's body is ")


@unhurried
@given(events)
def test_an_event_means_the_same_as_text_and_as_dict(fields: dict[str, Any]):
    (parsed,) = sendgrid.parse(json.dumps([fields]).encode(), opt_out_prefix=OPT_OUT)
    loaded = sendgrid.normalise(fields, opt_out_prefix=OPT_OUT)

    assert loaded == parsed
