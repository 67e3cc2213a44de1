"""kill -9 of the serving process in the middle of batches, with SendGrid's retries behind it."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from orchestrator.clock import ManualClock
from tests.conformance import processes
from tests.conformance.conftest import running
from tests.conformance.reports import KINDS, Event, event, reading
from tests.conformance.rows import Rows, times
from tests.conformance.wire import Signer, body_of, connected
from tests.samples import TENANT

#: More of them than the daily run can afford: CONFORMANCE_KILLS=100 CONFORMANCE_SEED=7 pytest …
KILLS = int(os.environ.get("CONFORMANCE_KILLS", "20"))
SEED = int(os.environ.get("CONFORMANCE_SEED", "20260105"))
SENDERS = 4
CAMPAIGNS = 12
PATIENCE = 60.0


class Provider:
    """SendGrid as the service sees it: several servers, each with batches, each trying until it has its 2xx."""

    def __init__(self, signer: Signer, campaigns: list[str], since: int) -> None:
        self._signer = signer
        self._since = since
        self._campaigns = campaigns
        self._changed = threading.Condition()
        self._port: int | None = None
        self._generation = 0
        self._finishing = False
        self.reported: list[tuple[str, str, int]] = []
        self.marks: set[str] = set()
        self.acknowledged = 0
        self.in_flight = 0
        self.broken = 0
        self.already_stored = 0
        self.refusals: list[tuple[int, bytes]] = []

    def restarted(self, port: int) -> None:
        with self._changed:
            self._port = port
            self._generation += 1
            self._changed.notify_all()

    def wait_for(self, acknowledged: int) -> None:
        with self._changed:
            done = self._changed.wait_for(lambda: self.acknowledged >= acknowledged or self.refusals, PATIENCE)
            assert done, f"only {self.acknowledged} batches were acknowledged"

    def finish(self) -> None:
        with self._changed:
            self._finishing = True
            self._changed.notify_all()

    def serve(self, sender: int) -> None:
        """What one of its servers does."""
        draw = random.Random(f"{SEED}-{sender}")
        waiting: deque[list[Event]] = deque()
        delivered: list[Event] = []
        generation = 0
        tried = False
        while not (self._finishing and not waiting):
            if not waiting:
                waiting.append(self._batch(sender, draw, delivered))
                tried = False
            generation, port = self._next_service(generation)
            try:
                with connected(port) as wire:
                    while waiting:
                        self._post(wire.post, waiting[0], draw, again=tried)
                        delivered += waiting.popleft()
                        tried = False
                        if not self._finishing:
                            waiting.append(self._batch(sender, draw, delivered))
                generation -= 1  # it did not fail us
            except OSError:
                tried = True

    def _next_service(self, known: int) -> tuple[int, int]:
        with self._changed:
            assert self._changed.wait_for(lambda: self._generation > known, PATIENCE), "the service did not come back"
            assert self._port is not None
            return self._generation, self._port

    def _post(self, post: Callable[..., Any], batch: list[Event], draw: random.Random, *, again: bool) -> None:
        body = body_of(batch)
        how: dict[str, Any] = draw.choice([{}, {"pieces": 3}, {"chunks": [700, 1]}])
        with self._changed:
            self.in_flight += 1
        try:
            answer = post(body, self._signer.headers(body), **how)
        except OSError:
            with self._changed:
                self.broken += 1
            raise
        finally:
            with self._changed:
                self.in_flight -= 1
        with self._changed:
            if answer.status != 200:
                self.refusals.append((answer.status, answer.body))
            self.acknowledged += 1
            self.already_stored += again and answer.json.get("new") == 0
            self._changed.notify_all()

    def _batch(self, sender: int, draw: random.Random, delivered: list[Event]) -> list[Event]:
        batch: list[Event] = []
        for number in range(draw.randint(1, 30)):
            if delivered and draw.random() < 0.15:  # SendGrid repeats itself, also under another id
                repeated = draw.choice(delivered[-60:])
                batch.append(repeated | draw.choice([{}, {"sg_event_id": f"again-{draw.getrandbits(60)}"}]))
                continue
            kind, campaign = draw.choice(sorted(KINDS)), draw.choice(self._campaigns)
            at = self._since + draw.randint(1, 80_000)
            mark = f"{sender}-{len(delivered)}-{number}-{draw.getrandbits(40)}"
            batch.append(event(kind, campaign, at, mark=mark, sg_event_id=f"id-{mark}"))
            with self._changed:
                self.reported.append((kind, campaign, at))
                self.marks.add(mark)
        return batch


def test_no_acknowledged_event_is_missing_and_none_is_stored_twice(dsn: str, signer: Signer) -> None:
    draw = random.Random(SEED)
    emails = [f"owner{number % 9}@owners.test" for number in range(CAMPAIGNS)]
    now = datetime.now(UTC)
    with running(dsn, signer, clock=ManualClock(now)) as service:
        campaigns = service.create(emails)
    provider = Provider(signer, campaigns, int(now.timestamp()))
    started, busy = time.monotonic(), 0
    threads = [threading.Thread(target=provider.serve, args=(number,), daemon=True) for number in range(SENDERS)]
    with processes.prepared(DB_DSN=dsn, OUTREACH_WEBHOOK_PUBLIC_KEY=signer.public_key) as serving:
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            provider.restarted(serving.start())
            provider.wait_for(provider.acknowledged + draw.randint(0, 8))
            time.sleep(draw.uniform(0, 0.015))  # a moment that nobody chose
            busy += provider.in_flight > 0
            serving.kill()
        provider.restarted(serving.start())
        provider.finish()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        sys.stdout.write(
            f"seed {SEED}: {KILLS} kills, {busy} of them with batches in flight, {provider.broken} batches cut off, "
            f"{provider.already_stored} of those had been stored; {provider.acknowledged} batches, "
            f"{len(provider.marks)} events in {time.monotonic() - started:.1f} s\n"
        )

    rows = Rows(dsn)
    stored = Counter(row["event_data"]["mark"] for row in rows.reported(TENANT))
    expected = reading(provider.reported, dict(zip(campaigns, emails, strict=True)))
    assert provider.refusals == []
    assert provider.broken > 0, "no kill hit a batch"
    assert provider.marks - stored.keys() == set()
    assert stored.keys() - provider.marks == set()
    assert [mark for mark, count in stored.items() if count > 1] == []
    assert {id_: (row["status"], times(row)) for id_, row in rows.campaigns(TENANT).items()} == expected
    assert rows.counted(TENANT) == rows.recounted(TENANT) == dict(Counter(status for status, _ in expected.values()))
