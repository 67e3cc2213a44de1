"""Every figure against a count of our own, after a history in which everything came late, twice, or not at all."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator import OutreachCampaign, OutreachOrchestrator, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.repository import OutreachRepository
from orchestrator.services.looking import figures
from tests.samples import OTHER_TENANT, TENANT, facade, item

#: The clocks of New York are put forward on 8 March 2026, those of Apia are a day ahead, those of Kolkata by the half.
BEGIN = datetime(2026, 3, 6, 3, 0, tzinfo=UTC)
ZONES = ("America/New_York", "Asia/Kolkata", "Pacific/Apia", "Asia/Kathmandu")
REPORTS = (
    {"event": "processed"}, {"event": "deferred", "response": "421"}, {"event": "delivered"}, {"event": "delivered"},
    {"event": "open"}, {"event": "open"}, {"event": "open", "sg_machine_open": True}, {"event": "group_resubscribe"},
    {"event": "click", "url": "https://x.test"}, {"event": "dropped", "reason": "Bounced Address"},
    {"event": "bounce", "type": "bounce"}, {"event": "bounce", "type": "blocked"}, {"event": "spamreport"},
    {"event": "bounce", "type": "expired"}, {"event": "unsubscribe"},
)  # fmt: skip
GIVEN_UP = [{"event": "processed"}, {"event": "dropped", "reason": "Invalid"}, {"event": "bounce", "type": "expired"}]
ANSWERS = ("Yes, call me please", "Who gave you my address?", "Please remove me from your list", "I sold it last year")


class Chaos:
    """A tenant to which things happen, by a seed."""

    def __init__(self, orchestrator: OutreachOrchestrator, mails: list[OutgoingMail], clock: ManualClock) -> None:
        self.on, self.mails, self.clock = orchestrator, mails, clock
        self.chance = random.Random(20260308)
        self.ids: list[str] = []
        #: What may be reported of each campaign: few get everything.
        self.fates: dict[str, list[dict[str, Any]]] = {}
        self.reported: list[dict[str, Any]] = []

    def run(self, steps: int) -> None:
        deeds: list[Callable[[], object]] = [self.create, self.send, self.command, self.answer, self.opt_out, self.due]
        for _ in range(steps):
            self.clock.advance(timedelta(minutes=self.chance.choice((0, 1, 14, 47, 90))))
            deed = self.chance.choice([*deeds, *[self.report] * 5, self.command])
            with suppress(errors.OrchestratorError):
                deed()

    def one(self) -> str:
        return self.chance.choice(self.ids)

    def create(self) -> None:
        owner = f"{self.chance.choice('abcd')}{len(self.ids) % 19}@owners.test"
        at = self.clock.now() + timedelta(days=self.chance.choice((0, 0, 1)))
        batch = self.chance.choice(("spring", None))
        made = self.on.create_campaign(TENANT, **item(owner, scheduled_at=at, batch=batch))
        self.ids.append(made.id)
        fates = (self.chance.sample(REPORTS, 3), GIVEN_UP, [])
        self.fates[made.id] = self.chance.choices(fates, (4, 1, 2))[0]

    def send(self) -> None:
        self.on.send_campaign(self.one(), TENANT)

    def due(self) -> None:
        self.on.send_due()
        self.on.retry_failed(TENANT, 3)

    def command(self) -> None:
        one, product = self.one(), self.on
        self.chance.choice((
            lambda: product.cancel_campaign(one, TENANT),
            lambda: product.cancel_campaign(one, TENANT),
            lambda: product.hold_campaign(one, TENANT, "look at it"),
            lambda: product.release_campaign(one, TENANT),
            lambda: product.reschedule_campaign(one, TENANT, None),
            lambda: product.operations.suppressions.remove(TENANT, self.owner(one), reason="bounce"),
            self.decide,
        ))()  # fmt: skip

    def owner(self, one: str) -> str:
        found = self.on.get_campaign(one, TENANT)
        assert found is not None
        return found.owner_email

    def decide(self) -> None:
        doubtful = self.on.desk.board(TENANT).doubtful
        if doubtful:
            decision = self.chance.choice(("sent", "resend"))
            self.on.operations.resolve(self.chance.choice(doubtful).message_id, decision)

    def answer(self) -> None:
        self.on.record_reply(self.one(), TENANT, self.chance.choice(ANSWERS), occurred_at=self.clock.now())
        newest = self.on.operations.replies.list(TENANT, 1)[0]
        if self.chance.random() < 0.3:
            self.on.operations.replies.label(newest.id, "other", TENANT)

    def opt_out(self) -> None:
        links = re.search(r"/u/([^>\s]+)", self.chance.choice(self.mails).headers["List-Unsubscribe"])
        assert links is not None
        self.on.unsubscribe(links[1], self.chance.choice(("all", "property", "sold")))
        if self.chance.random() < 0.5:
            self.on.undo_unsubscribe(links[1])

    def report(self) -> None:
        at = self.clock.now() - timedelta(minutes=self.chance.choice((0, 3, 300, 3000)))
        one = self.chance.choice([id_ for id_, fates in self.fates.items() if fates])
        about = {"tenant_id": TENANT, "campaign_id": one, "sg_event_id": f"e{len(self.reported)}"}
        self.reported.append({**self.chance.choice(self.fates[one]), **about, "timestamp": int(at.timestamp())})
        again = self.chance.choices(self.reported, k=2)  # anything may come twice, and in any order
        self.on.handle_webhook([*again, self.reported[-1]])


def _answer(mail: OutgoingMail) -> Outcome:
    """What SendGrid says, by the owner."""
    return {"b": NotSent("503"), "c": Rejected("400"), "d": Unknown("lost")}.get(
        mail.to_email[0], Accepted(mail.message_id)
    )


# ------------------------------------------------------------------------------------------------- our own count


def _acted(one: OutreachCampaign) -> datetime | None:
    return one.responded_at or one.unsubscribed_at or one.complained_at


def _arrived(one: OutreachCampaign) -> datetime | None:
    return one.delivered_at or one.opened_at or one.clicked_at or _acted(one)


def _counts(one: OutreachCampaign) -> set[str]:
    """In which counts a campaign stands, from nothing but its own times and status."""
    bounced = one.bounced_at is not None and _acted(one) is None
    delivered = _arrived(one) is not None and not bounced
    sent = bool(one.sent_at or _arrived(one) or one.bounced_at)
    end = (
        "bounced" if bounced else "delivered" if delivered else "undelivered" if one.status == "failed" else "in_flight"
    )
    found = {"targeted", one.status if one.status in ("failed", "suppressed", "cancelled") else "targeted"}
    found |= {"sent", end} if sent else set()
    found |= {"opened"} if delivered and one.opened_at else set()
    found |= {"clicked"} if delivered and one.clicked_at else set()
    found |= {"machine_opened"} if one.machine_opened_at else set()
    found |= {n for n in ("responded", "unsubscribed", "complained") if getattr(one, f"{n}_at")}
    return found | ({"engaged"} if delivered and (one.opened_at or one.clicked_at or one.responded_at) else set())


def _when(one: OutreachCampaign, kind: str) -> datetime | None:
    if kind == "sent":
        return one.sent_at or _arrived(one) or one.bounced_at
    return _arrived(one) if kind == "delivered" else getattr(one, f"{kind}_at")


def _by_day(all_: list[OutreachCampaign], zone: ZoneInfo, days: list[date], *, by_sending: bool) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for one in all_:
        for kind in {"sent", "delivered", "opened", "clicked", "responded", "bounced", "complained"} & _counts(one):
            at = _when(one, "sent" if by_sending else kind)
            if at and at.astimezone(zone).date() in days:
                found[at.astimezone(zone).date(), kind] += 1
    return found


@pytest.fixture
def chaos(dsn: str) -> Any:
    clock = ManualClock(BEGIN)
    repository = OutreachRepository(dsn, clock=clock)
    links = {"base_url": "https://go.sender.test", "in_doubt_grace": 60}
    with facade(repository, _answer, clock=clock, **links) as (orchestrator, transport):
        happening = Chaos(orchestrator, transport.sent, clock)
        for _ in range(40):
            happening.create()
        happening.due()
        happening.run(150)
        yield happening
    repository.close()


def test_every_figure_is_what_a_count_of_all_campaigns_gives(chaos: Chaos):
    all_ = [c for one in chaos.ids if (c := chaos.on.get_campaign(one, TENANT))]
    expected = Counter(count for one in all_ for count in _counts(one))
    funnel = chaos.on.get_funnel(TENANT)
    assert funnel.counts == {name: expected[name] for name in funnel.counts}
    counts = funnel.counts
    assert counts["sent"] == sum(counts[end] for end in ("delivered", "bounced", "undelivered", "in_flight"))
    assert all(rate.numerator <= rate.denominator for rate in funnel.rates.values())
    assert sum(n > 0 for n in counts.values()) >= 13, "not chaotic enough to prove anything"
    spring = Counter(count for one in all_ if one.batch == "spring" for count in _counts(one))
    assert chaos.on.get_funnel(TENANT, "spring").counts == {name: spring[name] for name in counts}
    assert chaos.on.get_statistics(TENANT) == Counter(one.status for one in all_)
    assert set(chaos.on.get_funnel(OTHER_TENANT).counts.values()) == {0}
    for name in ZONES:
        chaos.on.desk.describe_tenant(TENANT, time_zone=name)
        zone, today = ZoneInfo(name), chaos.clock.now().astimezone(ZoneInfo(name)).date()
        days = [today - timedelta(days=ago) for ago in range(6, -1, -1)]
        shown = figures.count(chaos.on.services.read, TENANT, 7)
        for series, by_sending in ((shown.by_event_day, False), (shown.by_send_day, True)):
            assert [day.day for day in series] == days
            counted = Counter({(day.day, kind): n for day in series for kind, n in day.counts.items() if n})
            assert counted == _by_day(all_, zone, days, by_sending=by_sending), (name, by_sending)
    _the_same_everywhere(chaos, all_)


def _the_same_everywhere(chaos: Chaos, all_: list[OutreachCampaign]) -> None:
    """What waits is one number, whoever is asked: the library, the desk, the dispatcher, status, doctor, the search."""
    on, now = chaos.on, chaos.clock.now()
    board, status, doctor = on.desk.board(TENANT), on.operations.status(), on.operations.doctor()
    scheduled = [one for one in all_ if one.status == "scheduled"]
    held = sum(one.hold_reason is not None for one in scheduled)
    said = {on.desk.waiting(TENANT)["held"], status.held, on.desk.count_campaigns(TENANT, "is:held")}
    assert said | {sum(n for _, n in board.held)} == {held}
    spring = on.desk.imports.one(TENANT, "spring", fresh=True)
    assert spring is not None
    assert spring.batch.held == sum(one.hold_reason is not None for one in scheduled if one.batch == "spring")
    attempts = [attempt for one in all_ for attempt in on.desk.campaign(TENANT, one.id).attempts]
    doubtful = sum(attempt.state == "in_doubt" for attempt in attempts)
    assert {status.in_doubt, board.queued.in_doubt, doctor.waiting + doctor.held} == {doubtful}
    assert on.desk.waiting(TENANT)["in_doubt"] == on.desk.count_campaigns(TENANT, "is:doubt") == doubtful
    due = sum(one.next_send_at is not None and one.next_send_at <= now for one in all_)
    assert {board.queued.due, sum(queue.due for queue in status.queues), on.desk.count_campaigns(TENANT, "is:due")} == {
        due
    }
    assert board.queued.later == sum(one.next_send_at is not None and one.next_send_at > now for one in all_)
    failed = [one for one in all_ if one.status == "failed"]
    assert {one.campaign_id for one in board.failures} == {one.id for one in failed}
    assert board.queued.failed == sum(
        one.failed_at is not None and now - one.failed_at <= timedelta(days=1) for one in failed
    )
    replies = on.operations.replies.list(TENANT, 500)
    counts = on.desk.letters.page(TENANT).counts
    assert counts["latest"] == len(replies)
    assert (
        counts["waiting"]
        == on.desk.waiting(TENANT)["replies"]
        == len(on.operations.replies.list(TENANT, 500, waiting=True))
    )
    for label in ("interested", "opt_out", "sold", "other"):
        assert counts[label] == sum(reply.label == label for reply in replies), label
