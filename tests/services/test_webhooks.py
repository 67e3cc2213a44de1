"""Webhook events find their campaign or are kept aside, and move it as the lifecycle says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.clock import ManualClock
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import Accepted
from orchestrator.repository import OutreachRepository, addresses, events, messages
from orchestrator.services.looking import statistics
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, new_uuid, property_record

X_MESSAGE_ID = "PwZ0yMzuQveI1WVxL_eo1A"
SG_MESSAGE_ID = f"{X_MESSAGE_ID}.recvd-7f4fb8995-fd4g2-1-68BB1132-C.0"


@pytest.fixture
def orchestrator(repository: OutreachRepository) -> Iterator[OutreachOrchestrator]:
    with facade(repository, lambda _: Accepted(X_MESSAGE_ID), base_url="https://go.sender.test") as (made, _):
        yield made


@pytest.fixture
def campaign(orchestrator: OutreachOrchestrator) -> OutreachCampaign:
    created = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
    orchestrator.send_campaign(created.id, TENANT)
    return created


def event(campaign: OutreachCampaign, word: str, after: float = 60, **more: Any) -> dict[str, Any]:
    at = int((campaign.created_at + timedelta(seconds=after)).timestamp())
    ids = {"campaign_id": campaign.id, "tenant_id": campaign.tenant_id, "property_id": campaign.property_id}
    return {"event": word, "email": campaign.owner_email, "timestamp": at, "sg_event_id": new_uuid()} | ids | more


def status(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> str:
    found = orchestrator.get_campaign(campaign.id, campaign.tenant_id)
    assert found is not None
    return str(found.status)


def unmatched(orchestrator: OutreachOrchestrator) -> int:
    with orchestrator.services.read() as tx:
        return events.count_unmatched(tx)


def suppression(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> str | None:
    key = (campaign.tenant_id, campaign.owner_address_key)
    with orchestrator.services.read() as tx:
        found = addresses.get_many(tx, [key]).get(key)
    return str(found.suppression_reason) if found and found.suppressed_at else None


def test_the_answer_names_the_campaign_sendgrids_word_and_the_new_status(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    answer = orchestrator.handle_webhook(event(campaign, "open"))
    assert answer == {"campaign_id": campaign.id, "event_type": "open", "status": "opened"}
    assert orchestrator.get_events(campaign.id, TENANT)[-1].event_type == "opened"


def test_a_list_gives_a_list_in_order(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> None:
    batch = [
        event(campaign, "delivered"),
        {"event": "open"},
        "nonsense",
        event(campaign, "click", url="https://x.test"),
    ]
    answers = orchestrator.handle_webhook(batch)
    assert [answer and answer["event_type"] for answer in answers] == ["delivered", None, None, "click"]
    assert {answer["status"] for answer in answers if answer} == {"clicked"}
    assert unmatched(orchestrator) == 2


@pytest.mark.parametrize("data", ["text", 42, None, b"[]"])
def test_anything_else_is_refused(orchestrator: OutreachOrchestrator, data: Any) -> None:
    with pytest.raises(errors.MalformedPayload, match="a dict or a list of dicts"):
        orchestrator.handle_webhook(data)


@pytest.mark.parametrize(
    "strange",
    [
        {"campaign_id": "not-a-uuid"},
        {"campaign_id": None},
        {"campaign_id": "00000000-0000-4000-8000-000000000000"},
        {"tenant_id": OTHER_TENANT},
        {"event": "group_hug"},
        {"event": None},
    ],
)
def test_what_belongs_to_nobody_has_no_effect_and_is_kept(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign, strange: dict[str, Any]
) -> None:
    odd = event(campaign, "spamreport") | strange
    assert orchestrator.handle_webhook(odd) is None
    assert orchestrator.handle_webhook(odd) is None
    assert status(orchestrator, campaign) == "sent"
    assert suppression(orchestrator, campaign) is None
    assert unmatched(orchestrator) == 1


def test_without_our_ids_sendgrids_own_id_finds_the_attempt_but_never_the_address(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    bare = {"event": "bounce", "email": campaign.owner_email, "timestamp": 1, "reason": "550"}
    assert orchestrator.handle_webhook(bare) is None
    found = orchestrator.handle_webhook(bare | {"sg_message_id": SG_MESSAGE_ID})
    assert found == {"campaign_id": campaign.id, "event_type": "bounce", "status": "bounced"}


def test_an_event_that_lost_only_its_tenant_still_finds_its_campaign(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    without_tenant = event(campaign, "delivered")
    del without_tenant["tenant_id"]
    assert orchestrator.handle_webhook(without_tenant)["status"] == "delivered"


def test_another_tenant_cannot_reach_a_campaign_through_sendgrids_id(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    foreign = {"event": "bounce", "tenant_id": OTHER_TENANT, "sg_message_id": SG_MESSAGE_ID, "timestamp": 1}
    assert orchestrator.handle_webhook(foreign) is None
    assert status(orchestrator, campaign) == "sent"


SUPPRESSING = [
    ({"event": "bounce", "type": "bounce"}, "bounce", "bounced"),
    ({"event": "bounce"}, "bounce", "bounced"),
    ({"event": "spamreport"}, "complaint", "complained"),
    ({"event": "unsubscribe"}, "unsubscribe", "unsubscribed"),
    ({"event": "group_unsubscribe", "asm_group_id": 3}, "unsubscribe", "unsubscribed"),
    ({"event": "dropped", "reason": "Bounced Address"}, "bounce", "failed"),
    ({"event": "dropped", "reason": "Unsubscribed Address"}, "unsubscribe", "failed"),
    ({"event": "dropped", "reason": "Spam Reporting Address"}, "complaint", "failed"),
    ({"event": "dropped", "reason": "Invalid"}, "invalid", "failed"),
    ({"event": "dropped", "reason": "Spam Content"}, None, "failed"),
    ({"event": "bounce", "type": "blocked"}, None, "failed"),
    ({"event": "bounce", "type": "expired"}, None, "failed"),
    ({"event": "deferred", "attempt": "3"}, None, "sent"),
    ({"event": "group_resubscribe"}, None, "sent"),
]


@pytest.mark.parametrize(("fact", "reason", "becomes"), SUPPRESSING, ids=lambda value: str(value))
def test_facts_suppress_the_address_for_this_tenant_where_they_say_so(
    orchestrator: OutreachOrchestrator,
    campaign: OutreachCampaign,
    fact: dict[str, Any],
    reason: str | None,
    becomes: str,
) -> None:
    waiting = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
    elsewhere = orchestrator.create_campaign(OTHER_TENANT, property_record(), SCORE, MEMO_URL)
    orchestrator.handle_webhook(event(campaign, "") | fact)
    assert status(orchestrator, campaign) == becomes
    assert suppression(orchestrator, campaign) == reason
    assert status(orchestrator, waiting) == ("suppressed" if reason else "scheduled")
    assert status(orchestrator, elsewhere) == "scheduled"
    for tenant in (TENANT, OTHER_TENANT):
        assert orchestrator.get_statistics(tenant) == statistics.recounted(orchestrator.services.read, tenant)


def test_redelivery_changes_nothing_even_with_another_event_id(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    first = event(campaign, "open", useragent="Mail")
    orchestrator.handle_webhook(first)
    before = orchestrator.get_campaign(campaign.id, TENANT)
    for again in (first, first | {"sg_event_id": "changed"}):
        assert orchestrator.handle_webhook([again, again])[0]["status"] == "opened"
    assert orchestrator.get_campaign(campaign.id, TENANT) == before
    assert [e.event_type for e in orchestrator.get_events(campaign.id, TENANT)].count("opened") == 1


def test_two_clicks_on_two_links_in_one_second_are_two_events(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    links = [event(campaign, "click", url=f"https://x.test/{n}") for n in range(2)]
    orchestrator.handle_webhook(links)
    assert [e.event_type for e in orchestrator.get_events(campaign.id, TENANT)].count("clicked") == 2


def test_a_machines_open_is_kept_and_counted_apart(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    orchestrator.handle_webhook([event(campaign, "delivered"), event(campaign, "open", sg_machine_open=True)])
    found = orchestrator.get_campaign(campaign.id, TENANT)
    assert found is not None
    assert (found.status, found.opened_at) == (OutreachStatus.DELIVERED, None)
    assert found.machine_opened_at is not None
    assert orchestrator.get_events(campaign.id, TENANT)[-1].machine
    counts = orchestrator.get_funnel(TENANT).counts
    assert (counts["opened"], counts["machine_opened"]) == (0, 1)


def test_a_click_on_the_way_out_is_no_interest(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> None:
    orchestrator.handle_webhook(event(campaign, "click", url="https://go.sender.test/u/token"))
    assert status(orchestrator, campaign) == "sent"


def test_times_are_the_events_own_and_the_earliest_wins(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    orchestrator.handle_webhook([event(campaign, "open", after=300), event(campaign, "open", after=200)])
    orchestrator.handle_webhook(event(campaign, "click", after=250, url="https://x.test"))
    found = orchestrator.get_campaign(campaign.id, TENANT)
    assert found is not None
    assert found.opened_at is not None
    assert abs(found.opened_at - (campaign.created_at + timedelta(seconds=200))) < timedelta(seconds=1)
    assert found.clicked_at == found.opened_at + timedelta(seconds=50)


@pytest.mark.parametrize("timestamp", [0, 1.7e12, 253402300799, "soon", None, True])
def test_an_impossible_time_becomes_the_time_of_arrival(dsn: str, timestamp: Any) -> None:
    clock = ManualClock()
    repository = OutreachRepository(dsn, clock=clock)
    with facade(repository, clock=clock) as (orchestrator, _):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
        orchestrator.send_campaign(campaign.id, TENANT)
        clock.advance(timedelta(hours=5))
        orchestrator.handle_webhook(event(campaign, "delivered") | {"timestamp": timestamp})
        found = orchestrator.get_campaign(campaign.id, TENANT)
        assert found is not None
        assert found.delivered_at == clock.now()
    repository.close()


def test_evidence_of_a_mail_our_ledger_forgot_prevents_a_second_one(
    orchestrator: OutreachOrchestrator,
) -> None:
    campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
    orchestrator.handle_webhook(event(campaign, "delivered"))
    assert status(orchestrator, campaign) == "delivered"
    assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "already_sent"
    assert orchestrator.send_due() == {}


def test_a_reply_outranks_what_came_before_and_stops_everything(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    orchestrator.handle_webhook(event(campaign, "click", url="https://x.test"))
    assert orchestrator.record_reply(campaign.id, TENANT, "Yes, call me", is_interested=True) == "responded"
    found = orchestrator.get_campaign(campaign.id, TENANT)
    assert found is not None
    assert (found.response_text, found.is_interested) == ("Yes, call me", True)
    with pytest.raises(ValueError, match="Campaign not found"):
        orchestrator.record_reply(campaign.id, OTHER_TENANT, "hello")


def test_the_platform_hears_of_each_step_once_and_subscribers_cannot_hurt(
    orchestrator: OutreachOrchestrator,
) -> None:
    heard: list[tuple[str, str]] = []
    stop = orchestrator.subscribe("*", lambda e: heard.append((e["type"], e["data"]["status"])))
    orchestrator.subscribe("event.outreach.sent", lambda _: 1 / 0)
    record = property_record()
    campaign = orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL, context={"correlation_id": "crm-17"})
    orchestrator.send_campaign(campaign.id, TENANT)
    opened = event(campaign, "open")
    orchestrator.handle_webhook([opened, opened, event(campaign, "delivered")])
    stop()
    orchestrator.handle_webhook(event(campaign, "spamreport"))
    assert heard == [
        ("event.outreach.scheduled", "scheduled"),
        ("event.outreach.sent", "sent"),
        ("event.outreach.delivered", "opened"),
        ("event.outreach.opened", "opened"),
    ]


def test_the_relay_publishes_cloudevents_once_and_keeps_what_a_publisher_refuses(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    published: list[dict[str, Any]] = []

    class Failing:
        def publish(self, event: dict[str, Any]) -> None:
            if published:
                raise ConnectionError("broker is gone")
            published.append(event)

    assert orchestrator.relay_events(Failing()) == 1
    (first,) = published
    assert first["specversion"] == "1.0"
    assert first["type"] == "event.outreach.scheduled"
    assert first["data"] == {
        "tenant_id": TENANT,
        "campaign_id": campaign.id,
        "property_id": campaign.property_id,
        "status": "scheduled",
        "correlation_id": campaign.id,
    }


def test_the_numbers_carry_their_fractions_and_nothing_is_divided_by_zero(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    empty = orchestrator.get_funnel(OTHER_TENANT)
    assert all(rate.value is None for rate in empty.rates.values())
    orchestrator.create_campaign(TENANT, property_record("two@owners.test"), SCORE, MEMO_URL, batch="spring")
    orchestrator.handle_webhook([event(campaign, "delivered"), event(campaign, "click", url="https://x.test")])
    funnel = orchestrator.get_funnel(TENANT)
    assert (funnel.counts["targeted"], funnel.counts["sent"], funnel.counts["engaged"]) == (2, 1, 1)
    reply = funnel.rates["reply"]
    assert (reply.numerator, reply.denominator, reply.value) == (0, 1, 0.0)
    assert orchestrator.get_funnel(TENANT, batch="spring").counts["targeted"] == 1
    assert orchestrator.get_statistics(TENANT) == {"clicked": 1, "scheduled": 1}


def test_the_attempt_made_of_evidence_has_the_id_the_mail_carried(orchestrator: OutreachOrchestrator) -> None:
    campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
    carried = new_uuid()
    orchestrator.handle_webhook(event(campaign, "delivered", outreach_message_id=carried))
    assert orchestrator.handle_webhook(event(campaign, "open", outreach_message_id=carried))["status"] == "opened"
    assert {e.message_id for e in orchestrator.get_events(campaign.id, TENANT)[1:]} <= {None, carried}
    key = (TENANT, campaign.id)
    with orchestrator.services.read() as tx:
        assert [attempt.id for attempt in messages.of_campaigns(tx, [key])[key]] == [carried]


def test_what_a_publisher_refused_keeps_its_place_in_front(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    class Moody:
        def __init__(self, patience: int) -> None:
            self.patience = patience
            self.published: list[str] = []

        def publish(self, event: dict[str, Any]) -> None:
            if len(self.published) == self.patience:
                raise ConnectionError("broker is gone")
            self.published.append(event["type"])
            assert (event["tenantid"], event["correlationid"]) == (TENANT, campaign.id)

    first, second = Moody(1), Moody(99)
    assert (orchestrator.relay_events(first), orchestrator.relay_events(second)) == (1, 1)
    assert first.published + second.published == ["event.outreach.scheduled", "event.outreach.sent"]


def test_events_with_and_without_an_attempt_come_in_one_batch(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    unsent = orchestrator.create_campaign(TENANT, property_record("other@owners.test"), SCORE, MEMO_URL)
    batch = [
        event(one, word, after=60 + n)
        for n in range(40)
        for one, word in ((campaign, "open"), (unsent, "group_resubscribe"))
    ]
    results = orchestrator.handle_webhook(batch)
    assert [result["status"] for result in results] == ["opened", "scheduled"] * 40
    assert {e.message_id for e in orchestrator.get_events(unsent.id, TENANT)} == {None}
    assert len(orchestrator.get_events(unsent.id, TENANT)) == 41


def test_whose_mail_it_was_counts_more_than_the_campaign_an_event_names(
    orchestrator: OutreachOrchestrator, campaign: OutreachCampaign
) -> None:
    """In a batch in which all others name both as they are."""
    other = orchestrator.create_campaign(TENANT, property_record("other@owners.test"), SCORE, MEMO_URL)
    orchestrator.send_campaign(other.id, TENANT)
    with orchestrator.services.read() as tx:
        attempts = messages.of_campaigns(tx, [(TENANT, campaign.id), (TENANT, other.id)])
    own, others = (attempts[TENANT, one.id][0].id for one in (campaign, other))
    batch = [event(campaign, "delivered", outreach_message_id=own, n=n) for n in range(60)]
    batch.append(event(campaign, "open", outreach_message_id=others))
    batch.append(event(campaign, "bounce", outreach_message_id=new_uuid(), campaign_id=new_uuid()))
    results = orchestrator.handle_webhook(batch)
    assert [result and result["campaign_id"] for result in results[-3:]] == [campaign.id, other.id, None]
    assert (status(orchestrator, campaign), status(orchestrator, other)) == ("delivered", "opened")
    assert unmatched(orchestrator) == 1
    assert [result["status"] for result in orchestrator.handle_webhook(batch)[:61]] == ["delivered"] * 60 + ["opened"]
    assert statistics.recounted(orchestrator.services.read, TENANT) == orchestrator.get_statistics(TENANT)
