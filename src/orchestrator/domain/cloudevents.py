"""The envelope of everything this package tells other systems: CloudEvents 1.0 in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from orchestrator import errors
from orchestrator.domain.text import JsonText


class WrittenEvent(NamedTuple):
    """A CloudEvent as JSON, with what is to be known of it without reading it."""

    id: str
    type: str
    text: JsonText


def cloud_event(
    *,
    id: str,
    type: str,
    source: str,
    time: datetime,
    data: Mapping[str, Any],
    subject: str | None = None,
    tenant_id: str | None = None,
    correlation_id: str | None = None,
) -> dict[str, Any]:
    """Return one event in the JSON format of CloudEvents 1.0.

    Args:
        id: Unique per source; consumers drop an event whose id they have seen.
        type: For example ``event.outreach.sent``.
        source: URI reference of the sender, for example ``/outreach-orchestrator``.
        time: Aware datetime of the occurrence; written as RFC 3339 in UTC.
        data: JSON object of the event itself.
        subject: What the event is about within the source, for example the campaign's id.
        tenant_id: Extension attribute ``tenantid``, so that a broker can route without reading `data`.
        correlation_id: Extension attribute ``correlationid``. (Attribute names hold only a–z and 0–9: spec §3.)

    Raises:
        ValidationError: A required attribute is empty, or `time` has no zone.
    """
    required = {"id": id, "type": type, "source": source}
    for name, value in required.items():
        if not value:
            raise errors.ValidationError(name, "CloudEvents 1.0 requires it to be a non-empty string")
    if time.utcoffset() is None:
        raise errors.ValidationError("time", "must carry a time zone")
    optional = {"subject": subject, "tenantid": tenant_id, "correlationid": correlation_id}
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "time": time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **{name: value for name, value in optional.items() if value},
        "data": dict(data),
    }
