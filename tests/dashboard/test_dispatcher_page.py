"""The dispatcher's page says whether mail goes out and what it waits for, and does what its buttons say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from orchestrator import app, errors
from orchestrator.clock import new_id
from orchestrator.domain.message import Accepted, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.repository import OutreachRepository
from orchestrator.services.looking import dispatching
from tests.dashboard.conftest import BASE, Desktop
from tests.samples import OTHER_TENANT, TENANT, facade, item

EVIL = '"><script>alert(1)</script>'


def _answer(mail: OutgoingMail) -> Outcome:
    """Lose the answer about mail to ``lost``, refuse mail to ``bad``, take all other."""
    who = mail.to_email.partition("@")[0]
    return {"lost": Unknown(f"the answer was lost {EVIL}"), "bad": Rejected(f"400 {EVIL}")}.get(who, Accepted(new_id()))


@pytest.fixture
def troubled(repository: OutreachRepository) -> Iterator[Desktop]:
    """A browser in front of an installation whose SendGrid does not take everything."""
    with facade(repository, _answer) as (orchestrator, _):
        client = TestClient(
            app.create_service(orchestrator, pages=app.create_pages(orchestrator, start=TENANT, is_open=True)),
            base_url=BASE,
        )
        client.get("/")
        yield Desktop(orchestrator, client)


def _working(browser: Desktop) -> None:
    browser.orchestrator.operations.pulse("worker").beat("running", 7)


def _status(browser: Desktop, campaign: str) -> str:
    found = browser.orchestrator.get_campaign(campaign, TENANT)
    assert found is not None
    return str(found.status)


def test_an_empty_page_says_what_would_be_where(browser: Desktop):
    shown = browser.get("dispatcher").text
    for words in (
        "No worker seen", "outreach worker", "Nothing holds mail back", "No mail is in doubt",
        "Nothing has failed", "Nothing was due and nothing left",
    ):  # fmt: skip
        assert words in shown


def test_a_worker_is_seen_with_its_heartbeat(browser: Desktop):
    _working(browser)
    shown = browser.get("dispatcher").text
    assert "Running" in shown
    assert "0 s ago" in shown or "1 s ago" in shown


@pytest.mark.parametrize(("scope", "words"), [("tenant", "this tenant"), ("everything", "every account")])
def test_sending_is_paused_with_a_reason_and_resumed(browser: Desktop, scope: str, words: str):
    _working(browser)
    campaign = browser.orchestrator.create_campaign(TENANT, **item()).id
    refused = browser.post("dispatcher", {"act": "pause", "scope": scope, "reason": " "})
    assert refused.status_code == 400
    shown = browser.post("dispatcher", {"act": "pause", "scope": scope, "reason": f"Yahoo defers {EVIL}"}).text
    assert f"Paused by a person: {words}." in shown
    assert "Yahoo defers &#34;&gt;&lt;script&gt;" in shown
    assert EVIL not in shown
    assert "somebody resumes" in shown
    browser.orchestrator.send_due()
    assert _status(browser, campaign) == "scheduled"
    assert "Sending goes on." in browser.post("dispatcher", {"act": "resume", "scope": scope}).text
    browser.orchestrator.send_due()
    assert _status(browser, campaign) == "sent"


def test_the_figures_and_what_holds_mail_back(browser: Desktop):
    _working(browser)
    create = browser.orchestrator.create_campaign
    create(TENANT, **item())
    create(TENANT, **item(scheduled_at="2099-01-05T09:00:00+00:00"))
    create(OTHER_TENANT, **item())
    for reason in (EVIL, "owner held: a question", "owner held: another question"):
        browser.orchestrator.hold_campaign(create(TENANT, **item()).id, TENANT, reason)
    shown = browser.get("dispatcher").text
    board = browser.orchestrator.desk.board(TENANT)
    assert (board.queued.due, board.queued.later) == (1, 1)
    assert board.held == [("owner held", 2), (EVIL, 1)]
    assert "Nothing: they are going out" in shown
    assert "2099" in shown
    assert EVIL not in shown


def test_the_chart_counts_what_was_due_and_what_left(browser: Desktop):
    for number in range(3):
        browser.orchestrator.create_campaign(TENANT, **item(f"owner{number}@owners.test"))
    before = browser.get("dispatcher/recent.json").json()
    assert before["due"][-1] == 3
    browser.orchestrator.send_due(2)
    after = dispatching.recent(browser.orchestrator.services.read, TENANT)
    assert (after.due[-1], sum(after.sent)) == (1, 2)
    assert after.due[0] == 0
    assert len(after.at) == len(after.due) == len(after.sent) == dispatching.MINUTES


def test_a_mail_in_doubt_is_decided_by_a_person(troubled: Desktop):
    _working(troubled)
    create = troubled.orchestrator.create_campaign
    first, second = (create(TENANT, **item("lost@owners.test")).id for _ in range(2))
    for campaign in (first, second):
        with pytest.raises(errors.SendInDoubt):
            troubled.orchestrator.send_campaign(campaign, TENANT)
    shown = troubled.get("dispatcher").text
    assert EVIL not in shown
    assert shown.count("the answer was lost") >= 2
    attempts = {id_: troubled.orchestrator.desk.campaign(TENANT, id_).attempts[0].id for id_ in (first, second)}
    decide = {"act": "sent", "message": attempts[first], "reason": "seen in the activity feed"}
    assert troubled.post("dispatcher", {**decide, "reason": ""}).status_code == 400
    assert "Written down as sent." in troubled.post("dispatcher", decide).text
    assert _status(troubled, first) == "sent"
    again = {"act": "resend", "message": attempts[second], "reason": "it is not there"}
    assert "another attempt goes through all gates" in troubled.post("dispatcher", again).text
    assert _status(troubled, second) == "scheduled"
    assert troubled.post("dispatcher", again).status_code == 409
    reasons = [event.event_data.get("reason") for event in troubled.orchestrator.get_events(first, TENANT)]
    assert "seen in the activity feed" in reasons


def test_a_mail_of_another_tenant_is_not_decided_here(troubled: Desktop):
    campaign = troubled.orchestrator.create_campaign(OTHER_TENANT, **item("lost@owners.test")).id
    with pytest.raises(errors.SendInDoubt):
        troubled.orchestrator.send_campaign(campaign, OTHER_TENANT)
    message = troubled.orchestrator.desk.campaign(OTHER_TENANT, campaign).attempts[0].id
    act = {"act": "sent", "message": message, "reason": "guessed"}
    assert troubled.post("dispatcher", act).status_code == 404
    assert "No mail is in doubt" in troubled.get("dispatcher").text


def test_what_failed_is_tried_again(troubled: Desktop):
    failed = [troubled.orchestrator.create_campaign(TENANT, **item("bad@owners.test")).id for _ in range(3)]
    troubled.orchestrator.send_due()
    shown = troubled.get("dispatcher").text
    assert re.search(r"<h3>Failed</h3><p class=\"v\">3<", shown)
    assert EVIL not in shown
    assert "Due again." in troubled.post("dispatcher", {"act": "retry", "campaign": failed[0]}).text
    assert [_status(troubled, id_) for id_ in failed] == ["scheduled", "failed", "failed"]
    troubled.post("dispatcher", {"act": "retry_all"})
    assert {_status(troubled, id_) for id_ in failed} == {"scheduled"}


def test_an_act_that_is_none_is_refused(browser: Desktop):
    assert browser.post("dispatcher", {"act": "burn"}).status_code == 400
    assert browser.client.post(f"/t/{TENANT}/dispatcher", data={"act": "resume"}).status_code == 403
    assert EVIL not in browser.get(f"dispatcher?done={EVIL}").text


def test_a_rate_says_until_when_it_holds_mail_back(repository: OutreachRepository):
    with facade(repository, send_rate=0.5) as (orchestrator, _):
        pages = app.create_pages(orchestrator, start=TENANT, is_open=True)
        browser = Desktop(orchestrator, TestClient(app.create_service(orchestrator, pages=pages), base_url=BASE))
        browser.client.get("/")
        _working(browser)
        orchestrator.create_campaign(TENANT, **item())
        assert "The rate of 0.5 mails a second" in browser.get("dispatcher").text
