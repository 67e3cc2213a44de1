"""What the product counted against what the sandbox knows to be true, number by number.

The expectations are made from the sandbox's own books and from the events it made, by a rule of their own: nothing of
the product's lifecycle is asked what it thinks of itself.
"""

from __future__ import annotations

import http.client
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from orchestrator.cli.demo.drive import Deeds, campaign_of
from orchestrator.cli.demo.stage import Stage
from orchestrator.domain.suppression import address_key
from orchestrator.repository import addresses, events
from orchestrator.sandbox import Message
from orchestrator.services.looking import statistics

_METRIC = re.compile(r'^orchestrator_webhook_events_total\{outcome="(\w+)"\} ([\d.]+)', re.MULTILINE)
_DROPS_OF_ADDRESSES = {"Bounced Address", "Unsubscribed Address", "Spam Reporting Address", "Invalid"}
_RELAY = 5.0  # seconds the last events may take to be published


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One number, twice."""

    group: str
    name: str
    expected: int
    found: int

    @property
    def ok(self) -> bool:
        return self.expected == self.found


def judge(on: Stage, deeds: Deeds) -> list[Comparison]:
    """Compare every counter with the truth."""
    truth = on.sandbox.truth()
    groups = {
        "sending": _sending(on, deeds, truth),
        "status": _statuses(on, deeds, truth),
        "funnel": _funnel(on, deeds, truth),
        "events": _events(on, truth),
        "webhook": _webhook(on, deeds, truth),
        "suppression": _suppression(on, deeds),
        "replies": _replies(on, deeds, truth),
        "published": _published(on, deeds, truth),
    }
    return [
        Comparison(group=group, name=name, expected=expected, found=found)
        for group, rows in groups.items()
        for name, expected, found in rows
    ]


Rows = Iterator[tuple[str, int, int]]


def _sending(on: Stage, deeds: Deeds, truth: Mapping[str, Any]) -> Rows:
    yield "campaigns made by the same import again", 0, deeds.created_again
    yield "mails accepted", deeds.created, truth["accepted"]
    yield "mails accepted twice", 0, len(truth["accepted_twice"])
    yield "requests for them", deeds.created, truth["requests"]
    yield "second sends answered with the first id", deeds.sent_again, deeds.sent_again_with_the_same_id


def _true_statuses(deeds: Deeds, truth: Mapping[str, Any]) -> dict[str, str]:
    """The status each campaign must have: the sandbox's, with the opt-outs it cannot see."""
    statuses = {id_: campaign["status"] for id_, campaign in truth["campaigns"].items()}
    for id_ in deeds.opted_out:
        if statuses[id_] != "complained":
            statuses[id_] = "unsubscribed"
    statuses |= dict.fromkeys(deeds.answered, "responded")
    return statuses | dict.fromkeys(deeds.refused, "suppressed")


def _statuses(on: Stage, deeds: Deeds, truth: Mapping[str, Any]) -> Rows:
    true = _true_statuses(deeds, truth)
    expected, found = Counter(true.values()), on.statistics()
    for status in sorted(expected.keys() | found.keys()):
        yield status, expected[status], found.get(status, 0)
    campaigns = {id_: on.orchestrator.get_campaign(id_, on.tenant) for id_ in true}
    wrong = [id_ for id_, campaign in campaigns.items() if campaign is None or campaign.status != true[id_]]
    yield "campaigns with another status", 0, len(wrong)
    recounted = statistics.recounted(on.orchestrator.services.read, on.tenant)
    yield "counters that a recount contradicts", 0, len(recounted.items() ^ found.items())


def _words(message: Message) -> set[str]:
    """What happened to a mail, in the funnel's words, from the events the sandbox made."""
    words: set[str] = {"sent"}
    for event in message.events:
        match event["event"]:
            case "bounce" if event["type"] == "bounce":
                words.add("bounced")
            case "open":
                words.add("machine_opened" if event["sg_machine_open"] else "opened")
            case "click":
                words |= {"clicked", "opened"}
            case "spamreport":
                words.add("complained")
            case "unsubscribe" | "group_unsubscribe":
                words.add("unsubscribed")
            case "delivered":
                words.add("delivered")
    if "bounced" in words and not words & {"unsubscribed", "complained"}:
        words -= {"delivered", "opened", "clicked"}
    return words | ({"engaged"} if {"delivered", "opened"} <= words else set())


def _funnel(on: Stage, deeds: Deeds, truth: Mapping[str, Any]) -> Rows:
    expected: Counter[str] = Counter()
    for message in on.sandbox.messages(limit=500):
        words = _words(message)
        if campaign_of(message) in deeds.answered:
            words |= {"responded", "engaged", "delivered"}
        words |= {"unsubscribed", "delivered"} if campaign_of(message) in deeds.opted_out else set()
        expected.update(words - ({"bounced"} if words & {"responded", "unsubscribed", "complained"} else set()))
    final = Counter(_true_statuses(deeds, truth).values())
    expected |= {
        "targeted": final.total(),
        "failed": final["failed"],
        "undelivered": final["failed"],
        "suppressed": final["suppressed"],
    }
    for name, found in on.orchestrator.get_funnel(on.tenant).counts.items():
        yield name, expected[name], found


def _events(on: Stage, truth: Mapping[str, Any]) -> Rows:
    histories = [e for id_ in truth["campaigns"] for e in on.orchestrator.get_events(id_, on.tenant)]
    reported = [event for event in histories if event.sg_event_id is not None]
    found = Counter(event.event_data["event"] for event in reported)
    for name in sorted(truth["events"].keys() | found.keys()):
        yield name, truth["events"].get(name, 0), found[name]
    made = [event for message in on.sandbox.messages(limit=500) for event in message.events]
    machine = sum(bool(event.get("sg_machine_open")) for event in made)
    yield "opens by machines", machine, sum(event.machine for event in reported)


def _webhook(on: Stage, deeds: Deeds, truth: Mapping[str, Any]) -> Rows:
    emitter, counted = truth["emitter"], _metrics(on.url)
    yield "new events", sum(truth["events"].values()), counted["new"]
    yield "duplicates", truth["duplicates"], counted["duplicate"]
    yield "events of nobody (answered)", 0, counted["unknown"]
    with on.orchestrator.services.read() as tx:
        yield "events of nobody (kept aside)", 0, events.count_unmatched(tx)
    yield "events acknowledged", emitter["emitted"], emitter["acknowledged"]
    yield "batches refused", 0, emitter["refused"]
    yield "everything acknowledged in time", 1, int(deeds.settled)


def _suppression(on: Stage, deeds: Deeds) -> Rows:
    messages = on.sandbox.messages(limit=500)
    true = {address_key(m.email) for m in messages if _says_no(m) or campaign_of(m) in deeds.opted_out}
    asked = {(on.tenant, address_key(message.email)) for message in messages}
    with on.orchestrator.services.read() as tx:
        known = addresses.get_many(tx, asked).values()
    found = {address.address_key for address in known if address.suppressed_at is not None}
    yield "addresses", len(true), len(found)
    yield "addresses on one side only", 0, len(true ^ found)


def _says_no(message: Message) -> bool:
    dropped = {event["reason"] for event in message.events if event["event"] == "dropped"}
    return bool(_words(message) & {"bounced", "complained", "unsubscribed"} or dropped & _DROPS_OF_ADDRESSES)


def _replies(on: Stage, deeds: Deeds, truth: Mapping[str, Any]) -> Rows:
    taken = truth["owners"]["inbound"].get("accepted", 0)
    yield "mails of owners taken in", len(deeds.answered) + len(deeds.away), taken
    replies = on.orchestrator.operations.replies.list(on.tenant)
    human = {reply.campaign_id for reply in replies if reply.kind == "human"}
    automatic = {reply.campaign_id for reply in replies if reply.kind == "automatic"}
    yield "answers, each of its campaign", len(deeds.answered), len(human & deeds.answered)
    yield "absences, each of its campaign", len(deeds.away), len(automatic & deeds.away)
    yield "replies of anything else", 0, len(replies) - len(human) - len(automatic)
    yield "mails of nobody", 0, len(on.orchestrator.operations.replies.list(None))


def _published(on: Stage, deeds: Deeds, truth: Mapping[str, Any]) -> Rows:
    expected = {"event.outreach.scheduled": deeds.created, "event.outreach.sent": truth["accepted"]}
    expected["event.outreach.response"] = len(deeds.answered)
    counts = on.published.counts
    on.wait_until(lambda: all(counts[type_] >= n for type_, n in expected.items()), _RELAY)
    for type_, n in expected.items():
        yield type_, n, counts[type_]


def _metrics(url: str) -> Counter[str]:
    """What the service itself says about webhooks, at ``/metrics``."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return Counter({outcome: int(float(value)) for outcome, value in _METRIC.findall(text)})
