"""An owner answers while another mail to the same owner is being claimed, written, handed over or posted.

As in `test_command_races`: the reply's own transaction looks, right before its commit, at what is handed; that may
leave, and nothing else ever does. ``OUTREACH_TEST_ROUNDS=1000`` runs more rounds; ``-s`` shows how they ended.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus
from orchestrator.bootstrap import Parts
from orchestrator.domain.reply import InboundMail
from orchestrator.repository import OutreachRepository, Transaction, messages
from orchestrator.services.owners.reply_intake import ReplyIntake
from orchestrator.transports.fake import FakeTransport
from tests.samples import MEMO_URL, SCORE, TENANT, property_record
from tests.services import test_command_races as races

#: What the owner writes, and what becomes of another mail that has not left.
ANSWERS = {
    "Who gave you my address?": OutreachStatus.SCHEDULED,
    "Please unsubscribe me.": OutreachStatus.SUPPRESSED,
}


@pytest.mark.timeout(60 + races.ROUNDS)
def test_after_an_answer_nothing_leaves_but_what_was_handed_before(repository: OutreachRepository) -> None:
    meeting, transport = races.Meeting(), FakeTransport()
    parts = Parts(transport=transport, pause=lambda _: None, reached=meeting.reached)
    ends: Counter[tuple[str, str]] = Counter()
    sender = {"postal_address": "500 Main Street", "company_name": "Sample Realty", "inbound_host": "reply.sender.test"}
    with OutreachOrchestrator(
        repository, "SG.key", "team@sender.test", "Sample", parts=parts, address_gap=0.0, **sender
    ) as orchestrator:
        turns = list(product(ANSWERS, races.STEPS, (False, True)))
        for number in range(races.ROUNDS):
            text, step, waits = turns[number % len(turns)]
            meeting.arrange(step, waits=waits)
            ends[text, one_round(orchestrator, transport, meeting, text, number)] += 1
    print(f"\n{races.ROUNDS} rounds: " + ", ".join(f"{t!r} {end} {n}" for (t, end), n in sorted(ends.items())))  # noqa: T201
    for text in ANSWERS:  # both orders happened, or nothing was proven
        assert ends[text, "left"]
        assert ends[text, "stopped"]


def one_round(
    orchestrator: OutreachOrchestrator, transport: FakeTransport, meeting: races.Meeting, text: str, number: int
) -> str:
    """Let an answer to an earlier mail and a due mail meet; returns whether that ``left`` or was ``stopped``."""
    email = f"owner{number}@owners.test"
    step, meeting.step = meeting.step, "never"
    earlier = orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)
    orchestrator.send_campaign(earlier.id, TENANT)
    reply_to = str(transport.sent[-1].reply_to)
    due = orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)
    transport.sent.clear()
    meeting.step = step
    failures: list[BaseException] = []
    senders = [
        threading.Thread(target=races.guarded, args=(lambda: orchestrator.send_due(10), meeting, failures))
        for _ in range(2)
    ]
    for sender in senders:
        sender.start()
    assert meeting.now.wait(races.PATIENCE)
    meeting.begun.set()
    seen = answer(orchestrator, (TENANT, due.id), InboundMail(envelope_to=(reply_to,), text=text, dedupe_key=email))
    meeting.done.set()
    for sender in senders:
        sender.join(races.PATIENCE)
    assert not failures, failures
    return judge(orchestrator, transport, due.id, seen, ANSWERS[text])


def answer(orchestrator: OutreachOrchestrator, key: tuple[str, str], mail: InboundMail) -> races.States:
    """Take in an answer; returns the other mail's attempts as its commit left them."""
    services, seen = orchestrator.services, {}

    @contextmanager
    def witnessed() -> Iterator[Transaction]:
        with services.begin() as tx:
            yield tx
            seen.update({m.id: m.state for m in messages.of_campaigns(tx, [key])[key]})

    assert ReplyIntake(witnessed, lambda: services.secrets.signer).receive(mail).outcome == "human"
    return seen


def judge(
    orchestrator: OutreachOrchestrator,
    transport: FakeTransport,
    campaign_id: str,
    seen: races.States,
    stays: OutreachStatus,
) -> str:
    """Compare what left with what the answer's commit saw."""
    posted = [mail.message_id for mail in transport.sent if mail.campaign_id == campaign_id]
    stored = orchestrator.get_campaign(campaign_id, TENANT)
    assert stored is not None
    assert posted == [id_ for id_, state in seen.items() if state in races.MAY_LEAVE]
    if posted:
        assert stored.status is OutreachStatus.SENT
        assert stored.hold_reason is None
        return "left"
    assert stored.status is stays
    assert stored.next_send_at is None
    if stays is OutreachStatus.SCHEDULED:
        assert str(stored.hold_reason).startswith("owner held: replied ")
    return "stopped"
