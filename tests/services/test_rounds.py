"""One round of due mail, interrupted and hindered: what is known is written down, and nothing is left in between."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator import errors
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail
from orchestrator.domain.schedule import USUAL
from orchestrator.repository import OutreachRepository, Transaction, campaigns, messages
from orchestrator.services import batch
from orchestrator.services.claiming import Claiming
from orchestrator.services.due import Round
from orchestrator.services.pacing import Pacer
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
            claiming = Claiming(services.begin, pacer, None, USUAL, lambda _: None)
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
