"""What may be decided for one tenant as a whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from orchestrator import errors
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
