"""Every kind of report: what it does to its campaign, to its owner's other campaigns, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import SENT_AT, Running
from tests.conformance.reports import KINDS, SUPPRESSING, event, reading
from tests.conformance.rows import times
from tests.samples import TENANT

SINCE = int(SENT_AT.timestamp())


def standing(service: Running, campaigns: list[str]) -> dict[str, Any]:
    rows = service.rows.campaigns(TENANT)
    return {id_: (rows[id_]["status"], times(rows[id_])) for id_ in campaigns}


def assert_counters_are_exact(service: Running) -> None:
    assert service.rows.counted(TENANT) == service.rows.recounted(TENANT)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_report_does_what_it_says_and_nothing_twice(service: Running, kind: str) -> None:
    emails = ["owner@owners.test", "owner@owners.test", "other@owners.test"]
    campaigns = service.create(emails)
    addresses = dict(zip(campaigns, emails, strict=True))
    report = event(kind, campaigns[0], SINCE + 60, sg_event_id="one")

    first = service.post([report])
    everything = service.rows.everything()
    again = service.post([report, report | {"sg_event_id": "another"}])

    assert (first.status, first.json) == (200, {"received": 1, "new": 1, "duplicate": 0, "unknown": 0})
    assert (again.status, again.json) == (200, {"received": 2, "new": 0, "duplicate": 2, "unknown": 0})
    assert service.rows.everything() == everything
    assert standing(service, campaigns) == reading([(kind, campaigns[0], SINCE + 60)], addresses)
    assert ("owner@owners.test" in service.rows.suppressed(TENANT)) == (kind in SUPPRESSING)
    assert_counters_are_exact(service)
