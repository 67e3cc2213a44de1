"""Pages show what is stored, do what their buttons say, and let no stranger's text become more than text."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import time

from tests.dashboard.conftest import Desktop
from tests.samples import OTHER_TENANT, TENANT, item, property_record

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def _made(browser: Desktop, **more: object) -> str:
    return browser.orchestrator.create_campaign(TENANT, **item(**more)).id  # type: ignore[arg-type]


def test_the_overview_shows_fractions_and_adds_up(browser: Desktop):
    for number in range(3):
        _made(browser, email=f"owner{number}@owners.test")
    browser.orchestrator.send_due()
    sent = browser.orchestrator.desk.campaigns(TENANT).campaigns[0].id
    browser.orchestrator.handle_webhook({"event": "delivered", "tenant_id": TENANT, "campaign_id": sent})
    shown = browser.get("?days=90").text
    assert "1 of 3 sent" in shown
    assert "3 sent = 1 delivered + 0 bounced + 0 given up + 2 in flight" in shown
    assert "adds up" in shown
    assert "Collecting data: 1 of 100 delivered" in shown


def test_an_empty_installation_says_what_to_do_next(browser: Desktop):
    assert "outreach import properties.csv" in browser.get().text
    assert "There are no campaigns yet" in browser.get("campaigns").text
    assert "No campaign is like that" in browser.get("campaigns?q=status:sent").text


def test_a_slash_at_the_end_leads_to_the_overview_too(browser: Desktop):
    assert browser.client.get(f"/t/{TENANT}/").status_code == 200


def test_a_search_is_answered_and_what_it_cannot_use_is_named(browser: Desktop):
    _made(browser, email="ann@owners.test")
    shown = browser.get("campaigns?q=status:scheduled+color:red").text
    assert "114 Maple Street" in shown
    assert "“color:” is not known here" in shown


def test_campaigns_are_held_released_and_called_off_together(browser: Desktop):
    ids = [_made(browser, email=f"owner{number}@owners.test") for number in range(3)]

    def statuses() -> list[tuple[str, str | None]]:
        found = [browser.orchestrator.get_campaign(id_, TENANT) for id_ in ids]
        return [(one.status, one.hold_reason) for one in found if one]

    answer = browser.post("campaigns", {"act": "hold", "id": ids[:2], "reason": "not yet"})
    assert "2 campaigns held." in answer.text
    assert statuses() == [("scheduled", "not yet"), ("scheduled", "not yet"), ("scheduled", None)]
    browser.post("campaigns", {"act": "release", "id": ids[:1]})
    assert statuses()[0] == ("scheduled", None)
    browser.post("campaigns", {"act": "cancel", "id": ids})
    assert [status for status, _ in statuses()] == ["cancelled"] * 3


def test_what_has_gone_too_far_is_told(browser: Desktop):
    id_ = _made(browser)
    browser.orchestrator.send_campaign(id_, TENANT)
    assert "0 campaigns cancelled. 1 could not be" in browser.post("campaigns", {"act": "cancel", "id": [id_]}).text


def test_a_hold_without_a_reason_and_an_act_on_nothing_are_refused(browser: Desktop):
    id_ = _made(browser)
    assert browser.post("campaigns", {"act": "hold", "id": [id_]}).status_code == 400
    assert browser.post("campaigns", {"act": "cancel"}).status_code == 400
    assert browser.post("campaigns", {"act": "burn", "id": [id_]}).status_code == 400


def test_a_campaigns_page_tells_its_story(browser: Desktop):
    id_ = _made(browser)
    browser.orchestrator.send_campaign(id_, TENANT)
    ids = {"tenant_id": TENANT, "campaign_id": id_}
    browser.orchestrator.handle_webhook([
        {"event": "open", "sg_machine_open": True, "sg_event_id": "1", **ids},
        {"event": "deferred", "response": "421 later", "sg_event_id": "2", **ids},
    ])  # fmt: skip
    shown = browser.get(f"campaigns/{id_}").text
    for words in ("Created", "Handed to SendGrid and accepted", "Machine open", "421 later.", "attempt 1 was sent"):
        assert words in shown


def test_a_campaign_is_sent_by_its_button_once(browser: Desktop):
    id_ = _made(browser)
    for _ in range(2):
        browser.post(f"campaigns/{id_}", {"act": "send"})
    stored = browser.orchestrator.get_campaign(id_, TENANT)
    assert stored is not None
    assert stored.status == "sent"
    assert len(browser.orchestrator.desk.campaign(TENANT, id_).attempts) == 1


def test_what_is_not_there_is_said(browser: Desktop):
    other = browser.orchestrator.create_campaign(OTHER_TENANT, **item()).id
    for path in (f"campaigns/{other}", "campaigns/nonsense", "nonsense", "/t/nonsense", "/t/nonsense/campaigns"):
        answer = browser.get(path)
        assert answer.status_code in (400, 404), path
        assert "<h1>" in answer.text


def test_strangers_text_stays_text(browser: Desktop):
    record = property_record("owner@owners.test")
    record["owner"]["name"] = EVIL
    record["address"]["line1"] = EVIL
    id_ = _made(browser, property_record=record, batch=EVIL)
    browser.orchestrator.record_reply(id_, TENANT, EVIL)
    for path in ("", "campaigns", f"campaigns/{id_}", f"campaigns?q={EVIL}", f"campaigns?done={EVIL}"):
        shown = browser.get(path).text
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown


def test_the_mail_is_shown_in_a_box_that_can_do_nothing(browser: Desktop):
    id_ = _made(browser)
    answer = browser.get(f"campaigns/{id_}/mail?show=dark")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "@media (prefers-color-scheme" not in answer.text
    assert browser.get(f"campaigns/{id_}/mail?show=text").headers["content-type"].startswith("text/plain")
    stored = browser.orchestrator.get_campaign(id_, TENANT)
    assert stored is not None
    assert stored.status == "scheduled"
    assert [event.event_type for event in browser.orchestrator.get_events(id_, TENANT)] == ["scheduled"]


def test_downloads_hold_everything_and_no_formulas(browser: Desktop):
    record = property_record("owner@owners.test")
    record["owner"]["name"] = "=HYPERLINK(1)"
    _made(browser, property_record=record)
    for number in range(4):
        _made(browser, email=f"owner{number}@owners.test")
    rows = list(csv.DictReader(io.StringIO(browser.get("campaigns.csv").text)))
    assert len(rows) == 5
    assert {row["owner_name"] for row in rows} == {"'=HYPERLINK(1)", "SAMPLE, SARAH A"}
    days = list(csv.DictReader(io.StringIO(browser.get("days.csv?days=7").text)))
    assert len(days) == 7


def test_every_page_keeps_to_itself(browser: Desktop):
    id_ = _made(browser)
    for path in ("", "campaigns", f"campaigns/{id_}", "/login", "/t/nonsense"):
        answer = browser.get(path)
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r'\s(?:style|on\w+)="', answer.text), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//(?!memo\.example)', answer.text), path


def test_assets_are_named_by_their_content_and_checked(browser: Desktop):
    shown = browser.get().text
    for url, integrity in re.findall(r'(?:src|href)="(/static/[^"]+)" integrity="([^"]+)"', shown):
        answer = browser.client.get(url)
        assert answer.headers["cache-control"].endswith("immutable")
        assert integrity.startswith("sha384-")
    assert browser.client.get("/static/nothing.js").status_code == 404


def test_a_history_stands_in_its_order_with_all_that_was_reported(browser: Desktop):
    id_ = _made(browser)
    browser.orchestrator.send_campaign(id_, TENANT)
    ids = {"tenant_id": TENANT, "campaign_id": id_, "timestamp": int(time.time()) + 5}
    more = {"note": "ä \u202e <b>", "big": 2**53 + 1, "long": "x" * 7000, "none": None, "odd": 1.5e-9}
    told = [{"event": word, "sg_event_id": word, **ids, **more} for word in ("click", "delivered", "open", "processed")]
    browser.orchestrator.handle_webhook(told)
    shown = browser.get(f"campaigns/{id_}").text
    places = [shown.index(f"<b>{words}") for words in ("SendGrid prepared", "Delivered", "Opened by", "Clicked")]
    assert places == sorted(places)
    raw = [json.loads(html.unescape(text)) for text in re.findall(r"<pre>(.*?)</pre>", shown, re.DOTALL)]
    assert {one["event"]: one for one in raw if "event" in one} == {one["event"]: one for one in told}
    events = browser.get(f"campaigns/{id_}/events.json").json()
    assert [one["event_data"] for one in events if one["sg_event_id"] == "click"] == [told[0]]
    assert len(events) == len(browser.orchestrator.get_events(id_, TENANT))
