"""The work of ``suppress add|remove|list|check|sync``."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from orchestrator import errors
from orchestrator.cli import session
from orchestrator.cli.output import Output
from orchestrator.repository.suppressions import Entry
from orchestrator.services.owners.suppression import Check, parse_kind, parse_reason
from orchestrator.services.owners.suppression_lists import SENDGRID_LISTS

_LIST = ("kind", "value", "reason", "source", "created_at", "ends_at")


def add(tenant: str, what: str, reason: str, source: str, kind: str | None, output: Output) -> None:
    """Put one entry on the list. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        added = orchestrator.operations.suppressions.add(tenant, what, kind=kind, reason=reason, source=source)
    if output.structured:
        output.document({**told(added.entry), "new": added.new, "stopped": added.stopped})
        return
    output.rows("", _LIST, [tuple(told(added.entry)[name] for name in _LIST)])
    output.say(f"{_many(added.stopped)} left the queue." if added.new else "It was on the list before.")


def remove(
    tenant: str, what: str, output: Output, *, kind: str | None, reason: str | None, why: str | None, consent: bool
) -> None:
    """Take entries off the list. Raises `ValidationError`, `SuppressionStays`."""
    with session.opened() as orchestrator:
        removed = orchestrator.operations.suppressions.remove(
            tenant, what, kind=kind, reason=reason, why=why, consent=consent, by="the command line"
        )
    if output.structured:
        output.document({"removed": [told(entry) for entry in removed.entries], "returned": removed.returned})
        return
    output.rows("", _LIST, ([told(entry)[name] for name in _LIST] for entry in removed.entries))
    if not removed.entries:
        output.say("Nothing was on the list about it.")
    output.say(f"{_many(removed.returned)} returned to the queue.")


def list_entries(
    tenant: str, output: Output, *, kind: str | None, reason: str | None, limit: int, after: str | None
) -> None:
    """Write a page of the list. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        found = orchestrator.operations.suppressions.list_(
            tenant, kind=kind, reason=reason, limit=limit, after=None if after is None else _behind(after)
        )
    output.records("Suppression list", _LIST, ({**told(entry), "cursor": cursor(entry)} for entry in found))
    if len(found) == limit:
        output.say(f"→ more: outreach suppress list --limit {limit} --after {cursor(found[-1])}")


def check(tenant: str, address: str, property_id: str | None, output: Output) -> bool:
    """Say whether an address would be written to, and why not; return whether it would. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        found = orchestrator.operations.suppressions.check(tenant, address, property_id)
    if output.structured:
        output.document(
            {
                "address": found.address, "address_key": found.address_key, "allowed": found.allowed,
                "entries": [told(entry) for entry in found.entries], "lifted": [asdict(one) for one in found.lifted],
                "hold": found.hold, "soft_bounces": found.soft_bounces,
            }
        )  # fmt: skip
    else:
        _explain(found, output)
    return found.allowed


def _explain(found: Check, output: Output) -> None:
    name = found.address_key.replace("[", r"\[")
    if found.allowed:
        output.write(f"{found.address_key}: may be written to")
    else:
        output.write(f"{found.address_key}: must not be written to")
        output.rows("", _LIST, ([told(entry)[name] for name in _LIST] for entry in found.entries))
    for one in found.lifted:
        output.say(f"Once: {one.reason}, taken back on {one.lifted_at:%Y-%m-%d} ({one.why}).".replace("[", r"\["))
    if found.hold:
        output.say(f"Mail to {name} is held: {found.hold}.".replace("[", r"\["))
    if found.soft_bounces and found.allowed:
        output.say(f"{found.soft_bounces} mails had expired there in a row when the last one did.")


def sync(tenant: str, names: list[str], output: Output) -> None:
    """Read SendGrid's lists. Raises `ValidationError`, `ConfigurationError`, `ProviderUnreachable`."""
    unknown = sorted(set(names) - {*SENDGRID_LISTS})
    if unknown:
        raise errors.ValidationError("--list", f"must be one of {', '.join(SENDGRID_LISTS)}, not {unknown[0]!r}")
    with session.opened() as orchestrator:
        found = orchestrator.operations.suppressions.sync(tenant, names or SENDGRID_LISTS)
    columns = ("list", "listed", "new", "unusable", "stopped", "suppresses")
    output.records("SendGrid's lists", columns, ({"list": name, **asdict(one)} for name, one in found.items()))
    output.say(f"{sum(one.new for one in found.values()):,} entries are new. Blocks are about single mails only.")


def told(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain data."""
    return {name: getattr(entry, name) for name in _LIST}


def cursor(entry: Entry) -> str:
    """Return a place in the list, for ``--after``."""
    place = json.dumps([entry.kind, entry.value, entry.reason, entry.source])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _behind(after: str) -> Entry:
    try:
        kind, value, reason, source = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        return Entry(
            tenant_id="", kind=parse_kind(kind), value=str(value), reason=parse_reason(reason), source=str(source),
            created_at=datetime.min.replace(tzinfo=UTC),
        )  # fmt: skip
    except (ValueError, TypeError):
        fix = "Take it from the hint under the page before, or from its `cursor` (--json)."
        raise errors.ValidationError("--after", "is no place in the list", fix=fix) from None


def _many(count: int) -> str:
    return "1 campaign" if count == 1 else f"{count:,} campaigns"
