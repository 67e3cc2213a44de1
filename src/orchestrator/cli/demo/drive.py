"""The headless demo: makes everything happen that can happen to a mail, under a webhook that misbehaves."""

from __future__ import annotations

import http.client
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from orchestrator import errors
from orchestrator.cli.demo import stage
from orchestrator.cli.demo.stage import Stage
from orchestrator.sandbox import Message

#: What the webhook does wrong: a quarter of all events come twice, a quarter again under a new id, many too late.
WEBHOOK_FAULTS = {"duplicate_same_id": 0.25, "duplicate_new_id": 0.25, "reorder": 0.4}
#: What is made to happen to mails that were delivered and that nobody has touched, one each.
LATE_ACTIONS = ("open", "click", "machine_open", "unsubscribe", "spam", "async_bounce")
SETTLE = 20.0  # seconds; it takes about two


@dataclass(slots=True)
class Deeds:
    """What the drive itself did, as far as the sandbox cannot know it."""

    created: int = 0
    created_again: int = 0
    sent_again: int = 0
    sent_again_with_the_same_id: int = 0
    #: Campaigns whose owner followed our own opt-out link.
    opted_out: set[str] = field(default_factory=set)
    #: Campaigns whose owner answered our mail.
    answered: set[str] = field(default_factory=set)
    #: Campaigns whose owner's mail program said that the owner is away, which is no answer.
    away: set[str] = field(default_factory=set)
    #: Campaigns made for an owner who had already said no.
    refused: set[str] = field(default_factory=set)
    settled: bool = False


def drive(on: Stage) -> Deeds:
    """Import, send, let everything happen, and wait until every event is acknowledged."""
    deeds = Deeds()
    on.sandbox.faults.set(**WEBHOOK_FAULTS)
    deeds.created = sum(result.created for result in on.import_sample())
    deeds.created_again = sum(result.created for result in on.import_sample())
    on.release_held()
    on.wait_until(on.everything_left, SETTLE)
    on.sandbox.settle(SETTLE)
    _act_late(on, deeds)
    _send_again(on, deeds)
    deeds.settled = on.sandbox.settle(SETTLE)["settled"]
    return deeds


def _act_late(on: Stage, deeds: Deeds) -> None:
    """Give untouched mails a late happening each, and let one more owner use our own opt-out link."""
    reports = on.sandbox.truth()["campaigns"]
    delivered = (m for m in on.sandbox.messages(limit=500) if reports[campaign_of(m)]["status"] == "delivered")
    untouched = sorted(delivered, key=lambda message: message.email)
    if len(untouched) > 2:
        deeds.answered.add(answer(on, untouched.pop()))
        message = untouched.pop()
        on.sandbox.owners.do(message.id, "out_of_office").wait(SETTLE)
        deeds.away.add(campaign_of(message))
    if untouched:
        message = untouched.pop()
        one_click(message)
        one_click(message)
        deeds.opted_out.add(campaign_of(message))
        _write_to_somebody_who_said_no(on, message, deeds)
    for action, message in zip(LATE_ACTIONS, untouched, strict=False):
        on.sandbox.act(message.id, action)


def answer(on: Stage, message: Message) -> str:
    """Let an owner answer a mail as somebody who wants to go on talking; return the campaign."""
    on.sandbox.owners.do(message.id, "reply", intent="interested").wait(SETTLE)
    return campaign_of(message)


def campaign_of(message: Message) -> str:
    """Return the campaign that the mail says it belongs to."""
    return message.custom_args["campaign_id"]


def one_click(message: Message) -> None:
    """Do what a mail program's unsubscribe button does (RFC 8058): POST to the address in the mail's header.

    Raises:
        OrchestratorError: The service did not take it.
    """
    header = message.headers["List-Unsubscribe"]
    address = urlsplit(header.split(">")[0].lstrip("<"))
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", address.path, b"List-Unsubscribe=One-Click", form)
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise errors.OrchestratorError(f"The opt-out link answered {answer.status} instead of 200.")


def _write_to_somebody_who_said_no(on: Stage, message: Message, deeds: Deeds) -> None:
    """Create one more campaign, about another property, for the owner who has just opted out."""
    item: dict[str, Any] = orjson.loads(orjson.dumps(stage.sample()[0]))
    record = item["property_record"]
    record["id"] = str(uuid.uuid5(uuid.UUID(record["id"]), "another property"))
    record["owner"] = {"name": message.name, "email": message.email}
    campaign = on.orchestrator.create_campaign(
        on.tenant, record, item["score_result"], item["memo_url"], batch=stage.BATCH
    )
    deeds.refused.add(campaign.id)


def _send_again(on: Stage, deeds: Deeds) -> None:
    """Ask for every campaign to be sent once more; none may be, and the answer must be the first mail's id.

    Those that failed are left out: asking again for them is a wish to try again, and is granted.
    """
    reports = on.sandbox.truth()["campaigns"]
    for message in on.sandbox.messages(limit=500):
        if reports[campaign_of(message)]["status"] == "failed":
            continue
        answer = on.orchestrator.send_campaign(campaign_of(message), on.tenant)
        deeds.sent_again += 1
        same = answer["message_id"] == message.x_message_id
        deeds.sent_again_with_the_same_id += same and answer["status"] == "already_sent"
