"""Many threads on few campaigns and few addresses: nobody waits in a circle, nothing is counted wrong."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import new_id
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail, Rejected
from orchestrator.repository import OutreachRepository, campaigns, messages
from orchestrator.services.looking import statistics
from orchestrator.services.recording import holds
from tests.samples import OTHER_TENANT, TENANT, facade, item
from tests.services.test_interleavings import assert_folded

ADDRESSES = [f"owner{number}@owners.test" for number in range(4)]
THREADS = 8
TURNS = 25
WORDS = ("processed", "delivered", "open", "click", "dropped", "bounce", "unsubscribe", "spamreport", "deferred")


class Crowd:
    """What every thread of the crowd does, in an order of its own."""

    def __init__(self, orchestrator: OutreachOrchestrator) -> None:
        self.orchestrator = orchestrator
        self.items = [item(email) for email in ADDRESSES * 3]
        self.campaigns = [
            (result.campaign.id, tenant)
            for tenant in (TENANT, OTHER_TENANT)
            for result in orchestrator.create_campaigns(tenant, self.items)
            if result.campaign
        ]
        #: Campaigns of mails that were posted: the provider tells of no others.
        self.posted: list[tuple[str, str]] = []
        #: What somebody was told; anything but our own refusals fails the test.
        self.told: Counter[str] = Counter()

    def run(self, seed: int) -> None:
        chance = random.Random(seed)
        acts = [
            self.send,
            self.send_due,
            self.webhooks,
            self.webhooks,
            self.create,
            self.cancel,
            self.retry,
            self.reply,
        ]
        for _ in range(TURNS):
            try:
                chance.choice(acts)(chance)
            except (errors.InvalidState, errors.NotSent, errors.SendRejected) as error:
                self.told[error.code] += 1

    def send(self, chance: random.Random) -> None:
        self.orchestrator.send_campaign(*chance.choice(self.campaigns))

    def send_due(self, chance: random.Random) -> None:
        self.orchestrator.send_due(chance.randrange(1, 6), 2)

    def webhooks(self, chance: random.Random) -> None:
        batch = []
        for campaign_id, tenant_id in chance.sample(self.posted, min(len(self.posted), 6)):
            ids = {"campaign_id": campaign_id, "tenant_id": tenant_id, "sg_event_id": new_id()}
            batch.append({"event": chance.choice(WORDS), "url": "https://memo.test"} | ids)
        self.orchestrator.handle_webhook(batch)

    def create(self, chance: random.Random) -> None:
        items = [*chance.sample(self.items, len(self.items)), item(chance.choice(ADDRESSES))]
        assert all(result.error is None for result in self.orchestrator.create_campaigns(TENANT, items))

    def cancel(self, chance: random.Random) -> None:
        chosen = chance.choice(self.campaigns)
        self.orchestrator.cancel_campaign(*chosen)
        self.orchestrator.reschedule_campaign(*chosen, None)

    def retry(self, chance: random.Random) -> None:
        self.orchestrator.retry_failed(chance.choice([TENANT, OTHER_TENANT]))

    def reply(self, chance: random.Random) -> None:
        self.orchestrator.record_reply(*chance.choice(self.campaigns), f"Yes {chance.random()}")


def test_a_crowd_on_few_owners_never_deadlocks_and_every_number_is_right(repository: OutreachRepository) -> None:
    posting = threading.Lock()
    taken: Counter[str] = Counter()
    chance = random.Random(7)

    def answer(mail: OutgoingMail) -> Outcome:
        with posting:
            crowd.posted.append((mail.campaign_id, mail.tenant_id))
            outcome = chance.choice(
                [Accepted(new_id()), Accepted(new_id()), NotSent("401", account=True), Rejected("400")]
            )
            taken[mail.message_id] += isinstance(outcome, Accepted)
            return outcome

    with facade(repository, answer) as (orchestrator, _):
        crowd = Crowd(orchestrator)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(crowd.run, range(THREADS)))
        assert set(crowd.told) <= {"invalid-state", "not-sent", "send-rejected"}
        assert max(taken.values()) == 1
        for tenant in (TENANT, OTHER_TENANT):
            assert orchestrator.get_statistics(tenant) == statistics.recounted(orchestrator.services.read, tenant)
        assert_nothing_is_lost(repository)
        assert deadlocks(repository) == 0


def assert_nothing_is_lost(repository: OutreachRepository) -> None:
    with repository.reading() as tx:
        for tenant in (TENANT, OTHER_TENANT):
            stored = campaigns.page(tx, tenant, 1_000)
            attempts = messages.of_campaigns(tx, [(tenant, campaign.id) for campaign in stored])
            for campaign in stored:
                assert_folded(campaign, attempts[tenant, campaign.id])
                if campaign.status is OutreachStatus.SCHEDULED:
                    # An owner who has answered is waited for; everything else that is scheduled is due.
                    held = (campaign.hold_reason or "").startswith(holds.OWNER_HELD)
                    assert held == (campaign.next_send_at is None)


def deadlocks(repository: OutreachRepository) -> int:
    if repository.url.get_backend_name() == "sqlite":
        return 0
    with repository.reading() as tx:
        query = sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return tx.execute(query).scalar_one()
