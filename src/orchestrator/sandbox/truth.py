"""What really happened, told by the sandbox's own simple rule and kept small for every mail ever accepted."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from orchestrator.sandbox.happenings import HAPPENINGS
from orchestrator.sandbox.message import Message

# The later line wins: a person's strongest word, else how far the mail got. Letters are those of HAPPENINGS.
STATUS_RULE = (
    ("sent", "pf"),
    ("failed", "Diknx"),
    ("delivered", "d"),
    ("opened", "os"),
    ("clicked", "cC"),
    ("bounced", "ba"),
    ("unsubscribed", "ug"),
    ("complained", "r"),
)
_EVENT_BY_LETTER = {happening.letter: happening.event for happening in HAPPENINGS.values()}
HUMAN_OPENS, MACHINE_OPENS = "o", "ms"
HUMAN_CLICKS, MACHINE_CLICKS = "c", "C"


def final_status(log: str) -> str:
    """Return the status a log of happenings amounts to, whatever their order and number."""
    reached = "sent"
    for status, letters in STATUS_RULE:
        if any(letter in log for letter in letters):
            reached = status
    return reached


def _count(log: str, letters: str) -> int:
    return sum(log.count(letter) for letter in letters)


def _reactions(log: str) -> dict[str, dict[str, int]]:
    return {
        "opens": {"human": _count(log, HUMAN_OPENS), "machine": _count(log, MACHINE_OPENS)},
        "clicks": {"human": _count(log, HUMAN_CLICKS), "machine": _count(log, MACHINE_CLICKS)},
    }


class _Record:
    """Everything known of the mails that carried one outreach_message_id (without one: of one mail)."""

    __slots__ = ("accepted", "campaign_id", "duplicates", "log", "message_ids", "suppressed_events", "tenant_id", "to")

    def __init__(self, message: Message) -> None:
        self.to = message.email
        self.campaign_id = message.custom_args.get("campaign_id")
        self.tenant_id = message.custom_args.get("tenant_id")
        self.accepted = 0
        self.message_ids: list[str] = []
        self.log = ""
        self.duplicates = 0
        self.suppressed_events = 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "to": self.to,
            "campaign_id": self.campaign_id,
            "tenant_id": self.tenant_id,
            "accepted": self.accepted,
            "message_ids": list(self.message_ids),
            "status": final_status(self.log),
            "events": dict(Counter(_EVENT_BY_LETTER[letter] for letter in self.log)),
            "duplicates": self.duplicates,
            "withheld": self.suppressed_events,
            **_reactions(self.log),
        }


def _key(message: Message) -> str:
    return message.custom_args.get("outreach_message_id") or message.id


class Truth:
    """Keeps the books. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}
        self._requests = 0
        self._account_events = 0

    def accepted(self, messages: list[Message]) -> None:
        """Book one accepted request and the mails it made."""
        with self._lock:
            self._requests += 1
            for message in messages:
                key = _key(message)
                record = self._records.get(key)
                if record is None:
                    record = self._records[key] = _Record(message)
                record.accepted += 1
                record.message_ids.append(message.id)

    def happened(self, message: Message, letter: str) -> None:
        """Book one happening; `letter` is that of its row in HAPPENINGS."""
        with self._lock:
            record = self._records.get(_key(message))
            if record is not None:
                record.log += letter

    def account_changed(self) -> None:
        with self._lock:
            self._account_events += 1

    def posted(self, message: Message, copies: int) -> None:
        """Book how often an event goes to the webhook: 1 is normal, more are duplicates, 0 is withheld."""
        with self._lock:
            record = self._records.get(_key(message))
            if record is not None:
                record.duplicates += max(copies - 1, 0)
                record.suppressed_events += copies == 0

    def clear(self) -> None:
        with self._lock:
            self._records.clear()
            self._requests = self._account_events = 0

    def report(self, *, detail: bool = True) -> dict[str, Any]:
        """Return the books as plain data; see `Sandbox.truth`."""
        with self._lock:
            records = {key: record.as_dict() for key, record in self._records.items()}
            requests, account_events = self._requests, self._account_events
        events: Counter[str] = Counter()
        for record in records.values():
            events.update(record["events"])
        if account_events:
            events["account_status_change"] = account_events
        report: dict[str, Any] = {
            "requests": requests,
            "accepted": sum(record["accepted"] for record in records.values()),
            "accepted_twice": sorted(key for key, record in records.items() if record["accepted"] > 1),
            "events": dict(events),
            "status": dict(Counter(record["status"] for record in records.values())),
            "duplicates": sum(record["duplicates"] for record in records.values()),
            "withheld": sum(record["withheld"] for record in records.values()),
            "opens": _sum(records, "opens"),
            "clicks": _sum(records, "clicks"),
        }
        if detail:
            report["messages"] = records
            report["campaigns"] = _by_campaign(records)
        return report


def _sum(records: dict[str, dict[str, Any]], what: str) -> dict[str, int]:
    return {who: sum(record[what][who] for record in records.values()) for who in ("human", "machine")}


def _by_campaign(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    grouped: dict[str, dict[str, dict[str, Any]]] = {}
    for key, record in records.items():
        if record["campaign_id"]:
            grouped.setdefault(record["campaign_id"], {})[key] = record
    ranks = [status for status, _letters in STATUS_RULE]
    return {
        campaign_id: {
            "accepted": sum(mail["accepted"] for mail in mails.values()),
            "messages": list(mails),
            "status": max((mail["status"] for mail in mails.values()), key=ranks.index),
            "opens": _sum(mails, "opens"),
            "clicks": _sum(mails, "clicks"),
        }
        for campaign_id, mails in grouped.items()
    }
