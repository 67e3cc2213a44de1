"""Doubt, evidence, resends and late evidence in random orders: no mail is lost, and none goes out twice unseen."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from orchestrator import OutreachStatus, errors
from orchestrator.clock import new_id
from orchestrator.domain.message import LIVE_STATES, Accepted, MessageState, NotSent, Outcome, OutgoingMail, Unknown
from orchestrator.repository import campaigns, messages
from orchestrator.services.looking import statistics
from tests.samples import TENANT, item
from tests.services.doubts import World, world

GRACE = 60
CAMPAIGNS = 6
STEPS = 50


class Provider:
    """Takes some mails and loses others, and tells of those it took in time; unless prompt, of some of them late."""

    def __init__(self, seed: int, *, prompt: bool) -> None:
        self.random = random.Random(seed)
        self.prompt = prompt
        self.reliable = False
        #: Attempt id → campaign id of what it took, and of that what it has not told of.
        self.taken: dict[str, str] = {}
        self.untold: list[str] = []
        #: What it will tell of when everybody has given up.
        self.withheld: list[str] = []

    def __call__(self, mail: OutgoingMail) -> Outcome:
        fate = (
            "taken"
            if self.reliable
            else self.random.choice(["taken", "unanswered", "unanswered", "vanished", "not sent"])
        )
        if fate in ("taken", "unanswered"):
            self.taken[mail.message_id] = mail.campaign_id
            late = fate == "unanswered" and not self.prompt and self.random.random() < 0.7
            (self.withheld if late else self.untold).append(mail.message_id)
        if fate == "taken":
            return Accepted(new_id())
        return NotSent("503") if fate == "not sent" else Unknown("the answer was lost")


def tell(w: World, provider: Provider, n: int | None = None) -> None:
    """Let the provider report `n` mails, in any order; None: all that are left."""
    for _ in range(len(provider.untold) if n is None else min(n, len(provider.untold))):
        message_id = provider.untold.pop(provider.random.randrange(len(provider.untold)))
        word = provider.random.choice(["processed", "delivered", "open"])
        event = {"event": word, "tenant_id": TENANT, "campaign_id": provider.taken[message_id]}
        w.orchestrator.handle_webhook({**event, "outreach_message_id": message_id, "sg_event_id": new_id()})


def step(w: World, provider: Provider) -> None:
    """Let one thing happen. The provider tells of what it does not withhold before the grace of any mail is over."""

    def wait() -> None:
        seconds = provider.random.choice([5, 20, 45, 90, 400])
        w.wait(min(seconds, GRACE / 2))
        tell(w, provider)
        w.wait(seconds, up=provider.prompt or provider.random.random() < 0.9)

    def release() -> None:
        if provider.withheld:
            provider.untold.append(provider.withheld.pop(provider.random.randrange(len(provider.withheld))))
            tell(w, provider)

    def ask() -> None:
        campaign_id = provider.random.choice(known(w))
        with suppress(errors.SendInDoubt, errors.NotSent):
            w.orchestrator.send_campaign(campaign_id, TENANT)

    actions: dict[Callable[[], object], int] = {
        w.orchestrator.send_due: 4, w.reconcile: 4, wait: 6, ask: 1, release: 1,
        lambda: w.create(f"{new_id()}@owners.test"): 2, lambda: tell(w, provider, 2): 2,
        w.orchestrator.operations.recover: 1, lambda: w.orchestrator.retry_failed(TENANT): 1,
    }  # fmt: skip
    provider.random.choices(list(actions), list(actions.values()))[0]()


def known(w: World) -> list[str]:
    with w.orchestrator.services.read() as tx:
        return [campaign.id for campaign in campaigns.page(tx, TENANT, 100)]


def check(w: World) -> None:
    with w.orchestrator.services.read() as tx:
        keys = [(TENANT, id_) for id_ in known(w)]
        stored, attempts = campaigns.get_many(tx, keys), messages.of_campaigns(tx, keys)
    for key, campaign in stored.items():
        live = [a for a in attempts[key] if a.state in LIVE_STATES]
        assert len(live) <= 1
        undecided = [a for a in live if a.state is not MessageState.ACCEPTED]
        assert all(a.check_at is None for a in attempts[key] if a.state is not MessageState.IN_DOUBT)
        if campaign.status is OutreachStatus.SCHEDULED:
            assert (campaign.next_send_at is not None) != bool(undecided), "lost, or due and in doubt at once"
    read = w.orchestrator.services.read
    assert w.orchestrator.get_statistics(TENANT) == statistics.recounted(read, TENANT)


@pytest.mark.parametrize("prompt", [True, False], ids=["prompt", "late"])
@pytest.mark.parametrize("seed", [4, 7, 11])
def test_no_order_loses_a_mail_and_a_second_one_is_always_counted(dsn: str, seed: int, prompt: bool) -> None:
    provider = Provider(seed, prompt=prompt)
    with world(dsn, provider, grace=GRACE) as w:
        list(w.orchestrator.create_campaigns(TENANT, [item(f"owner{n}@owners.test") for n in range(CAMPAIGNS)]))
        for _ in range(STEPS):
            step(w, provider)
            check(w)
        provider.reliable = True
        settle(w, provider)
        mailed = Counter(provider.taken.values())
        assert set(mailed) == set(known(w)), "a mail was lost"
        twice = sum(mailed.values()) - len(mailed)
        assert w.orchestrator.operations.doctor().duplicates == twice
        if prompt:
            assert twice == 0


def settle(w: World, provider: Provider) -> None:
    """Let everything come to an end: all reports arrive, later mails are sent and reported, doubts are decided."""
    for turn in range(8):
        if turn == 4:
            provider.untold += provider.withheld
        tell(w, provider)
        w.orchestrator.retry_failed(TENANT)
        w.orchestrator.send_due()
        w.wait(GRACE / 2)
        tell(w, provider)
        w.wait(70)
        w.send(f"later-{new_id()}@owners.test")
        tell(w, provider)
        w.wait(GRACE * 2)
        w.reconcile()
        check(w)
    for campaign_id in known(w):
        with w.orchestrator.services.read() as tx:
            (attempt, *_) = messages.of_campaigns(tx, [(TENANT, campaign_id)])[TENANT, campaign_id][::-1]
        if attempt.state is MessageState.IN_DOUBT:  # the endpoint was away when it was handed over
            assert attempt.id not in provider.taken
            w.orchestrator.operations.resolve(attempt.id, "resend")
    w.orchestrator.send_due()
    tell(w, provider)
    assert provider.untold == []
    assert all(status is not OutreachStatus.SCHEDULED for status in statuses(w))


def statuses(w: World) -> list[OutreachStatus]:
    with w.orchestrator.services.read() as tx:
        return [campaign.status for campaign in campaigns.page(tx, TENANT, 100)]
