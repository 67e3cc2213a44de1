"""Pausing and resuming: all accounts or one tenant by a person, all accounts by what SendGrid reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import structlog

from orchestrator.domain.events import DeliveryEvent, MalformedEvent
from orchestrator.repository import Transaction, accounts, events, tenants
from orchestrator.repository.accounts import EVERY, PauseKind

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

CHANGE = "account_status_change"
#: What SendGrid's compliance team does to an account (Event Webhook reference, ``account_status_change``).
SUSPENDED = frozenset({"compliance_suspend", "compliance_deactivate", "compliance_ban"})
REACTIVATED = "reactivate"


def pause(begin: Begin, reason: str, tenant_id: str | None) -> bool:
    """Let nothing be claimed any more, of one tenant or (None) for any account; False: it was so already."""
    with begin() as tx:
        if tenant_id is not None:
            return tenants.pause(tx, tenant_id, reason)
        before = accounts.lock(tx, EVERY)
        accounts.pause(tx, EVERY, PauseKind.OPERATOR, reason)
        return before.pause_kind is not PauseKind.OPERATOR


def resume(begin: Begin, tenant_id: str | None) -> bool:
    """Let mail be claimed again, of one tenant or (None) for every account, whoever paused it; False: it was."""
    with begin() as tx:
        if tenant_id is not None:
            return tenants.resume(tx, tenant_id)
        # In the order of their names, as everybody locks who locks several.
        resumed = [accounts.resume(tx, row.account) for row in accounts.known(tx)]
        return any(resumed)


def note_account_changes(tx: Transaction, incoming: Iterable[DeliveryEvent | MalformedEvent]) -> None:
    """Pause every account when SendGrid suspended ours, and lift only that pause when it reactivated it.

    The event names no account, so it speaks for all that this installation sends through. The latest one counts,
    whatever the order of arrival, and one that is known already changes nothing: a person may have resumed since.
    Call it before these events are kept aside.
    """
    changes = [event for event in incoming if isinstance(event, DeliveryEvent) and event.kind == CHANGE]
    if not changes:
        return
    accounts.lock(tx, EVERY)  # then look: another batch may carry the same events
    known = events.unmatched_of_kind(tx, CHANGE)
    new = [event.raw for event in changes if event.dedupe_key not in known]
    told = [change for change in map(_change, [*known.values(), *new]) if change is not None]
    if not new or not told:
        return
    at, suspends, kind = max(told)
    if suspends:
        reason = f"SendGrid reported {kind} at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
        log.error("sending paused", action="send.account_paused", kind="compliance", reason=reason)
        accounts.pause(tx, EVERY, PauseKind.COMPLIANCE, reason)
    elif accounts.resume(tx, EVERY, PauseKind.COMPLIANCE):
        log.warning("account reactivated", action="send.account_resumed")


def _change(raw: Any) -> tuple[int, bool, str] | None:
    """Return (when, whether it suspends, what it is called); of two in one second the suspension counts."""
    kind, at = (raw.get("type"), raw.get("timestamp")) if isinstance(raw, dict) else (None, None)
    if kind != REACTIVATED and kind not in SUSPENDED:
        return None
    if not isinstance(at, int) or not 0 <= at < 32_503_680_000:  # the year 3000: beyond it is no time
        at = 0
    return at, kind in SUSPENDED, str(kind)
