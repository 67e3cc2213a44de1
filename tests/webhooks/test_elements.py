"""A list is taken apart where its elements end, whatever stands inside them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.events import DeliveryEvent, MalformedEvent
from orchestrator.webhooks import sendgrid
from orchestrator.webhooks.elements import split

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=5), inside, max_size=4),
    max_leaves=12,
)


@given(values=st.lists(json_values, min_size=1, max_size=6), spaced=st.booleans())
def test_the_pieces_of_any_list_are_its_elements(values: list[Any], spaced: bool) -> None:
    body = json.dumps(values, indent=2 if spaced else None, ensure_ascii=False).encode()
    assert [json.loads(piece) for piece in split(body)] == values


@pytest.mark.parametrize("deep", [b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000])
def test_what_is_too_deep_to_read_costs_only_itself(deep: bytes) -> None:
    first, second, third = sendgrid.parse(b'[{"event":"open"},' + deep + b',{"event":"click"}]')
    assert isinstance(first, DeliveryEvent)
    assert isinstance(third, DeliveryEvent)
    assert isinstance(second, MalformedEvent)
    assert "nested too deeply" in second.reason
    assert len(second.raw["unreadable"]) <= 2_000
