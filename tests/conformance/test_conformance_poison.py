"""One event that cannot be read or stored costs none of the others, and is kept where a person finds it."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.conformance.conftest import Running
from tests.conformance.reports import event
from tests.conformance.rows import times
from tests.conformance.wire import joined
from tests.samples import TENANT

AT = 1767628800

#: Bytes inside an otherwise good event that no driver, no parser or no column likes.
NASTY: dict[str, bytes] = {
    "NUL": rb'"bot\u0000/1.0"',
    "a lone surrogate": rb'"bot\ud800/1.0"',
    "surrogates the wrong way round": rb'"bot\udc00\ud800/1.0"',
    "bytes that are not UTF-8": b'"bot\xff\xfe/1.0"',
    "a control character": b'"bot\x01/1.0"',
    "an integer beyond 64 bits": b"1" * 30,
    "an integer of 400 digits": b"1" * 400,
    "a float beyond the range": b"1e400",
    "not a number": b"NaN",
    "minus infinity": b"-Infinity",
    "150 levels of nesting": b"[" * 150 + b"]" * 150,
    "400 levels of nesting": b'{"a":' * 400 + b"1" + b"}" * 400,
    "a text of 300,000 characters": b'"' + b"x" * 300_000 + b'"',
    "a text of 100,000 emojis": b'"' + "🙂".encode() * 100_000 + b'"',
}


def raw(kind: str, campaign: str, **more: Any) -> bytes:
    return json.dumps(event(kind, campaign, AT, **more), separators=(",", ":")).encode()


def test_what_no_column_takes_is_repaired_and_its_event_counts(service: Running) -> None:
    campaigns = service.create([f"owner{number}@owners.test" for number in range(len(NASTY))])
    for campaign, nasty in zip(campaigns, NASTY.values(), strict=True):
        poisoned = raw("open", campaign)[:-1] + b',"useragent":' + nasty + b"}"
        answer = service.post_body(joined([raw("processed", campaign), poisoned, raw("delivered", campaign)]))

        assert (answer.status, answer.json["new"]) == (200, 3), nasty[:40]

    found = {row["status"] for row in service.rows.campaigns(TENANT).values()}
    assert found == {"opened"}
    assert service.rows.unmatched() == []


UNREADABLE: dict[str, bytes] = {
    "5,000 levels of lists": b'{"event":"open","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "5,000 levels of objects": b'{"event":"open","x":' + b'{"y":' * 5000 + b"1" + b"}" * 5000 + b"}",
    "no object": b'"open"',
    "no event": b'{"email":"owner@owners.test"}',
    "an event that is no word": b'{"event":{"name":"open"}}',
    "null": b"null",
}


@pytest.mark.parametrize("nasty", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_event_is_kept_aside_and_the_others_are_stored(service: Running, nasty: bytes) -> None:
    (campaign,) = service.create(["owner@owners.test"])
    tricky = raw("click", campaign, url='https://memo.example.com/?q=[{"a":"\\"}]')
    body = joined([raw("processed", campaign), nasty, tricky])

    answers = [service.post_body(body), service.post_body(body)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json == {"received": 3, "new": 2, "duplicate": 0, "unknown": 1}
    assert service.rows.campaigns(TENANT)[campaign]["status"] == "clicked"
    (kept,) = service.rows.unmatched()
    assert kept["kind"] == "malformed"
    assert kept["reason"]


#: Makes the database itself refuse one event, as a constraint or a full index would.
REFUSES = {
    "sqlite": """CREATE TRIGGER refuse BEFORE INSERT ON outreach_events
        WHEN json_extract(NEW.event_data, '$.poison') = 1
        BEGIN SELECT RAISE(ABORT, 'poison is not taken'); END""",
    "postgresql": """ALTER TABLE outreach_events
        ADD CONSTRAINT no_poison CHECK (event_data ->> 'poison' IS NULL)""",
}


def test_what_the_database_refuses_is_kept_aside_and_the_others_are_stored(
    service: Running, database_kind: str
) -> None:
    service.rows.execute(REFUSES[database_kind])
    campaigns = service.create([f"owner{number}@owners.test" for number in range(40)])
    batch = [event("delivered", campaign, AT) for campaign in campaigns]
    batch.insert(17, event("open", campaigns[3], AT + 60, poison=1, sg_event_id="poison-1"))
    batch.insert(30, event("spamreport", campaigns[5], AT + 60, poison=1, sg_event_id="poison-2"))

    first, again = service.post(batch), service.post(batch)

    assert (first.status, again.status) == (200, 200)
    assert first.json == {"received": 42, "new": 40, "duplicate": 0, "unknown": 2}
    assert again.json == {"received": 42, "new": 0, "duplicate": 40, "unknown": 2}
    assert {row["status"] for row in service.rows.campaigns(TENANT).values()} == {"delivered"}
    assert service.rows.suppressed(TENANT) == {}
    kept = service.rows.unmatched()
    assert len(kept) == 2
    assert all("poison" in row["event_data"]["unstorable"] for row in kept)
    assert all("refused" in row["reason"] for row in kept)
    assert service.rows.counted(TENANT) == service.rows.recounted(TENANT) == {"delivered": 40}


def test_poison_in_concurrent_batches_of_the_same_campaigns_holds_nobody_up(
    service: Running, database_kind: str
) -> None:
    service.rows.execute(REFUSES[database_kind])
    campaigns = service.create([f"owner{number}@owners.test" for number in range(20)])
    answers: list[int] = []

    def send(sender: int) -> None:
        order = campaigns if sender % 2 else campaigns[::-1]
        for turn in range(3):
            batch = [event("delivered", campaign, AT + turn, by=sender) for campaign in order]
            batch.insert(1 + sender, event("open", order[0], AT, poison=1, by=[sender, turn]))
            answers.append(service.post(batch).status)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert answers == [200] * 18
    assert len(service.rows.reported(TENANT)) == 6 * 3 * 20
    assert len(service.rows.unmatched()) == 18
    for row in service.rows.campaigns(TENANT).values():
        assert (row["status"], int(times(row)["delivered_at"].timestamp())) == ("delivered", AT)
