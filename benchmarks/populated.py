"""A tenant after months of work: campaigns of all kinds, their mails, replies, suppressions, webhooks received."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from benchmarks import bare, servers, workload
from benchmarks.measuring import expect, say
from benchmarks.stores import Database
from benchmarks.whole import SentMail, sent_mails
from orchestrator import OutreachOrchestrator
from orchestrator.clock import new_id
from orchestrator.domain.reply import ReplyKind, ReplyLabel
from orchestrator.repository import replies, webhook_batches
from orchestrator.repository.replies import Reply

LABELS = 20
#: Of a hundred campaigns so many are sent; of those, so many go on to each state.
SENT = 40
STORY = {"delivered": 96, "open": 50, "click": 20}
BOUNCED, DROPPED = 2, 2  # the first ones and those after them
#: Of ten campaigns that are not sent, one has its time in the future.
LATER = 10
HELD = 300
CONCURRENCY = 200
#: At 100,000 campaigns: what else there is.
ANSWERED, REPLIES, SUPPRESSED, POSTS, NOBODYS = 60, 10_000, 20_000, 10_000, 1_000

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Places:
    """What addresses of pages are made of."""

    middle: str
    deep: str
    sent: str
    reply: str
    post: str


def fill(orchestrator: OutreachOrchestrator, database: Database, n: int) -> Places:
    """Make `n` campaigns and all that stands around them, and return where to look."""
    say(f"making {n:,} campaigns")
    ids = [one.campaign.id for one in orchestrator.create_campaigns(workload.TENANT, _items(n)) if one.campaign]
    expect(len(ids), n, "campaigns")
    bare.analyze(database)
    say("sending their mails")
    with servers.provider(0) as sandbox, workload.product(database, sendgrid_url=sandbox.url) as sender:
        workload.send_all(sender, n * SENT // 100, CONCURRENCY)
    mails = sent_mails(database)
    for post in _posts(list(_events(mails))):
        orchestrator.handle_webhook(post)
    gone = {mail.campaign_id for mail in mails}
    left = [id_ for id_ in ids if id_ not in gone]
    for id_ in left[-min(HELD, n // 10) :]:
        orchestrator.hold_campaign(id_, workload.TENANT, "looked at")
    say("replies, suppressions and webhooks")
    for mail in mails[5 : 5 + ANSWERED]:
        orchestrator.record_reply(mail.campaign_id, workload.TENANT, "Thank you for the memo. Call me on Tuesday.")
    reply = _reply(orchestrator, mails, REPLIES * n // 100_000)
    _suppress(orchestrator, SUPPRESSED * n // 100_000)
    post = _receive(orchestrator, POSTS * n // 100_000)
    orchestrator.handle_webhook([_stranger(number) for number in range(NOBODYS * n // 100_000)])
    bare.analyze(database)
    return Places(middle=ids[n // 2], deep=ids[n // 50], sent=mails[-1].campaign_id, reply=reply, post=post)


def _items(n: int) -> Iterator[dict[str, Any]]:
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    for number in range(n):
        scheduled = {"scheduled_at": later} if number % LATER == LATER - 1 else {}
        yield {**workload.item(number), "batch": f"import-{number % LABELS:02}", **scheduled}


def _events(mails: Sequence[SentMail]) -> Iterator[dict[str, Any]]:
    """Yield what happened to mails, spread over the hour."""
    now = int(time.time())
    for number, mail in enumerate(mails):
        of_hundred = number % 100
        mine = {
            "campaign_id": mail.campaign_id, "tenant_id": mail.tenant_id, "outreach_message_id": mail.message_id,
            "timestamp": now - number * 7919 % 3600, "sg_message_id": f"{mail.sendgrid_id}.recvd-1",
        }  # fmt: skip
        if of_hundred < BOUNCED:
            yield {"event": "bounce", "type": "bounce", "reason": "550 5.1.1 no such mailbox", **mine}
        elif of_hundred < BOUNCED + DROPPED:
            yield {"event": "dropped", "reason": "Invalid SMTPAPI header", **mine}
        else:
            for kind, share in STORY.items():
                if of_hundred < share:
                    yield {"event": kind, "url": "https://memo.sample.test/", **mine}


def _posts(events: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    return (events[start : start + workload.BATCH] for start in range(0, len(events), workload.BATCH))


def _stranger(number: int) -> dict[str, Any]:
    return {"event": "delivered", "email": f"nobody{number}@sample.test", "timestamp": int(time.time()),
            "sg_event_id": f"stranger-{number}", "sg_message_id": f"stranger{number}.recvd-1"}  # fmt: skip


def _reply(orchestrator: OutreachOrchestrator, mails: Sequence[SentMail], n: int) -> str:
    """Store `n` replies of all labels, one in ten a machine's, half of them read; return the id of one."""
    labels, machines = list(ReplyLabel), (ReplyKind.AUTOMATIC, ReplyKind.BOUNCE)
    now = datetime.now(UTC)
    made = []
    for number in range(n):
        mail, label = mails[number % len(mails)], labels[number % len(labels)]
        machine = number % 10 == 0
        looked_at = not machine and number % 4 == 0
        made.append(
            Reply(
                id=new_id(), dedupe_key=f"bench-{number}", received_at=now, tenant_id=mail.tenant_id,
                kind=machines[number % 2] if machine else ReplyKind.HUMAN, campaign_id=mail.campaign_id,
                message_id=mail.message_id, matched_by="token", rule="bench", rule_label=str(label),
                label=None if machine else str(label), labelled_at=now if looked_at else None,
                labelled_by="a bench" if looked_at else None, released_at=now if number % 2 else None,
                from_email=mail.to_email, subject="Re: your house", text="Who gave you my address? Call me. " * 5,
                body="Who gave you my address? Call me. " * 40, headers="Received: from sample.test\r\n" * 20,
            )
        )  # fmt: skip
    for some in _thousands(made):
        with orchestrator.services.begin() as tx:
            for one in some:
                replies.keep_first(tx, one)
    return made[n // 2].id


def _suppress(orchestrator: OutreachOrchestrator, n: int) -> None:
    lists = orchestrator.operations.suppressions
    rows = ({"email": f"gone{number}@sample.test", "reason": "manual"} for number in range(n))
    now = lists.now()
    entries = (lists.entry_of(workload.TENANT, row, now, source="a bench") for row in rows)
    expect(sum(done.new for done in lists.import_(entries)), n, "suppressions")


def _receive(orchestrator: OutreachOrchestrator, n: int) -> str:
    """Write down `n` POSTs as they came in, some of them not trusted; return the id of one that was."""
    now, body = datetime.now(UTC), b"[" + b"{}," * 2_000 + b"{}]\r\n"
    made = []
    for number in range(n):
        trusted, failed = number % 50 != 0, number % 100 == 1
        made.append(
            {
                "id": new_id(), "source": "events", "received_at": now, "milliseconds": 12, "size": len(body),
                "trust": "signed" if trusted else "invalid", "why": None if trusted else "signature wrong",
                "outcome": "failed" if failed else "stored" if trusted else "refused", "events": 500, "new": 500,
                "duplicate": 0, "unknown": 0, "headers": {"Content-Type": "application/json"},
                "body": zlib.compress(body, 1),
            }
        )  # fmt: skip
    for some in _thousands(made):
        with orchestrator.services.begin() as tx:
            webhook_batches.add(tx, some)
    return made[n // 2 + 2]["id"]


def _thousands(rows: Sequence[_Row]) -> Iterable[Sequence[_Row]]:
    return (rows[start : start + 1000] for start in range(0, len(rows), 1000))
