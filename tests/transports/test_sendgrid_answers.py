"""The classification is total: any answer gives one of the four outcomes, and the dangerous mistakes never happen."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.message import Accepted, NotSent, Outcome, Rejected, Unknown
from orchestrator.transports.sendgrid_answers import LONGEST_REASON, LONGEST_WAIT, classify

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["errors", "message", "field"]), inner),
    max_leaves=8,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(st.sampled_from(["Retry-After", "X-RateLimit-Reset", "X-Message-Id"]), st.text(max_size=40))


def reason(outcome: Outcome) -> str:
    return "" if isinstance(outcome, Accepted) else outcome.reason


@settings(deadline=None, max_examples=400)
@given(st.integers(100, 999), HEADERS, BODIES, st.booleans(), st.floats(0, 4e9))
def test_any_answer_gives_an_outcome_that_can_be_stored(
    status: int, headers: dict[str, str], body: bytes, validation_only: bool, now: float
) -> None:
    outcome = classify(status, headers, body, validation_only=validation_only, now=now)
    assert reason(outcome).isprintable()
    assert len(reason(outcome)) <= LONGEST_REASON + 200
    if isinstance(outcome, NotSent) and outcome.retry_after is not None:
        assert 0 <= outcome.retry_after <= LONGEST_WAIT


@pytest.mark.parametrize("validation_only", [False, True])
def test_the_whole_table(validation_only: bool) -> None:
    expected: dict[int, type] = dict.fromkeys(range(100, 1000), Unknown)
    expected |= dict.fromkeys(range(400, 500), Rejected)
    expected |= dict.fromkeys([301, 302, 307, 308, 401, 403, 429, 503], NotSent)
    expected |= {202: Accepted, 408: Unknown} | ({200: Accepted} if validation_only else {})
    found = {status: type(classify(status, {}, b"", validation_only=validation_only, now=0.0)) for status in expected}
    assert found == expected


@pytest.mark.parametrize("value", ["", "  ", "\udcff", "a\tb", "x" * 129])
def test_a_message_id_that_cannot_be_one_counts_as_missing(value: str) -> None:
    assert classify(202, {"X-Message-Id": value}, b"", validation_only=False, now=0.0) == Accepted(None)


@pytest.mark.parametrize(
    "date",
    ["Thu, 01 Jan 99999 00:00:00 GMT", "Thu, 32 Jan 2026 00:00:00 GMT", "Mon, 05 Jan 2026 15:00:00 +99999", "GMT"],
)
def test_an_impossible_date_is_no_wish(date: str) -> None:
    outcome = classify(429, {"Retry-After": date}, b"", validation_only=False, now=0.0)
    assert outcome == NotSent("SendGrid answered 429: no error message.", retry_after=None, status=429)
