"""What people do with replies, and what a recorded answer does."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.reply import InboundMail
from orchestrator.repository import OutreachRepository, addresses, replies, suppressions
from orchestrator.repository.suppressions import Target
from orchestrator.services.upkeep.doctor import Level
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, new_uuid, property_record

SENDER: dict[str, Any] = {
    "postal_address": "500 Main Street",
    "company_name": "Sample Realty",
    "inbound_host": "reply.sender.test",
}


@pytest.fixture
def outreach(repository: OutreachRepository) -> Iterator[OutreachOrchestrator]:
    sender = {**SENDER, "inbound_secret": "0123456789abcdef"}
    with facade(repository, **sender) as (orchestrator, _):
        yield orchestrator


def written(outreach: OutreachOrchestrator, email: str = "owner@owners.test") -> OutreachCampaign:
    campaign = outreach.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)
    outreach.send_campaign(campaign.id, TENANT)
    return campaign


def now(outreach: OutreachOrchestrator, campaign: OutreachCampaign) -> OutreachCampaign:
    found = outreach.get_campaign(campaign.id, TENANT)
    assert found is not None
    return found


def suppressed(outreach: OutreachOrchestrator, email: str = "owner@owners.test") -> str | None:
    with outreach.services.read() as tx:
        found = addresses.get_many(tx, [(TENANT, email)]).get((TENANT, email))
    return None if found is None else found.suppression_reason


def answered(outreach: OutreachOrchestrator, campaign: OutreachCampaign, text: str = "Hm.", **more: Any) -> str:
    """Record an answer; returns the reply's id."""
    outreach.record_reply(campaign.id, TENANT, text, **more)
    return outreach.operations.replies.list(TENANT)[0].id


def nobodys(outreach: OutreachOrchestrator, text: str, key: str = "nobody's") -> str:
    received = outreach.services.reply_intake.receive(InboundMail(text=text, dedupe_key=key, from_email="a@b.test"))
    assert received.outcome == "unmatched"
    return str(received.reply_id)


def test_a_correction_is_kept_beside_what_the_rule_said_and_counted(outreach: OutreachOrchestrator) -> None:
    campaign = written(outreach)
    reply_id = answered(outreach, campaign)
    heard: list[dict[str, Any]] = []
    outreach.subscribe("event.outreach.response", heard.append)

    done = outreach.operations.replies.label(reply_id, "interested", TENANT, by="Sam")

    reply = outreach.operations.replies.get(reply_id)
    assert (reply.rule_label, reply.label, reply.labelled_by) == ("other", "interested", "Sam")
    assert (done.before, done.still_suppressed) == ("other", None)
    assert now(outreach, campaign).is_interested is True
    assert [(e["data"]["label"], e["data"]["corrected"]) for e in heard] == [("interested", True)]
    (judged,) = outreach.operations.replies.judgements(TENANT)
    assert (judged.rule_label, judged.label, judged.n) == ("other", "interested", 1)
    assert outreach.operations.replies.judgements(OTHER_TENANT) == []


def test_correcting_to_opt_out_suppresses_and_correcting_back_says_how_to_free(outreach: OutreachOrchestrator) -> None:
    campaign, other = written(outreach), outreach.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
    reply_id = answered(outreach, campaign)

    outreach.operations.replies.label(reply_id, "opt_out")
    assert suppressed(outreach) == "unsubscribe"
    assert now(outreach, campaign).status is OutreachStatus.UNSUBSCRIBED
    assert now(outreach, other).status is OutreachStatus.SUPPRESSED

    back = outreach.operations.replies.label(reply_id, "question")
    assert back.still_suppressed == "owner@owners.test"
    assert suppressed(outreach) == "unsubscribe"

    outreach.operations.suppressions.remove(TENANT, "owner@owners.test", consent=True, why="it was a question")
    assert suppressed(outreach) is None
    outreach.operations.replies.label(reply_id, "opt_out")
    assert suppressed(outreach) == "unsubscribe"


@pytest.mark.parametrize(("label", "reason"), [("legal", "unsubscribe"), ("wrong_person", "wrong_person")])
def test_other_labels_that_forbid_mail_leave_the_campaign_responded(
    outreach: OutreachOrchestrator, label: str, reason: str
) -> None:
    campaign = written(outreach)
    outreach.operations.replies.label(answered(outreach, campaign), label)

    assert suppressed(outreach) == reason
    assert now(outreach, campaign).status is OutreachStatus.RESPONDED


def test_a_label_given_with_a_recorded_answer_acts_too(outreach: OutreachOrchestrator) -> None:
    campaign = written(outreach)
    reply_id = answered(outreach, campaign, "We have new people in that house.", label="sold")

    target = Target(TENANT, campaign.property_id, "owners.test")
    with outreach.services.read() as tx:
        assert target in suppressions.covering(tx, [target])
    assert suppressed(outreach) is None
    assert outreach.operations.replies.get(reply_id).rule is None
    with pytest.raises(errors.ValidationError, match="label"):
        outreach.record_reply(campaign.id, TENANT, "x", label="maybe")


def test_what_the_caller_knows_of_the_interest_wins(outreach: OutreachOrchestrator) -> None:
    campaign = written(outreach)
    answered(outreach, campaign, "Not now, call me in May", is_interested=True, label="not_interested")
    assert now(outreach, campaign).is_interested is True


def test_two_people_who_release_two_replies_of_one_owner_at_once_let_the_mail_go(
    outreach: OutreachOrchestrator,
) -> None:
    for turn in range(10):
        email = f"owner{turn}@owners.test"
        ids = [answered(outreach, written(outreach, email)) for _ in range(2)]
        other = outreach.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)
        outreach.send_due()
        assert now(outreach, other).hold_reason is not None
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(outreach.operations.replies.release, ids))
        with outreach.services.read() as tx:
            assert addresses.get_many(tx, [(TENANT, email)])[TENANT, email].hold_reason is None
        assert now(outreach, other).hold_reason is None


def test_a_mail_of_nobody_can_be_given_to_its_campaign_once(outreach: OutreachOrchestrator) -> None:
    campaign = written(outreach)
    reply_id = nobodys(outreach, "Please unsubscribe me.")
    assert outreach.operations.replies.get(reply_id).label == "opt_out"
    assert suppressed(outreach) is None

    outreach.operations.replies.assign(reply_id, campaign.id, TENANT, by="Sam")

    assert suppressed(outreach) == "unsubscribe"
    assert now(outreach, campaign).status is OutreachStatus.UNSUBSCRIBED
    assert outreach.operations.replies.get(reply_id, TENANT).matched_by == "person"
    with pytest.raises(errors.InvalidState, match="already"):
        outreach.operations.replies.assign(reply_id, campaign.id, TENANT)


def test_lists_go_page_by_page_and_know_what_waits(outreach: OutreachOrchestrator) -> None:
    campaign = written(outreach)
    for number in range(5):
        outreach.record_reply(campaign.id, TENANT, f"Question {number}?", label="question")
    outreach.record_reply(campaign.id, TENANT, "No thank you.", label="not_interested")
    desk = outreach.operations.replies

    newest = desk.list(TENANT, 2)
    rest = desk.list(TENANT, 10, before=newest[-1].id)
    assert [reply.text for reply in newest + rest] == ["No thank you.", *(f"Question {n}?" for n in range(4, -1, -1))]
    assert len(desk.list(TENANT, waiting=True)) == 5
    assert [reply.text for reply in desk.list(TENANT, label="not_interested")] == ["No thank you."]
    assert desk.list(TENANT, kind="automatic") == []


def test_another_tenants_reply_looks_like_a_missing_one(outreach: OutreachOrchestrator) -> None:
    reply_id = answered(outreach, written(outreach))
    desk = outreach.operations.replies
    for ask in (desk.get, desk.release, lambda id_, tenant: desk.label(id_, "sold", tenant)):
        with pytest.raises(errors.ReplyNotFound):
            ask(reply_id, OTHER_TENANT)
    with pytest.raises(errors.ReplyNotFound):
        desk.get(new_uuid())
    with pytest.raises(errors.CampaignNotFound):
        desk.assign(nobodys(outreach, "x"), new_uuid(), TENANT)


def test_only_what_a_person_wrote_has_a_label(outreach: OutreachOrchestrator) -> None:
    away = InboundMail(text="away", dedupe_key="k", headers=(("Auto-Submitted", "auto-replied"),))
    received = outreach.services.reply_intake.receive(away)
    with pytest.raises(errors.InvalidState, match="not written by a person"):
        outreach.operations.replies.label(received.reply_id, "sold")


def test_an_attempt_is_found_by_its_id_among_many_tenants(outreach: OutreachOrchestrator) -> None:
    campaigns = []
    for _ in range(30):
        tenant = new_uuid()
        campaign = outreach.create_campaign(tenant, property_record(), SCORE, MEMO_URL)
        outreach.send_campaign(campaign.id, tenant)
        campaigns.append(campaign)
    for campaign in campaigns:
        sent = outreach.get_events(campaign.id, campaign.tenant_id)[-1]
        with outreach.services.read() as tx:
            assert replies.campaign_of(tx, str(sent.message_id)) == (campaign.tenant_id, campaign.id)
    with outreach.services.read() as tx:
        assert replies.campaign_of(tx, new_uuid()) is None


def test_the_doctor_tells_of_replies_that_wait(outreach: OutreachOrchestrator) -> None:
    def found(orchestrator: OutreachOrchestrator) -> tuple[Level, str]:
        (finding,) = [f for f in orchestrator.operations.doctor().findings if f.name == "replies"]
        return finding.level, finding.detail

    assert found(outreach) == (Level.OK, "none waits for a person")
    reply_id, unmatched = answered(outreach, written(outreach)), nobodys(outreach, "who?")
    assert found(outreach) == (Level.NOTE, "1 wait for a person, 1 belong to no campaign")
    outreach.operations.replies.release(reply_id)
    outreach.operations.replies.release(unmatched)
    assert found(outreach)[0] is Level.OK
    with facade(outreach.repository, **SENDER) as (deaf, _):
        assert found(deaf)[0] is Level.PERSON
