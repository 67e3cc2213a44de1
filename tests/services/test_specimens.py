"""Test mails: they reach a colleague and nobody else, say what they are, and leave every campaign as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator import OutreachOrchestrator, errors
from orchestrator.clock import new_id
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.message import NOBODY, Accepted, NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.domain.reply import InboundMail
from orchestrator.domain.specimen import Origin, Specimen
from orchestrator.rendering import HTML, TEXT, shipped_dir
from orchestrator.repository import OutreachRepository, accounts, events, instance, tables
from orchestrator.services.looking import templating
from orchestrator.services.looking.templating import BARE
from tests.samples import OTHER_TENANT, TENANT, facade, item

ANN = "ann@sender.test"
TEAM: dict[str, Any] = {"base_url": "https://go.sender.test", "inbound_host": "reply.sender.test"}


@pytest.fixture
def outreach(repository: OutreachRepository) -> Iterator[OutreachOrchestrator]:
    with facade(repository, **TEAM) as (orchestrator, _):
        yield orchestrator


def mails(orchestrator: OutreachOrchestrator) -> list[OutgoingMail]:
    return orchestrator.services.transport.sent  # type: ignore[attr-defined]


def everything_else(orchestrator: OutreachOrchestrator, campaign: str) -> list[object]:
    """What must not change: the campaign, its history, all counters, the outbox, replies, suppressions, the unknown."""
    with orchestrator.services.read() as tx:
        names = ("messages", "outbox", "counters", "addresses", "suppressions", "replies", "unmatched_events", "events")
        counts = [tx.execute(sa.select(sa.func.count()).select_from(getattr(tables, name))).scalar() for name in names]
    stored = orchestrator.get_campaign(campaign, TENANT)
    history = [event.event_type for event in orchestrator.get_events(campaign, TENANT)]
    return [stored, history, orchestrator.get_statistics(TENANT), *counts]


def report(mail: OutgoingMail, event: str, **more: Any) -> dict[str, Any]:
    """What SendGrid reports of a mail, with what it repeats of it."""
    return {
        "event": event, "email": mail.to_email, "timestamp": 1_800_000_000, "sg_event_id": new_id(),
        "tenant_id": mail.tenant_id, "campaign_id": mail.campaign_id, "property_id": mail.property_id,
        "outreach_message_id": mail.message_id, "category": list(mail.categories), **more,
    }  # fmt: skip


# -------------------------------------------------------------------------------------------------------- what it sends


def test_a_campaigns_mail_goes_to_a_colleague_and_says_what_it_is(outreach: OutreachOrchestrator):
    campaign = outreach.create_campaign(TENANT, **item()).id
    before = everything_else(outreach, campaign)
    sent = outreach.operations.send_test(TENANT, ANN, campaign_id=campaign, by="Ann")
    (mail,) = mails(outreach)
    assert (mail.to_email, mail.subject) == (ANN, "[Test] Our memo on 114 Maple Street")
    assert (mail.tenant_id, mail.campaign_id, mail.property_id) == (TENANT, NOBODY, NOBODY)
    assert (mail.message_id, mail.categories, mail.reply_to) == (
        sent.id,
        ("outreach-test",),
        "r+test@reply.sender.test",
    )
    assert mail.headers["List-Unsubscribe"].startswith("<https://go.sender.test/u/test>, <mailto:u+test@reply.sender")
    assert "https://go.sender.test/u/test" in mail.html
    assert "https://go.sender.test/u/test" in mail.text
    assert (sent.state, sent.campaign_id, sent.sample, sent.asked_by) == ("accepted", campaign, None, "Ann")
    assert sent.sendgrid_message_id
    assert outreach.desk.test_mails(TENANT) == [sent]
    assert outreach.desk.test_mails(OTHER_TENANT) == []
    assert everything_else(outreach, campaign) == before


def test_made_up_mails_edits_and_folders_are_sent_as_they_look(outreach: OutreachOrchestrator, tmp_path: Path):
    shipped = {name: (shipped_dir() / name).read_text("utf-8") for name in (HTML, TEXT)}
    usual = outreach.operations.send_test(TENANT, ANN)
    bare = outreach.operations.send_test(TENANT, ANN, sample=BARE)
    edited = shipped | {TEXT: "Tried out. {{ unsubscribe_url }}"}
    templates = outreach.desk.templates
    edit = templates.try_out(TENANT, edited, templating.examples()[BARE])
    tried = outreach.operations.send_test(TENANT, ANN, sample=BARE, edit=edit)
    (tmp_path / TEXT).write_text("In a folder. {{ unsubscribe_url }}", "utf-8")
    kept = outreach.operations.send_test(TENANT, ANN, template_dir=tmp_path)
    assert [one.origin for one in (usual, bare, tried, kept)] == [Origin.IN_USE, *[Origin.IN_USE, "edit", "folder"]]
    assert usual.templates == bare.templates == templating.fingerprint(shipped)
    assert len({usual.templates, tried.templates, kept.templates}) == 3
    assert [one.sample for one in (usual, bare)] == ["sample", BARE]
    texts = [mail.text.strip() for mail in mails(outreach)]
    assert texts[2:] == ["Tried out. https://go.sender.test/u/test", "In a folder. https://go.sender.test/u/test"]
    for wrong in ({"sample": "nothing optionl"}, {"edit": "gone"}, {"sample": BARE, "campaign_id": new_id()}):
        with pytest.raises(errors.ValidationError) as caught:
            outreach.operations.send_test(TENANT, ANN, **wrong)
    assert len(mails(outreach)) == 4
    with pytest.raises(errors.CampaignNotFound):
        outreach.operations.send_test(OTHER_TENANT, ANN, campaign_id=new_id())
    with pytest.raises(errors.ValidationError, match="'nothing optionl'") as caught:
        outreach.operations.send_test(TENANT, ANN, sample="nothing optionl")
    assert "'nothing optional'" in str(caught.value.fix)


# ----------------------------------------------------------------------------------------------- whom it never comes to


def test_only_ones_own_people_get_test_mails(repository: OutreachRepository):
    with facade(repository, sendgrid_api_key="live", company_name="C", postal_address="P") as (outreach, transport):
        with pytest.raises(errors.ValidationError, match=r"^No test mail may go to x@owners\.test") as caught:
            outreach.operations.send_test(TENANT, "x@owners.test")
        assert "any address @sender.test. OUTREACH_TEST_RECIPIENTS names others" in str(caught.value.fix)
        assert transport.sent == []
        assert outreach.operations.send_test(TENANT, ANN).state == "accepted"
    with (
        facade(repository, test_recipients="@gmail.com") as (outreach, _),
        pytest.raises(errors.ConfigurationError, match="OUTREACH_TEST_RECIPIENTS is wrong"),
    ):
        outreach.operations.send_test(TENANT, ANN)


def test_neither_an_owner_nor_who_is_suppressed_gets_one(outreach: OutreachOrchestrator):
    campaign = outreach.create_campaign(TENANT, **item("Owner@owners.test")).id
    with pytest.raises(errors.ValidationError, match=f"an owner .campaign {campaign}") as caught:
        outreach.operations.send_test(TENANT, "owner@Owners.test")
    assert caught.value.field == "to"
    outreach.operations.suppressions.add(TENANT, ANN, reason=SuppressionReason.UNSUBSCRIBE)
    outreach.operations.suppressions.add(TENANT, "gone.test")
    for address, why in ((ANN, "unsubscribe"), ("x@gone.test", "domain must not be written to: manual")):
        with pytest.raises(errors.ValidationError, match=why):
            outreach.operations.send_test(TENANT, address)
    with pytest.raises(errors.ValidationError, match="one address is needed"):
        outreach.operations.send_test(TENANT, "ann@sender.test\r\nBcc: x@y.test")
    assert (mails(outreach), outreach.desk.test_mails(TENANT)) == ([], [])
    outreach.operations.send_test(OTHER_TENANT, ANN)


# --------------------------------------------------------------------------------------------------- when it stays here


def _pause(orchestrator: OutreachOrchestrator) -> None:
    orchestrator.operations.pause("over")


def _pause_tenant(orchestrator: OutreachOrchestrator) -> None:
    orchestrator.operations.pause("over", TENANT)


def _refuse(orchestrator: OutreachOrchestrator) -> None:
    with orchestrator.services.begin() as tx:
        accounts.pause(tx, "fake", accounts.PauseKind.REFUSED, "wrong key")


def _hold_off(orchestrator: OutreachOrchestrator) -> None:
    with orchestrator.services.begin() as tx:
        accounts.hold_off(tx, "fake", tx.now() + timedelta(minutes=5))


def _move(orchestrator: OutreachOrchestrator) -> None:
    orchestrator.operations.adopt_database()
    with orchestrator.services.begin() as tx:
        instance.put(tx, "fingerprint", (instance.get(tx, "fingerprint") or "").replace('": "', '": "not '))


@pytest.mark.parametrize(
    ("happens", "error", "words"),
    [
        (_pause, errors.AccountPaused, "over"),
        (_pause_tenant, errors.AccountPaused, "over"),
        (_refuse, errors.AccountPaused, "wrong key"),
        (_hold_off, errors.NotSent, "SendGrid asked for a wait until"),
        (_move, errors.DatabaseMoved, "nothing is sent"),
    ],
)
def test_what_stops_mail_stops_test_mails(
    outreach: OutreachOrchestrator, happens: Callable[[OutreachOrchestrator], None], error: type[Exception], words: str
):
    happens(outreach)
    with pytest.raises(error, match=words):
        outreach.operations.send_test(TENANT, ANN)
    assert (mails(outreach), outreach.desk.test_mails(TENANT)) == ([], [])


def test_a_live_sender_needs_what_the_law_wants(repository: OutreachRepository):
    with facade(repository, sendgrid_api_key="live") as (orchestrator, transport):
        with pytest.raises(errors.ComplianceError, match="postal address"):
            orchestrator.operations.send_test(TENANT, ANN)
        assert transport.sent == []


def test_ten_a_minute_and_tenant_however_many_ask_at_once(repository: OutreachRepository):
    with facade(repository) as (outreach, transport):
        refused: list[errors.NotSent] = []

        def ask() -> None:
            try:
                outreach.operations.send_test(TENANT, ANN)
            except errors.NotSent as error:
                refused.append(error)

        threads = [threading.Thread(target=ask) for _ in range(14)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(transport.sent), len(refused)) == (10, 4)
        assert "10 test mails were asked for within a minute" in str(refused[0])
        outreach.operations.send_test(OTHER_TENANT, ANN)
        with outreach.services.begin() as tx:
            tx.execute(tables.specimens.update().values(asked_at=tx.now() - timedelta(seconds=61)))
        outreach.operations.send_test(TENANT, ANN)


def test_the_same_request_sends_once(repository: OutreachRepository):
    with facade(repository) as (outreach, transport):
        id_, found = new_id(), list[Specimen]()
        ask = lambda: found.append(outreach.operations.send_test(TENANT, ANN, request_id=id_))  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ask()
        assert [mail.message_id for mail in transport.sent] == [id_]
        assert {one.id for one in found} == {id_}
        assert found[-1].state == "accepted"


def test_it_takes_a_slot_of_the_rate_and_waits_for_none_far_away(repository: OutreachRepository):
    with facade(repository, send_rate=0.01) as (outreach, transport):
        assert outreach.operations.send_test(TENANT, ANN).state == "accepted"
        later = outreach.operations.send_test(TENANT, ANN)
        assert (later.state, len(transport.sent)) == ("not_sent", 1)
        assert "OUTREACH_SEND_RATE" in str(later.reason)


# --------------------------------------------------------------------------------------------------- what becomes of it


@contextmanager
def answered(repository: OutreachRepository, outcome: Outcome | Exception) -> Iterator[OutreachOrchestrator]:
    def answer(_: OutgoingMail) -> Outcome:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with facade(repository, answer) as (outreach, _):
        yield outreach


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Rejected("to: bad address\r\nX", 400), "rejected"),
        (NotSent("no connection"), "not_sent"),
        (NotSent("bad key", account=True, status=401), "not_sent"),
        (Unknown("the answer was lost"), "unknown"),
    ],
)
def test_the_trace_says_what_sendgrid_said_and_no_owners_mail_is_stopped(
    repository: OutreachRepository, outcome: Any, state: str
):
    with answered(repository, outcome) as outreach:
        sent = outreach.operations.send_test(TENANT, ANN)
        assert (sent.state, sent.reason) == (state, " ".join(outcome.reason.split()))
        assert outreach.desk.test_mails(TENANT) == [sent]
        assert not outreach.operations.status().paused


def test_what_sendgrid_asks_for_holds_for_all(repository: OutreachRepository):
    with answered(repository, NotSent("too many", retry_after=60.0, status=429)) as outreach:
        assert outreach.operations.send_test(TENANT, ANN).state == "not_sent"
        outreach.create_campaign(TENANT, **item())
        assert outreach.send_due() == {}
        assert len(mails(outreach)) == 1


def test_a_crash_after_the_request_leaves_an_honest_unknown_that_a_report_settles(repository: OutreachRepository):
    with answered(repository, RuntimeError("power cut")) as outreach:
        with pytest.raises(RuntimeError):
            outreach.operations.send_test(TENANT, ANN)
        (left,) = outreach.desk.test_mails(TENANT)
        assert left.state == "sending"
        with outreach.services.begin() as tx:
            tx.execute(tables.specimens.update().values(asked_at=tx.now() - timedelta(minutes=2)))
        (left,) = outreach.desk.test_mails(TENANT)
        assert (left.state, left.reason is not None) == ("unknown", True)
        outreach.handle_webhook(report(mails(outreach)[0], "delivered"))
        (proved,) = outreach.desk.test_mails(TENANT)
        assert (proved.state, proved.reported, proved.reason) == ("accepted", "delivered", None)


def test_reports_are_known_dropped_and_noted_and_stop_nobody(outreach: OutreachOrchestrator):
    campaign = outreach.create_campaign(TENANT, **item()).id
    outreach.operations.send_test(TENANT, ANN, campaign_id=campaign)
    (mail,) = mails(outreach)
    before = everything_else(outreach, campaign)
    batch = [report(mail, kind) for kind in ("processed", "open", "click", "spamreport", "unsubscribe")]
    batch.append(report(mail, "bounce", type="bounce", reason="550 no\r\nsuch user", timestamp=1_800_000_100))
    batch.append(report(mail, "deferred", timestamp=1_800_000_050))
    assert outreach.handle_webhook(batch) == [None] * len(batch)
    assert outreach.handle_webhook(report(mail, "delivered", outreach_message_id=new_id())) is None
    assert everything_else(outreach, campaign) == before
    with outreach.services.read() as tx:
        assert events.count_unmatched(tx) == 0
    (noted,) = outreach.desk.test_mails(TENANT)
    assert (noted.state, noted.reported, noted.reason) == ("accepted", "bounced", "550 no such user")
    assert outreach.operations.send_test(TENANT, ANN).state == "accepted"


def test_an_answer_to_a_test_mail_is_no_reply(outreach: OutreachOrchestrator):
    campaign = outreach.create_campaign(TENANT, **item()).id
    outreach.send_campaign(campaign, TENANT)
    outreach.operations.send_test(TENANT, ANN, campaign_id=campaign)
    real, test = mails(outreach)
    before, receive = everything_else(outreach, campaign), outreach.services.reply_intake.receive
    for number, to in enumerate((f"<{test.reply_to}>", "U+Test@reply.sender.test")):
        mail = InboundMail(text="Stop!", dedupe_key=str(number), envelope_to=(to,), subject="unsubscribe test")
        assert receive(mail).outcome == "test"
    assert everything_else(outreach, campaign) == before
    both = (str(test.reply_to), str(real.reply_to))
    assert receive(InboundMail(text="Hello", dedupe_key="9", envelope_to=both)).outcome == "human"


def test_old_test_mails_are_forgotten(outreach: OutreachOrchestrator):
    assert isinstance(outreach.services.transport.account, str)
    outreach.operations.send_test(TENANT, ANN)
    outreach.operations.send_test(TENANT, ANN)
    with outreach.services.begin() as tx:
        first = sa.select(tables.specimens.c.id).limit(1).scalar_subquery()
        old = tables.specimens.update().where(tables.specimens.c.id == first)
        tx.execute(old.values(asked_at=tx.now() - timedelta(days=91)))
    assert outreach.operations.maintain()["test_mails"] == 1
    assert len(outreach.desk.test_mails(TENANT)) == 1


def test_validation_mode_says_that_nothing_is_delivered(repository: OutreachRepository):
    with facade(repository, lambda _: Accepted(None), sandbox_mode=True) as (outreach, _):
        assert "OUTREACH_SANDBOX_MODE" in str(outreach.operations.send_test(TENANT, ANN).reason)
