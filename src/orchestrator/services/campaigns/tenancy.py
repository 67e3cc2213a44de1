"""What may be decided for one tenant as a whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator import contracts, errors
from orchestrator.domain.schedule import LONGEST_SECONDS, MissedPolicy
from orchestrator.repository import Transaction, tenants
from orchestrator.repository.tenants import Tenant

Begin = Callable[[], AbstractContextManager[Transaction]]


def set_missed_schedule(begin: Begin, tenant_id: str, policy: str | None, after: int | None) -> Tenant:
    """Decide what becomes of the tenant's mail that missed its time; None: as configured for everybody.

    Args:
        begin: Opens a write transaction.
        tenant_id: The tenant's canonical UUID.
        policy: ``send``, ``skip`` or ``hold``.
        after: Seconds after which mail that is due has missed its time.

    Raises:
        ValidationError: Neither of these words, or no such number of seconds.
    """
    if policy is not None and policy not in list(MissedPolicy):
        raise errors.ValidationError("policy", f"must be one of {', '.join(MissedPolicy)}, not {policy!r}")
    whole = isinstance(after, int) and not isinstance(after, bool)
    if after is not None and not (whole and 0 <= after <= LONGEST_SECONDS):
        raise errors.ValidationError("after", f"must be a whole number of seconds from 0 to {LONGEST_SECONDS:,}")
    with begin() as tx:
        tenants.set_missed(tx, tenant_id, None if policy is None else MissedPolicy(policy), after)
        return tenants.get(tx, tenant_id)


def describe(begin: Begin, tenant_id: str, name: str | None, time_zone: str | None) -> Tenant:
    """Say how a tenant is called and by which clock it lives; None leaves what there is.

    Args:
        begin: Opens a write transaction.
        tenant_id: The tenant's canonical UUID.
        name: What people call it, up to 200 characters.
        time_zone: IANA name, for example ``America/New_York``.

    Raises:
        ValidationError: The name is no text on one line, or there is no such zone.
    """
    given = {"name": contracts.parse_label("name", name), "time_zone": _zone(time_zone)}
    with begin() as tx:
        columns = {field: value for field, value in given.items() if value is not None}
        if columns:
            tenants.describe(tx, tenant_id, **columns)
        return tenants.get(tx, tenant_id)


def _zone(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fix = "Use an IANA name such as America/New_York, Europe/Berlin or UTC."
        raise errors.ValidationError("time_zone", f"there is no time zone {name!r}", fix=fix) from None
