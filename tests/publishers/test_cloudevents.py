"""The envelope of published events, attribute by attribute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from orchestrator import errors
from orchestrator.domain.cloudevents import cloud_event

GIVEN: dict[str, Any] = {
    "id": "e-1",
    "type": "event.outreach.sent",
    "source": "/outreach-orchestrator",
    "time": datetime(2026, 1, 5, 15, 0, 0, 120_000, tzinfo=UTC),
    "data": {"campaign_id": "c-1"},
}


def test_an_event_with_everything() -> None:
    assert cloud_event(**GIVEN, subject="c-1", tenant_id="t-1", correlation_id="m-1") == {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/outreach-orchestrator",
        "type": "event.outreach.sent",
        "time": "2026-01-05T15:00:00.120000Z",
        "datacontenttype": "application/json",
        "subject": "c-1",
        "tenantid": "t-1",
        "correlationid": "m-1",
        "data": {"campaign_id": "c-1"},
    }


def test_what_is_not_given_is_left_out() -> None:
    assert not cloud_event(**GIVEN).keys() & {"subject", "tenantid", "correlationid"}


def test_attribute_names_are_legal() -> None:
    event = cloud_event(**GIVEN, subject="c-1", tenant_id="t-1", correlation_id="m-1")
    assert all(name.isascii() and name.isalnum() and name.islower() for name in event)


def test_time_is_told_in_utc() -> None:
    summer = datetime(2026, 7, 1, 9, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert cloud_event(**GIVEN | {"time": summer})["time"] == "2026-07-01T14:30:00Z"


def test_the_envelope_does_not_share_its_data_with_the_caller() -> None:
    data = {"status": "sent"}
    event = cloud_event(**GIVEN | {"data": data})
    data["status"] = "changed"
    assert event["data"] == {"status": "sent"}


@pytest.mark.parametrize("name", ["id", "type", "source"])
def test_a_required_attribute_must_not_be_empty(name: str) -> None:
    with pytest.raises(errors.ValidationError, match=name):
        cloud_event(**GIVEN | {name: ""})


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(errors.ValidationError, match="time zone"):
        cloud_event(**GIVEN | {"time": datetime(2026, 1, 5)})
