"""What SendGrid may report about a mail, and a naive reading of it: look at everything there is, take the highest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.samples import TENANT

Event = dict[str, Any]

#: Every kind of report, in the fields that tell it from the others.
KINDS: dict[str, Event] = {
    "processed": {"event": "processed", "send_at": 0, "pool": {"name": "main", "id": 7}},
    "deferred": {"event": "deferred", "attempt": "45", "tls": 0, "response": "451 4.7.1 Greylisting"},
    "delivered": {"event": "delivered", "tls": 1, "response": "250 2.0.0 OK", "ip": "192.0.2.25"},
    "bounce": {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 No such user", "tls": 1},
    "bounce without type": {"event": "bounce", "reason": "550 No such user"},
    "blocked": {"event": "bounce", "type": "blocked", "reason": "unable to get mx info", "tls": 0},
    "expired": {"event": "bounce", "type": "expired", "reason": "retried for 72 hours"},
    "dropped": {"event": "dropped", "reason": "Spam Content", "status": "5.0.0"},
    "dropped: bounced": {"event": "dropped", "reason": "Bounced Address"},
    "dropped: unsubscribed": {"event": "dropped", "reason": "Unsubscribed Address"},
    "dropped: complained": {"event": "dropped", "type": "Spam Reporting Address"},
    "dropped: invalid": {"event": "dropped", "reason": "Invalid"},
    "open": {"event": "open", "useragent": "Mozilla/5.0", "ip": "198.51.100.17", "sg_content_type": "html"},
    "machine open": {"event": "open", "sg_machine_open": True, "useragent": "Mozilla/5.0"},
    "click": {"event": "click", "url": "https://memo.example.com/1", "url_offset": {"index": 0, "type": "html"}},
    "spamreport": {"event": "spamreport"},
    "unsubscribe": {"event": "unsubscribe"},
    "group_unsubscribe": {"event": "group_unsubscribe", "asm_group_id": 12},
    "group_resubscribe": {"event": "group_resubscribe", "asm_group_id": 12},
}
_SENT: dict[str, str] = {"sent_at": "sent"}
#: The times each kind leaves, and the status each of those times argues for, from the lowest to the highest.
_LEAVES: dict[str, dict[str, str]] = {
    "processed": _SENT,
    "deferred": _SENT,
    "delivered": _SENT | {"delivered_at": "delivered"},
    "bounce": _SENT | {"bounced_at": "bounced"},
    "bounce without type": _SENT | {"bounced_at": "bounced"},
    "blocked": _SENT | {"failed_at": "failed"},
    "expired": _SENT | {"failed_at": "failed"},
    "dropped": _SENT | {"failed_at": "failed"},
    "dropped: bounced": _SENT | {"failed_at": "failed"},
    "dropped: unsubscribed": _SENT | {"failed_at": "failed"},
    "dropped: complained": _SENT | {"failed_at": "failed"},
    "dropped: invalid": _SENT | {"failed_at": "failed"},
    "open": _SENT | {"opened_at": "opened"},
    "machine open": _SENT | {"machine_opened_at": "sent"},
    "click": _SENT | {"opened_at": "opened", "clicked_at": "clicked"},
    "spamreport": _SENT | {"complained_at": "complained"},
    "unsubscribe": _SENT | {"unsubscribed_at": "unsubscribed"},
    "group_unsubscribe": _SENT | {"unsubscribed_at": "unsubscribed"},
    "group_resubscribe": {},
}
_RANKS = ["sent", "failed", "delivered", "opened", "clicked", "bounced", "unsubscribed", "complained"]
SUPPRESSING = {
    "bounce", "bounce without type", "dropped: bounced", "dropped: unsubscribed", "dropped: complained",
    "dropped: invalid", "spamreport", "unsubscribe", "group_unsubscribe",
}  # fmt: skip


def event(kind: str, campaign_id: str, at: int, **more: Any) -> Event:
    """A report of `kind` about a campaign, at unix time `at`; `more` are further fields."""
    ours = {"campaign_id": campaign_id, "tenant_id": TENANT, "category": ["outreach"]}
    return {"email": "owner@owners.test", "timestamp": at, **ours, **KINDS[kind], **more}


def reading(
    reports: Iterable[tuple[str, str, int]], addresses: Mapping[str, str]
) -> dict[str, tuple[str, dict[str, datetime]]]:
    """Where each campaign must stand, and the times it must have, after all of `reports` in whatever order.

    Args:
        reports: (kind, campaign id, unix time) of everything that was ever reported.
        addresses: The owner's address of each campaign; an address that is lost is lost for all its campaigns.
    """
    everything = list(reports)
    lost = {addresses[campaign] for kind, campaign, _ in everything if kind in SUPPRESSING}
    found: dict[str, tuple[str, dict[str, datetime]]] = {}
    for campaign, address in addresses.items():
        stamps: dict[str, datetime] = {}
        argued = []
        for kind, about, at in everything:
            if about == campaign:
                moment = datetime.fromtimestamp(at, UTC)
                stamps |= {name: min(moment, stamps.get(name, moment)) for name in _LEAVES[kind]}
                argued += _LEAVES[kind].values()
        nothing = "suppressed" if address in lost else "scheduled"
        found[campaign] = (max(argued, key=_RANKS.index, default=nothing), stamps)
    return found
