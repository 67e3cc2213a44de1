"""What "would we write to this address?" answers is what becomes of the mail."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta

from orchestrator import OutreachOrchestrator, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.suppression import SOFT_BOUNCES_REST, Kind, address_key
from orchestrator.repository import OutreachRepository
from orchestrator.repository.suppressions import Entry
from tests.samples import OTHER_TENANT, TENANT, facade, item, new_uuid, property_record

#: Three people and how they are written, of two providers that ignore what others heed.
SPELLINGS = (
    "ann.lee@gmail.com", "annlee+home@googlemail.com", "A.N.N.Lee@GMAIL.com", "ann+home@outlook.com",
    "ann@outlook.com", "ann+home@owners.test", "ann@owners.test", "Ann@Owners.TEST", "ann@sub.owners.test",
)  # fmt: skip
DAY = timedelta(days=1)


class List:
    """A suppression list on which things come and go, by a seed."""

    def __init__(self, on: OutreachOrchestrator, clock: ManualClock, seed: int) -> None:
        self.on, self.clock, self.chance = on, clock, random.Random(seed)
        self.list = on.operations.suppressions
        #: The property of the mail that is about to leave.
        self.about = new_uuid()

    def change(self) -> None:
        what = self.chance.choice((*SPELLINGS, "owners.test", "@gmail.com", "googlemail.com", self.about, self.about))
        reason = self.chance.choice(list(SuppressionReason))
        tenant = self.chance.choice((TENANT, TENANT, OTHER_TENANT))
        deed = self.chance.randrange(5)
        with suppress(errors.SuppressionStays):
            if deed < 2:
                self.list.add(tenant, what, reason=reason)
            elif deed == 2:
                self.list.remove(tenant, what, consent=self.chance.random() < 0.7, why="asked again")
            elif deed == 3:
                self.expire(self.chance.choice(SPELLINGS))
            else:
                self.clock.advance(self.chance.choice((DAY, SOFT_BOUNCES_REST)))
                if self.chance.random() < 0.5:
                    self.list.end_over()

    def expire(self, owner: str) -> None:
        """Put an address on the list for a while, as mails do that cannot be delivered."""
        now = self.clock.now()
        entry = Entry(
            tenant_id=TENANT, kind=Kind.ADDRESS, value=address_key(owner), reason=SuppressionReason.SOFT_BOUNCES,
            source="test", created_at=now, ends_at=now + SOFT_BOUNCES_REST,
        )  # fmt: skip
        self.list.enter_many([entry])


def test_the_answer_is_what_happens(dsn: str) -> None:
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    with facade(repository, clock=clock) as (on, transport):
        entries, answers = List(on, clock, seed=1), []
        for number in range(40):
            entries.about, owner = new_uuid(), entries.chance.choice(SPELLINGS)
            record = property_record(owner, id_=entries.about)
            early = number % 2  # it waits while entries come and go, or it is made when they have
            made = on.create_campaign(TENANT, **item(property_record=record)) if early else None
            for _ in range(4):
                entries.change()
            made = made or on.create_campaign(TENANT, **item(property_record=record))
            answer = on.operations.suppressions.check(TENANT, owner, entries.about)
            by_hand = number % 3 == 0
            told = on.send_campaign(made.id, TENANT) if by_hand else on.send_due()
            sent = made.id in {mail.campaign_id for mail in transport.sent}
            assert sent == answer.allowed, (number, owner, answer.entries, told)
            answers.append(answer.allowed)
        assert set(answers) == {True, False}
    repository.close()
