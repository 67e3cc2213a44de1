"""A crowd that opts out, undoes, suppresses, frees, answers, corrects and sends, all at once, about few owners."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import new_id
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail, Rejected
from orchestrator.domain.suppression import address_key
from orchestrator.repository import OutreachRepository, addresses, campaigns, messages
from orchestrator.services.looking import statistics
from tests.samples import OTHER_TENANT, TENANT, facade, item, property_record
from tests.services.test_contention import assert_folded, deadlocks

TENANTS = (TENANT, OTHER_TENANT)
OWNERS = [f"owner{number}@owners.test" for number in range(3)]
DOMAIN = "owners.test"
THREADS = 8
TURNS = int(os.environ.get("OUTREACH_TEST_ROUNDS", "25"))
EVENTS = ("processed", "delivered", "open", "dropped", "bounce", "unsubscribe", "spamreport", "deferred")
ANSWERS = ("Please stop writing to me", "Yes, call me", "I sold it", "You have the wrong person", "Who are you?")
CHOICES = (None, "all", "property", "sold", "wrong_person")
#: What people and programs may be told here.
REFUSALS = (errors.InvalidState, errors.NotSent, errors.SendRejected, errors.SendInDoubt, errors.SuppressionStays)


class Crowd:
    """What every thread does, in an order of its own; knows when which owner must not have been written to."""

    def __init__(self, orchestrator: OutreachOrchestrator) -> None:
        self.team = orchestrator
        self.campaigns = [
            (result.campaign.id, tenant, result.campaign.property_id)
            for tenant in TENANTS
            for result in orchestrator.create_campaigns(tenant, [item(email) for email in OWNERS * 5])
            if result.campaign
        ]
        self.tokens: list[tuple[str, str, str]] = []
        self.closed: dict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
        self.turns: dict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self.told: Counter[str] = Counter()

    def run(self, seed: int) -> None:
        chance = random.Random(seed)
        acts = [
            self.send, self.send_due, self.send_due, self.webhooks, self.opt_out, self.opt_out, self.suppress,
            self.suppress, self.suppress_domain, self.answer, self.people, self.correct, self.hold, self.again,
        ]  # fmt: skip
        for _ in range(TURNS):
            try:
                chance.choice(acts)(chance)
            except REFUSALS as error:
                self.told[error.code] += 1

    @contextmanager
    def nobody_writes_to(self, tenant: str, *owners: str) -> Iterator[None]:
        """Note that until the end of the block nobody may hand over a mail to `owners`."""
        began = datetime.now(UTC)
        time.sleep(0.005)
        yield
        for owner in owners:
            self.closed[tenant, owner].append((began, datetime.now(UTC)))

    def send(self, chance: random.Random) -> None:
        self.team.send_campaign(*chance.choice(self.campaigns)[:2])

    def send_due(self, chance: random.Random) -> None:
        self.team.send_due(chance.randrange(1, 9), 3)

    def webhooks(self, chance: random.Random) -> None:
        known = chance.sample(self.tokens, min(len(self.tokens), 3))
        ids = [{"campaign_id": campaign, "tenant_id": tenant, "sg_event_id": new_id()} for campaign, tenant, _ in known]
        self.team.handle_webhook([{"event": chance.choice(EVENTS), **one} for one in ids])

    def opt_out(self, chance: random.Random) -> None:
        if self.tokens:
            token = chance.choice(self.tokens)[2]
            self.team.unsubscribe(token, chance.choice(CHOICES))
            if chance.random() < 0.8:
                self.team.undo_unsubscribe(token)

    def suppress(self, chance: random.Random) -> None:
        tenant, owner, list_ = chance.choice(TENANTS), chance.choice(OWNERS), self.team.operations.suppressions
        with self.turns[tenant, owner]:
            list_.add(tenant, owner)
            with self.nobody_writes_to(tenant, owner):
                pass
            list_.remove(tenant, owner, reason="manual")
        _, tenant, property_id = chance.choice(self.campaigns)
        list_.add(tenant, property_id)
        list_.remove(tenant, property_id, reason="manual")

    def suppress_domain(self, chance: random.Random) -> None:
        tenant, list_ = chance.choice(TENANTS), self.team.operations.suppressions
        with self.turns[tenant, DOMAIN]:
            list_.add(tenant, DOMAIN)
            with self.nobody_writes_to(tenant, *OWNERS):
                pass
            list_.remove(tenant, DOMAIN)

    def answer(self, chance: random.Random) -> None:
        campaign, tenant, _ = chance.choice(self.campaigns)
        self.team.record_reply(campaign, tenant, f"{chance.choice(ANSWERS)} {chance.random()}")

    def people(self, chance: random.Random) -> None:
        replies = self.team.operations.replies
        for reply in replies.list(chance.choice(TENANTS), 5):
            if chance.random() < 0.3:
                replies.label(reply.id, chance.choice(("opt_out", "question", "sold", "legal")))
            replies.release(reply.id)

    def correct(self, chance: random.Random) -> None:
        campaign, tenant, property_id = chance.choice(self.campaigns)
        record = property_record(chance.choice(OWNERS), id_=property_id)
        self.team.update_campaign(campaign, tenant, property_record=record)

    def hold(self, chance: random.Random) -> None:
        campaign = chance.choice(self.campaigns)[:2]
        self.team.hold_campaign(*campaign, "ask first")
        self.team.release_campaign(*campaign)

    def again(self, chance: random.Random) -> None:
        self.team.retry_failed(chance.choice(TENANTS))
        campaign = chance.choice(self.campaigns)[:2]
        self.team.cancel_campaign(*campaign)
        self.team.reschedule_campaign(*campaign, None)


@pytest.mark.parametrize("seed", range(2))
def test_a_crowd_about_few_owners_is_obeyed_and_never_waits_in_a_circle(
    repository: OutreachRepository, seed: int
) -> None:
    chance, posted = random.Random(seed), Counter[str]()

    def answer(mail: OutgoingMail) -> Outcome:
        token = mail.headers["List-Unsubscribe"].split(">")[0].rsplit("/", 1)[1]
        crowd.tokens.append((mail.campaign_id, mail.tenant_id, token))
        outcome = chance.choice([Accepted(new_id()), NotSent("401", account=True), NotSent("down"), Rejected("400")])
        posted[mail.message_id] += isinstance(outcome, Accepted)
        return outcome

    with facade(repository, answer, base_url="https://go.sender.test", address_gap=seed) as (team, _):
        crowd = Crowd(team)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(crowd.run, range(seed * THREADS, (seed + 1) * THREADS)))
        assert max(posted.values()) == 1
        for tenant in TENANTS:
            counted = statistics.recounted(team.services.read, tenant)
            assert team.get_statistics(tenant) == counted
            assert_obeyed(repository, crowd, tenant)
        assert deadlocks(repository) == 0


def assert_obeyed(repository: OutreachRepository, crowd: Crowd, tenant: str) -> None:
    with repository.reading() as tx:
        stored = campaigns.page(tx, tenant, 1_000)
        attempts = messages.of_campaigns(tx, [(tenant, campaign.id) for campaign in stored])
        people = addresses.get_many(tx, [(tenant, address_key(owner)) for owner in OWNERS])
        for campaign in stored:
            mails = attempts[tenant, campaign.id]
            assert_folded(campaign, mails)
            if campaign.status is OutreachStatus.SCHEDULED:
                on_its_way = any(mail.state in ("reserved", "handed", "in_doubt") for mail in mails)
                waits = campaign.hold_reason is not None or on_its_way
                assert (campaign.next_send_at is None) == waits
                owner = people[tenant, campaign.owner_address_key]
                if (campaign.hold_reason or "").startswith("owner held"):
                    assert owner.hold_reason is not None
            for mail in mails:
                handed_at = mail.handed_at or datetime.min.replace(tzinfo=UTC)
                for began, ended in crowd.closed[tenant, str(mail.address_key)]:
                    assert not began < handed_at < ended - timedelta(milliseconds=1)
