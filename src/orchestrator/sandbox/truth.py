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


def _reactions(letters: Counter[str]) -> dict[str, dict[str, int]]:
    def count(wanted: str) -> int:
        return sum(letters[letter] for letter in wanted)

    return {
        "opens": {"human": count(HUMAN_OPENS), "machine": count(MACHINE_OPENS)},
        "clicks": {"human": count(HUMAN_CLICKS), "machine": count(MACHINE_CLICKS)},
    }


class _Record:
    """Everything known of the mails that carried one outreach_message_id (without one: of one mail)."""

    __slots__ = ("accepted", "campaign_id", "duplicates", "log", "message_ids", "tenant_id", "to", "withheld")

    def __init__(self, message: Message) -> None:
        self.to = message.email
        self.campaign_id = message.custom_args.get("campaign_id")
        self.tenant_id = message.custom_args.get("tenant_id")
        self.accepted = 0
        self.message_ids: list[str] = []
        self.log = ""
        self.duplicates = 0
        self.withheld = 0

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
            "withheld": self.withheld,
            **_reactions(Counter(self.log)),
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
                record.withheld += copies == 0

    def clear(self) -> None:
        with self._lock:
            self._records.clear()
            self._requests = self._account_events = 0

    def report(self, *, detail: bool = True) -> dict[str, Any]:
        """Return the books as plain data; see `Sandbox.truth`."""
        with self._lock:
            report = self._totals()
            records = {key: record.as_dict() for key, record in self._records.items()} if detail else {}
        if detail:
            report["messages"] = records
            report["campaigns"] = _by_campaign(records)
        return report

    def _totals(self) -> dict[str, Any]:
        """Sum up by distinct log: there are few of them, however many mails."""
        logs = Counter(record.log for record in self._records.values())
        letters = Counter[str]()
        status = Counter[str]()
        for log, mails in logs.items():
            status[final_status(log)] += mails
            for letter, times in Counter(log).items():
                letters[letter] += times * mails
        events = Counter[str]()
        for letter, times in letters.items():
            events[_EVENT_BY_LETTER[letter]] += times
        if self._account_events:
            events["account_status_change"] = self._account_events
        return {
            "requests": self._requests,
            "accepted": sum(record.accepted for record in self._records.values()),
            "accepted_twice": sorted(key for key, record in self._records.items() if record.accepted > 1),
            "events": dict(events),
            "status": dict(status),
            "duplicates": sum(record.duplicates for record in self._records.values()),
            "withheld": sum(record.withheld for record in self._records.values()),
            **_reactions(letters),
        }


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
