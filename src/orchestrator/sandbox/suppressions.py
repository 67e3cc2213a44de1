"""The account's suppression lists and what they do to the next mail.

Bounces, invalid addresses, spam reports and unsubscribes stop later mail (it becomes `dropped`); blocks are only kept
for information (SendGrid: a block is about one message).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

from orchestrator.sandbox.message import Message

LISTS = ("bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes")


class Gate(NamedTuple):
    """A list that stops mail, the reason its `dropped` events give, and the setting that bypasses it."""

    list: str
    reason: str
    bypass: str


GATES = (
    Gate("spam_reports", "Spam Reporting Address", "bypass_spam_management"),
    Gate("bounces", "Bounced Address", "bypass_bounce_management"),
    Gate("invalid_emails", "Invalid", "bypass_bounce_management"),
    Gate("unsubscribes", "Unsubscribed Address", "bypass_unsubscribe_management"),
)


class Suppressions:
    """Entries by list and lower-case address. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in LISTS}
        self._groups: dict[int, set[str]] = {}

    def add(self, name: str, email: str, created: int, **details: Any) -> None:
        """Put an address on a list; the latest entry wins.

        Args:
            name: One of `LISTS`.
            email: The address.
            created: Unix seconds.
            details: What that list's entries carry besides (``reason``, ``status``, ``ip``).
        """
        with self._lock:
            self._lists[name][email.lower()] = {"created": created, "email": email, **details}

    def entries(self, name: str) -> list[dict[str, Any]]:
        """Return a list's entries, newest first, as SendGrid does."""
        with self._lock:
            return sorted(self._lists[name].values(), key=lambda entry: -entry["created"])

    def entry(self, name: str, email: str) -> dict[str, Any] | None:
        with self._lock:
            return self._lists[name].get(email.lower())

    def remove(self, name: str, emails: Iterable[str] | None) -> int:
        """Take addresses (None: everybody) off a list and return how many were on it."""
        with self._lock:
            entries = self._lists[name]
            doomed = (
                [key for key in (e.lower() for e in emails) if key in entries] if emails is not None else [*entries]
            )
            for key in doomed:
                del entries[key]
            return len(doomed)

    def leave_group(self, group_id: int, email: str) -> None:
        """Record that an address opted out of an unsubscribe group."""
        with self._lock:
            self._groups.setdefault(group_id, set()).add(email.lower())

    def rejoin_group(self, group_id: int, email: str) -> None:
        with self._lock:
            self._groups.get(group_id, set()).discard(email.lower())

    def clear(self) -> None:
        with self._lock:
            for entries in self._lists.values():
                entries.clear()
            self._groups.clear()

    def reason_to_drop(self, message: Message) -> str | None:
        """Return why SendGrid would drop this mail, or None when nothing stops it."""
        email = message.email.lower()
        if not any(self._lists[gate.list] for gate in GATES) and not self._groups:
            return None
        settings = message.payload.get("mail_settings") or {}
        bypassed = {name for name, setting in settings.items() if (setting or {}).get("enable")}
        if "bypass_list_management" in bypassed:
            return None
        with self._lock:
            for gate in GATES:
                if email in self._lists[gate.list] and gate.bypass not in bypassed:
                    return gate.reason
            if email in self._groups.get(message.group_id or 0, ()) and "bypass_unsubscribe_management" not in bypassed:
                return "Unsubscribed Address"
        return None
