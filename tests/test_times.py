"""Moments as callers write them: every way that names one moment is taken, every other is refused with the remedy."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.contracts import parse_time
from orchestrator.repository import OutreachRepository
from tests.samples import MEMO_URL, SCORE, TENANT, facade, property_record

NEW_YORK = ZoneInfo("America/New_York")
NINE = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


class Stamp(datetime):
    """As data frames have them."""


TAKEN: dict[str, tuple[Any, datetime]] = {
    "UTC": (NINE, NINE),
    "a zone": (datetime(2026, 3, 2, 9, tzinfo=NEW_YORK), NINE),
    "an offset of half an hour": (datetime(2026, 3, 2, 19, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), NINE),
    "the widest offset": (datetime(2026, 3, 3, 13, 59, tzinfo=timezone(timedelta(hours=23, minutes=59))), NINE),
    "text with an offset": ("2026-03-02T09:00:00-05:00", NINE),
    "text with Z": ("2026-03-02T14:00:00Z", NINE),
    "text with spaces around": (" 2026-03-02 14:00Z\n", NINE),
    "text without punctuation": ("20260302T140000Z", NINE),
    "text by week": ("2026-W10-1T14:00:00+00:00", NINE),
    "microseconds": ("2026-03-02T14:00:00.000001Z", NINE + timedelta(microseconds=1)),
    "an hour that spring skips": (
        datetime(2026, 3, 8, 2, 30, tzinfo=NEW_YORK), datetime(2026, 3, 8, 7, 30, tzinfo=UTC),
    ),
    "the first of two hours in autumn": (
        datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK), datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
    ),
    "the second of them": (
        datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=1), datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    ),
    "long ago": ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    "the last moment there is": (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    "a subclass": (Stamp(2026, 3, 2, 14, tzinfo=UTC), NINE),
}  # fmt: skip


@pytest.mark.parametrize(("given_", "moment"), TAKEN.values(), ids=TAKEN.keys())
def test_whatever_names_one_moment_is_taken(given_: Any, moment: datetime) -> None:
    parsed = parse_time("scheduled_at", given_)
    assert parsed == moment
    assert parsed.tzinfo is UTC
    assert type(parsed) is datetime


class Undecided(tzinfo):
    def utcoffset(self, dt: datetime | None, /) -> timedelta | None: ...


REFUSED: dict[str, tuple[Any, str, str]] = {
    "a naive datetime": (datetime(2026, 3, 2, 9), "no time zone", "Add an offset"),
    "naive text": ("2026-03-02T09:00:00", "no time zone", "Add an offset"),
    "a zone that does not know": (datetime(2026, 3, 2, 9, tzinfo=Undecided()), "no time zone", "Add an offset"),
    "a day": (date(2026, 3, 2), "day without a time", "Write it like"),
    "a day as text": ("2026-03-02", "no time zone", "Add an offset"),
    "seconds": (1772460000, "is a number", "fromtimestamp"),
    "milliseconds": (1772460000000.0, "is a number", "fromtimestamp"),
    "a truth": (True, "not bool", "Write it like"),
    "a word": ("tomorrow", "'tomorrow' is not a time", "Write it like"),
    "a day that is none": ("2026-02-30T09:00:00Z", "is not a time", "Write it like"),
    "a leap second": ("2026-06-30T23:59:60Z", "is not a time", "Write it like"),
    "nothing": ("", "'' is not a time", "Write it like"),
    "a list": ([NINE], "not list", "Write it like"),
    "beyond the calendar": ("9999-12-31T23:59:59-01:00", "beyond the years", "Write it like"),
    "before the calendar": ("0001-01-01T00:00:00+01:00", "beyond the years", "Write it like"),
    "a slip of the year": ("0026-03-02T09:00:00Z", "in the year 26", "Correct the year"),
}


@pytest.mark.parametrize(("given_", "why", "fix"), REFUSED.values(), ids=REFUSED.keys())
def test_whatever_does_not_is_refused_with_field_and_remedy(given_: Any, why: str, fix: str) -> None:
    with pytest.raises(errors.ValidationError, match=why) as caught:
        parse_time("scheduled_at", given_)
    assert caught.value.field == "scheduled_at"
    assert "scheduled_at" in str(caught.value)
    assert fix in str(caught.value.fix)


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()))
def test_a_moment_is_the_same_however_it_is_written(moment: datetime) -> None:
    assert parse_time("x", moment) == moment.astimezone(UTC)
    assert parse_time("x", moment.astimezone(UTC).isoformat()) == moment.astimezone(UTC)


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00.000001Z", "2026-01-05T15:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_every_moment_comes_back_from_the_database_as_it_went_in(dsn: str, at: str, manual_clock: ManualClock) -> None:
    repository = OutreachRepository(dsn, clock=manual_clock)
    with facade(repository, clock=manual_clock) as (orchestrator, transport):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL, at)
        stored = orchestrator.get_campaign(campaign.id, TENANT)
        assert stored is not None
        assert stored.scheduled_at == campaign.scheduled_at == datetime.fromisoformat(at)
        assert stored.next_send_at == max(datetime.fromisoformat(at), manual_clock.now())
        orchestrator.send_due()
        assert bool(transport.sent) is (datetime.fromisoformat(at) <= manual_clock.now())
        again = orchestrator.get_campaign(campaign.id, TENANT)
        assert again is not None
        assert again.status is (OutreachStatus.SENT if transport.sent else OutreachStatus.SCHEDULED)
    repository.close()
