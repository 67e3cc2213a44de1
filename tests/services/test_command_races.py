"""A command and the senders of the same mail at the same moment: what the command's commit has seen, and what left.

Each round one mail is due and two senders are after it. At a step of sending that the round names, the command begins;
half of the rounds the sender waits there until the command is done, so that both orders are sure to happen. Inside the
command's transaction, right before its commit, the ledger is read under the command's own locks: an attempt that is
*handed* there may leave, for its POST may have begun, and no other ever may.

``OUTREACH_TEST_ROUNDS=1000`` runs more rounds; ``-s`` shows how they ended.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import product

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.bootstrap import Parts
from orchestrator.domain.message import MessageState
from orchestrator.repository import OutreachRepository, Transaction, messages
from orchestrator.services.campaigns import commands
from orchestrator.services.composing.reply_address import OPT_OUT_PURPOSE
from orchestrator.services.incoming.delivery_events import DeliveryEvents
from orchestrator.services.owners.suppression import Suppressions
from orchestrator.services.owners.unsubscribe import OptOuts
from orchestrator.transports.fake import FakeTransport
from orchestrator.webhooks import sendgrid
from tests.samples import MEMO_URL, SCORE, TENANT, new_uuid, property_record

ROUNDS = int(os.environ.get("OUTREACH_TEST_ROUNDS", "84"))
PATIENCE = 30.0
COMMANDS = ("cancel", "hold", "webhook", "link", "address", "property", "domain")
#: Where the command begins; "none": with the senders. At "handing" the sender has its locks and cannot wait.
STEPS = ("none", "claimed", "composed", "handing", "handed", "posting")
MAY_LEAVE = {MessageState.HANDED, MessageState.ACCEPTED}

Begin = Callable[[], AbstractContextManager[Transaction]]
States = dict[str, MessageState]


class Meeting:
    """Lets a sender and a command meet at one step of sending."""

    def __init__(self) -> None:
        self.step, self.waits = "none", False
        self.now, self.begun, self.done = threading.Event(), threading.Event(), threading.Event()

    def arrange(self, step: str, *, waits: bool) -> None:
        self.step, self.waits = step, waits and step not in ("none", "handing")
        self.now, self.begun, self.done = threading.Event(), threading.Event(), threading.Event()
        if step == "none":
            self.now.set()

    def reached(self, step: str) -> None:
        if step == self.step and not self.now.is_set():
            self.now.set()
            assert (self.done if self.waits else self.begun).wait(PATIENCE)


@pytest.mark.timeout(60 + ROUNDS)
def test_nothing_leaves_after_a_command_but_what_was_handed_before(repository: OutreachRepository) -> None:
    meeting, transport = Meeting(), FakeTransport()
    parts = Parts(transport=transport, pause=lambda _: None, reached=meeting.reached)
    ends: Counter[tuple[str, str]] = Counter()
    with OutreachOrchestrator(
        repository, "SG.sandbox.key", "team@sender.test", "Sample", parts=parts, address_gap=0
    ) as orchestrator:
        turns = list(product(COMMANDS, STEPS, (False, True)))
        for number in range(ROUNDS):
            command, step, waits = turns[number % len(turns)]
            ends[command, one_round(orchestrator, transport, meeting, (command, step, waits), number)] += 1
    print(f"\n{ROUNDS} rounds: " + ", ".join(f"{c} {end} {n}" for (c, end), n in sorted(ends.items())))  # noqa: T201
    assert sum(ends.values()) == ROUNDS
    for command in COMMANDS:  # both orders happened, or nothing was proven
        assert ends[command, "left"]
        assert ends[command, "stopped"]


def one_round(
    orchestrator: OutreachOrchestrator,
    transport: FakeTransport,
    meeting: Meeting,
    turn: tuple[str, str, bool],
    number: int,
) -> str:
    """Let one mail and one command meet; returns whether it ``left`` or was ``stopped``, as it may."""
    command, step, waits = turn
    key, earlier = prepare(orchestrator, command, number)
    transport.sent.clear()
    meeting.arrange(step, waits=waits)
    by_hand = command != "hold" and number % 2 == 0  # `send_campaign` is not bound by a hold that came before it
    senders = [lambda: orchestrator.send_due(10), orchestrator.send_due]
    if by_hand:
        senders[1] = lambda: send(orchestrator, key)
    failures: list[BaseException] = []
    threads = [threading.Thread(target=guarded, args=(work, meeting, failures)) for work in senders]
    for thread in threads:
        thread.start()
    assert meeting.now.wait(PATIENCE)
    meeting.begun.set()
    seen = give(orchestrator, command, key, earlier)
    meeting.done.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not failures, failures
    return judge(orchestrator, transport, key, command, seen)


def prepare(orchestrator: OutreachOrchestrator, command: str, number: int) -> tuple[tuple[str, str], str]:
    """Make a mail due; for an opt-out its owner has had an earlier one. Returns the due one's key, the earlier's id."""
    email = f"owner{number}@owners{number}.test"
    earlier = ""
    if command in ("webhook", "link"):
        earlier = orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL).id
        orchestrator.send_campaign(earlier, TENANT)
    due = orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)
    return (TENANT, due.id), earlier


def send(orchestrator: OutreachOrchestrator, key: tuple[str, str]) -> None:
    try:
        orchestrator.send_campaign(key[1], key[0])
    except errors.InvalidState:
        assert orchestrator.get_campaign(key[1], key[0]).status is OutreachStatus.CANCELLED  # type: ignore[union-attr]


def guarded(work: Callable[[], object], meeting: Meeting, failures: list[BaseException]) -> None:
    try:
        work()
    except BaseException as failure:
        failures.append(failure)
    finally:
        meeting.now.set()  # a sender that found nothing to do never reaches the step


def give(orchestrator: OutreachOrchestrator, command: str, key: tuple[str, str], earlier: str) -> States | None:
    """Give the command; returns the attempts as its commit left them, or None when it was refused."""
    services = orchestrator.services
    seen: list[States] = []

    @contextmanager
    def witnessed() -> Iterator[Transaction]:
        with services.begin() as tx:
            yield tx
            seen.append({m.id: m.state for m in messages.of_campaigns(tx, [key])[key]})

    try:
        if command == "cancel":
            commands.cancel(witnessed, key)
        elif command == "hold":
            commands.hold(witnessed, key, "read it first")
        elif command == "webhook":
            event = {"event": "unsubscribe", "campaign_id": earlier, "tenant_id": TENANT, "sg_event_id": new_uuid()}
            DeliveryEvents(witnessed).ingest([sendgrid.normalise(event)])
        elif command == "link":
            token = services.secrets.signer.sign(OPT_OUT_PURPOSE, (TENANT, earlier, new_uuid()))
            assert OptOuts(witnessed, services.read, lambda: services.secrets.signer).opt_out(token)
        else:
            due = orchestrator.get_campaign(key[1], TENANT)
            assert due is not None
            about = {"address": due.owner_email, "domain": due.owner_email.partition("@")[2]}
            # A domain takes several transactions: what its last one saw may leave, and nothing else.
            Suppressions(witnessed, services.read).add(TENANT, about.get(command, due.property_id))
    except errors.InvalidState:
        assert command in ("cancel", "hold")
        return None
    return seen[-1]


def judge(
    orchestrator: OutreachOrchestrator,
    transport: FakeTransport,
    key: tuple[str, str],
    command: str,
    seen: States | None,
) -> str:
    """Compare what left with what the command's commit saw."""
    posted = [mail.message_id for mail in transport.sent if mail.campaign_id == key[1]]
    stored = orchestrator.get_campaign(key[1], key[0])
    assert stored is not None
    assert len(posted) <= 1, "it left twice"
    if seen is None:  # refused, because the mail was on its way or had gone
        assert posted
        assert stored.status is OutreachStatus.SENT
        return "left"
    assert posted == [id_ for id_, state in seen.items() if state in MAY_LEAVE]
    if posted:
        assert command != "cancel", "a campaign was cancelled whose mail left"
        assert stored.status is OutreachStatus.SENT
        assert stored.hold_reason is None
        return "left"
    stays = {"cancel": OutreachStatus.CANCELLED, "hold": OutreachStatus.SCHEDULED}
    assert stored.status is stays.get(command, OutreachStatus.SUPPRESSED)
    assert stored.next_send_at is None
    assert stored.hold_reason == ("read it first" if command == "hold" else None)
    return "stopped"
