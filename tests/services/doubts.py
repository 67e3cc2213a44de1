"""Mails in doubt and the time that passes over them, for the tests of reconciling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from orchestrator import OutreachOrchestrator
from orchestrator.clock import ManualClock, new_id
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import Accepted, Outcome, OutgoingMail, OutreachMessage, Unknown
from orchestrator.repository import OutreachRepository, messages
from orchestrator.transports.fake import FakeTransport
from tests.samples import TENANT, facade, item

GRACE = 900
STEP = timedelta(seconds=10)


class World:
    """One installation whose time moves when told to, and whose webhook endpoint is up while it does.

    `answer` is what SendGrid says to a mail, and may be changed at any time.
    """

    orchestrator: OutreachOrchestrator
    transport: FakeTransport

    def __init__(self, clock: ManualClock, answer: Callable[[OutgoingMail], Outcome]) -> None:
        self.clock, self.answer = clock, answer

    def create(self, email: str) -> OutreachCampaign:
        (made,) = self.orchestrator.create_campaigns(TENANT, [item(email)])
        assert made.campaign is not None
        return made.campaign

    def send(self, email: str) -> OutreachCampaign:
        """Create a campaign and send it with `send_due`."""
        campaign = self.create(email)
        self.orchestrator.send_due()
        return campaign

    def doubt(self, email: str = "lost@owners.test") -> OutreachCampaign:
        """Send a mail whose answer is lost."""
        campaign = self.send(email)
        assert self.attempts(campaign)[0].state == "in_doubt"
        return campaign

    def later_report(self) -> OutreachCampaign:
        """Let a mail be sent a minute later, and reported."""
        self.wait(70)
        later = self.send(f"later-{new_id()}@owners.test")
        self.report(later)
        return later

    def wait(self, seconds: float, *, up: bool = True) -> None:
        """Let time pass; the endpoint gives signs of life if it is `up`."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < end:
            self.clock.advance(min(STEP, end - self.clock.now()))
            if up:
                self.beat()

    def beat(self) -> None:
        self.orchestrator.services.webhook_endpoint.beat()

    def report(self, campaign: OutreachCampaign, word: str = "processed", attempt: int = 0) -> Any:
        """Let SendGrid report about an attempt of a campaign, by default the first."""
        return self.orchestrator.handle_webhook(
            {
                "event": word, "tenant_id": TENANT, "campaign_id": campaign.id, "sg_event_id": new_id(),
                "outreach_message_id": self.attempts(campaign)[attempt].id,
                "timestamp": int(self.clock.now().timestamp()),
            }
        )  # fmt: skip

    def reconcile(self) -> dict[str, int]:
        return {word: n for word, n in self.orchestrator.operations.reconcile().items() if n}

    def look(self, campaign: OutreachCampaign) -> OutreachCampaign:
        found = self.orchestrator.get_campaign(campaign.id, TENANT)
        assert found is not None
        return found

    def attempts(self, campaign: OutreachCampaign) -> list[OutreachMessage]:
        with self.orchestrator.services.read() as tx:
            return messages.of_campaigns(tx, [(TENANT, campaign.id)])[TENANT, campaign.id]

    def states(self, campaign: OutreachCampaign) -> list[str]:
        return [str(attempt.state) for attempt in self.attempts(campaign)]

    def history(self, campaign: OutreachCampaign) -> list[str]:
        return [event.event_type for event in self.orchestrator.get_events(campaign.id, TENANT)]

    def posts(self, campaign: OutreachCampaign) -> int:
        return sum(mail.campaign_id == campaign.id for mail in self.transport.sent)


def lose_some(mail: OutgoingMail) -> Outcome:
    """Never answer mail to addresses that begin with ``lost``; take all other."""
    return Unknown("the answer was lost") if mail.to_email.startswith("lost") else Accepted(new_id())


@contextmanager
def world(
    dsn: str, answer: Callable[[OutgoingMail], Outcome] = lose_some, *, grace: float = GRACE, **settings: Any
) -> Iterator[World]:
    """An installation on a fresh database, its webhook endpoint just up."""
    made = World(ManualClock(), answer)
    repository = OutreachRepository(dsn, clock=made.clock)

    def answered(mail: OutgoingMail) -> Outcome:
        return made.answer(mail)

    with facade(repository, answered, clock=made.clock, in_doubt_grace=grace, **settings) as opened:
        made.orchestrator, made.transport = opened
        made.beat()
        made.wait(STEP.total_seconds())
        yield made
    repository.close()
