"""One round of due mail, interrupted and hindered: what is known is written down, and nothing is left in between."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator import OutreachOrchestrator, errors
from orchestrator.bootstrap import Parts
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail
from orchestrator.domain.policy import LENIENT
from orchestrator.repository import OutreachRepository, Transaction, campaigns, messages
from orchestrator.services.sending import batch
from orchestrator.services.sending.claiming import Claiming
from orchestrator.services.sending.due import Round
from orchestrator.services.sending.pacing import Pacer
from orchestrator.transports.fake import FakeTransport
from tests.samples import TENANT, facade, item


class Slow:
    """A transport whose answers wait until they are let go."""

    account = "slow"

    def __init__(self) -> None:
        self.busy, self.go = asyncio.Event(), asyncio.Event()

    async def post(self, mail: OutgoingMail, deadline: float = math.inf) -> Outcome:
        self.busy.set()
        await self.go.wait()
        return Accepted("id-of-sendgrid")

    async def aclose(self) -> None: ...


def states(repository: OutreachRepository) -> Counter[str]:
    with repository.reading() as tx:
        stored = campaigns.page(tx, TENANT, 100)
        attempts = messages.of_campaigns(tx, [(TENANT, campaign.id) for campaign in stored])
    found: Counter[str] = Counter(str(message.state) for each in attempts.values() for message in each)
    return found + Counter(due=sum(campaign.next_send_at is not None for campaign in stored))


def test_a_cancelled_round_settles_what_left_and_puts_the_rest_back(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, _):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(6)]))
        services = orchestrator.services

        async def scenario() -> None:
            slow = Slow()

            def compose(claimed: batch.Claim) -> OutgoingMail:
                return services.composer.compose(claimed.campaign, claimed.message.id)

            pacer = Pacer(services.begin, slow.account, None, time.monotonic, lambda: 0.5)
            claiming = Claiming(services.begin, pacer, None, LENIENT)
            task = asyncio.create_task(Round(services.begin, slow, compose, pacer, concurrency=2).run(claiming, 10))
            await slow.busy.wait()
            task.cancel()
            slow.go.set()
            with pytest.raises(asyncio.CancelledError):
                await task

        services.loop.run(scenario(), timeout=60)
        found = states(repository)
        assert set(found) == {"accepted", "voided", "due"}
        assert found["accepted"] >= 2
        assert found["voided"] == found["due"] == 6 - found["accepted"] > 0


def test_an_outcome_that_is_known_survives_a_busy_database(repository: OutreachRepository) -> None:
    posted = False
    trouble = [errors.DatabaseBusy("locked"), errors.DatabaseUnreachable("gone")]

    def answer(_: OutgoingMail) -> Outcome:
        nonlocal posted
        posted = True
        return NotSent("503")

    pauses: list[float] = []
    with facade(repository, answer, pause=pauses.append) as (orchestrator, _):
        list(orchestrator.create_campaigns(TENANT, [item()]))
        begin = orchestrator.services.begin

        @contextmanager
        def hindered() -> Iterator[Transaction]:
            if posted and trouble:
                raise trouble.pop()
            with begin() as tx:
                yield tx

        orchestrator.services.dispatcher._begin = hindered  # type: ignore[assignment]
        assert orchestrator.send_due() == {"requeued": 1}
        assert len(pauses) == 2
        assert states(repository) == {"voided": 1, "due": 1}


def test_a_round_claims_batch_after_batch_and_keeps_few_of_them_waiting(repository: OutreachRepository) -> None:
    waiting: list[int] = []

    def look(step: str) -> None:
        if step == "handing":
            waiting.append(states(repository)["reserved"])

    with facade(repository) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(90)]))
        orchestrator.services.dispatcher._reached = look
        assert orchestrator.send_due(limit=75, concurrency=4) == {"sent": 75}
        assert max(waiting) <= 2 * 20  # two batches of the smallest size
        assert orchestrator.send_due() == {"sent": 15}
        assert len({mail.campaign_id for mail in transport.sent}) == 90


def test_whoever_stops_gets_what_left_settled_and_the_rest_back(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(40)]))
        assert orchestrator.send_due(stop=lambda: True) == {}
        assert states(repository) == {"due": 40}
        words = orchestrator.send_due(concurrency=2, stop=lambda: len(transport.sent) >= 5)
        sent = len(transport.sent)
        assert words == {"sent": sent}
        assert 5 <= sent < 40
        found = states(repository)
        assert (found["accepted"], found["due"]) == (sent, 40 - sent)
        assert found["reserved"] == found["handed"] == 0


@pytest.mark.parametrize("step", ["claimed", "composed", "handing", "handed"])
def test_a_defect_before_the_post_leaves_nothing_reserved(repository: OutreachRepository, step: str) -> None:
    failing = True

    def fail(reached: str) -> None:
        if failing and reached == step:
            raise RuntimeError("a defect")

    with facade(repository) as (orchestrator, transport):
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(10)]))
        orchestrator.services.dispatcher._reached = fail
        with pytest.raises(RuntimeError, match="a defect"):
            orchestrator.send_due(concurrency=4)
        failing = False
        assert transport.sent == []
        found = states(repository)
        assert (found["due"], found["reserved"], found["handed"]) == (10, 0, 0)
        assert orchestrator.send_due() == {"sent": 10}


def test_few_are_in_flight_at_first_and_never_more_than_allowed(repository: OutreachRepository) -> None:
    busy = Counting()
    with facade(repository) as (orchestrator, _):
        services = orchestrator.services
        list(orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(60)]))
        pacer = Pacer(services.begin, busy.account, None, time.monotonic, lambda: 0.5)
        claiming = Claiming(services.begin, pacer, None, LENIENT)

        def compose(claimed: batch.Claim) -> OutgoingMail:
            return services.composer.compose(claimed.campaign, claimed.message.id)

        words = services.loop.run(Round(services.begin, busy, compose, pacer, concurrency=7).run(claiming, 60))
        assert words["sent"] == 60
        assert 1 < busy.most <= 7


class Counting:
    """A transport that knows how many mails were on their way at once."""

    account = "counting"

    def __init__(self) -> None:
        self.now = self.most = 0

    async def post(self, mail: OutgoingMail, deadline: float = math.inf) -> Outcome:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return Accepted(mail.message_id)

    async def aclose(self) -> None: ...


def test_a_mail_that_misses_its_slot_on_the_way_to_the_network_gets_another_one(
    repository: OutreachRepository,
) -> None:
    deadlines: list[float] = []

    class Slowed(FakeTransport):
        async def post(self, mail: OutgoingMail, deadline: float = math.inf) -> Outcome:
            deadlines.append(deadline)
            if len(deadlines) == 1:  # a connection had to be opened, and took its time
                await asyncio.sleep(max(0.0, deadline - time.monotonic()) + 0.001)
                return NotSent("it was too late", late=True)
            return await super().post(mail, deadline)

    transport = Slowed()
    parts = Parts(transport=transport, monotonic=time.monotonic)
    with OutreachOrchestrator(
        repository, "SG.sandbox.k", "team@sender.test", parts=parts, send_rate=20.0
    ) as orchestrator:
        list(orchestrator.create_campaigns(TENANT, [item()]))
        assert orchestrator.send_due() == {"sent": 1}
    assert len(transport.sent) == 1
    assert deadlines[0] < deadlines[1]
    assert states(repository) == {"accepted": 1}
