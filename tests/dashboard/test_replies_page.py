"""The page of replies shows why each has its label and what followed, and does what its buttons say, once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.clock import ManualClock
from orchestrator.dashboard import passwords
from orchestrator.dashboard.access import LASTS
from orchestrator.dashboard.letters import marked
from orchestrator.domain.reply import Attachment, InboundMail
from orchestrator.repository import OutreachRepository, addresses
from tests.dashboard import hostile
from tests.dashboard.conftest import Desktop, desktop
from tests.samples import OTHER_TENANT, TENANT, item

#: A page that always has a form, and so what proves that a form was shown.
ANY = "suppressions"
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def written(browser: Desktop, email: str = "owner@owners.test", *, sent: bool = True, tenant: str = TENANT) -> str:
    id_ = browser.orchestrator.create_campaign(tenant, **item(email)).id
    if sent:
        browser.orchestrator.send_campaign(id_, tenant)
    return id_


def answered(browser: Desktop, text: str, email: str = "owner@owners.test") -> tuple[str, str]:
    """Have an owner answer a mail; returns the ids of campaign and reply."""
    campaign = written(browser, email)
    browser.orchestrator.record_reply(campaign, TENANT, text)
    return campaign, browser.orchestrator.operations.replies.list(TENANT)[0].id


def came_in(browser: Desktop, **mail: Any) -> str:
    """Have a mail come in that answers no mail of ours; returns the reply's id."""
    received = browser.orchestrator.services.reply_intake.receive(InboundMail(**{"dedupe_key": "1", **mail}))
    return str(received.reply_id)


def hold_of(browser: Desktop, campaign: str) -> str | None:
    found = browser.orchestrator.get_campaign(campaign, TENANT)
    assert found is not None
    return found.hold_reason


def test_without_replies_the_page_says_where_they_come_from(browser: Desktop):
    shown = browser.get("replies").text
    assert "No owner has answered yet" in shown
    assert "OUTREACH_INBOUND_HOST" in shown
    assert "How often you agree is counted here" in shown


def test_a_reply_says_why_it_has_its_label_and_what_followed(browser: Desktop):
    answered(browser, "Hello.\n\nPlease take me off your list.")
    shown = browser.get("replies?show=opt_out").text
    assert "<mark>" in shown
    assert re.search(r'rule <code class="any">opt_out\.\w+</code>', shown)
    assert "Address suppressed (unsubscribe)." in shown
    assert "Nothing waits for you" in browser.get("replies").text


def test_what_needs_a_person_is_counted_in_the_navigation_until_somebody_has_read_it(browser: Desktop):
    _, reply = answered(browser, "Yes, please call me.")
    answered(browser, "Not interested, thanks.", "other@owners.test")
    for path in ("", "campaigns", "replies"):
        assert re.search(r'Replies<span class="num">1<span', browser.get(path).text), path
    assert "1 reply</a> to read" in browser.get().text
    shown = browser.post(f"replies/{reply}", {"act": "release"}, ANY)
    assert "Nothing of this owner’s waits for it any more." in shown.text
    assert 'Replies<span class="num">' not in browser.get().text


def test_labels_are_confirmed_corrected_and_counted(browser: Desktop):
    campaign, reply = answered(browser, "Yes, please call me.")
    fields = {"act": "label", "label": "interested", "was": "interested"}
    assert "Label confirmed." in browser.post(f"replies/{reply}", fields, ANY).text
    shown = browser.post(f"replies/{reply}", fields | {"label": "question"}, ANY).text
    assert "Label changed." in shown
    assert "Changed by a person; the rule said Interested" in shown
    assert "0 of 1 labels (0%)" in shown
    assert "Interested → Question, 1 time" in shown
    kept = browser.orchestrator.operations.replies.get(reply)
    assert (kept.rule_label, kept.label, kept.labelled_by) == ("interested", "question", "the dashboard")
    assert "By the dashboard." in browser.get(f"campaigns/{campaign}").text


def test_an_opt_out_that_a_rule_missed_suppresses_at_once(browser: Desktop):
    _, reply = answered(browser, "Hm.")
    fields = {"act": "label", "label": "opt_out", "was": "other"}
    for _ in range(2):  # pressed twice
        assert browser.post(f"replies/{reply}", fields, ANY).status_code == 200
    assert not browser.orchestrator.operations.suppressions.check(TENANT, "owner@owners.test").allowed
    back = browser.post(f"replies/{reply}", {"act": "label", "label": "interested", "was": "opt_out"}, ANY)
    assert "The address stays suppressed" in back.text


def test_a_label_that_somebody_else_changed_meanwhile_is_not_overwritten(browser: Desktop):
    _, reply = answered(browser, "Hm.")
    browser.orchestrator.operations.replies.label(reply, "legal", TENANT, by="Sam")
    shown = browser.post(f"replies/{reply}", {"act": "label", "label": "interested", "was": "other"}, ANY)
    assert "somebody else gave it another label" in shown.text
    assert browser.orchestrator.operations.replies.get(reply).label == "legal"


def test_the_owners_other_mail_goes_when_somebody_has_read_the_answer(browser: Desktop):
    others = [written(browser, sent=False) for _ in range(2)]
    campaign, reply = answered(browser, "What is it about?")
    assert all("owner held" in str(hold_of(browser, other)) for other in others)
    shown = browser.get("replies").text
    assert "2 other campaigns to this owner wait." in shown
    assert "Release 2 campaigns" in shown
    assert "Release the owner’s other campaigns" in browser.get(f"campaigns/{campaign}").text
    done = browser.post(f"replies/{reply}", {"act": "release", "page": "one"}, ANY)
    assert "2 campaigns may go out again" in done.text
    assert [hold_of(browser, other) for other in others] == [None, None]
    again = browser.post(f"replies/{reply}", {"act": "release"}, ANY)
    assert again.status_code == 200


def test_a_held_campaigns_page_releases_all_that_waits_for_the_answer(browser: Desktop):
    other = written(browser, sent=False)
    answered(browser, "What is it about?")
    shown = browser.get(f"campaigns/{other}").text
    assert "1 campaign to this owner waits" in shown
    done = browser.post(f"campaigns/{other}", {"act": "read"})
    assert "What waited for it may go out again." in done.text
    assert hold_of(browser, other) is None


def test_a_campaigns_page_shows_the_answer_and_suppresses_its_owner(browser: Desktop):
    campaign, reply = answered(browser, "Yes, please call me.")
    shown = browser.get(f"campaigns/{campaign}").text
    assert f'/replies/{reply}"' in shown
    assert "It waits for a person." in shown
    assert browser.post(f"campaigns/{campaign}", {"act": "suppress", "reason": " "}).status_code == 400
    done = browser.post(f"campaigns/{campaign}", {"act": "suppress", "reason": "the office says no"})
    assert "Nobody writes to this address any more." in done.text
    assert ">Suppress address</button>" not in done.text
    found = browser.orchestrator.operations.suppressions.check(TENANT, "owner@owners.test")
    assert [entry.source for entry in found.entries] == ["the office says no"]


def test_automatic_mail_is_shown_as_what_it_is(browser: Desktop):
    campaign = written(browser)
    sendgrid_id = str(browser.orchestrator.get_campaign(campaign, TENANT).sendgrid_message_id)  # type: ignore[union-attr]
    came_in(
        browser,
        in_reply_to=(f"{sendgrid_id}@sender.test",),
        from_email="owner@owners.test",
        text="I am away until December 1.",
        headers=(("Auto-Submitted", "auto-replied"),),
    )
    assert (
        "Nothing waits for you" in browser.get("replies").text or "No owner has answered" in browser.get("replies").text
    )
    shown = browser.get("replies?show=automatic").text
    assert ">Auto-Submitted: auto-replied</code>" in shown
    assert "not counted as a reply" in shown
    assert 'name="label"' not in shown


def test_mail_of_no_campaign_is_assigned_or_put_away(browser: Desktop):
    campaign = written(browser)
    reply = came_in(browser, text="Take me off your list.", from_email="Owner@Owners.test", from_name="S. Sample")
    shown = browser.get("replies?show=nobodys").text
    assert f'<option value="{campaign}">114 Maple Street, Dayton' in shown
    assigning = {"act": "assign", "campaign": campaign, "show": "nobodys"}
    assert "It acts as if it had been found." in browser.post(f"replies/{reply}", assigning, ANY).text
    assert browser.post(f"replies/{reply}", assigning, ANY).status_code == 409  # pressed twice
    assert "Every mail found its campaign" in browser.get("replies?show=nobodys").text
    assert not browser.orchestrator.operations.suppressions.check(TENANT, "owner@owners.test").allowed
    other = came_in(browser, dedupe_key="2", text="Hello?", from_email="nobody@else.test")
    assert "Id of the campaign it answers" in browser.get("replies?show=nobodys").text
    assert browser.post(f"replies/{other}", {"act": "assign", "campaign": "7"}, ANY).status_code == 400
    browser.post(f"replies/{other}", {"act": "release", "show": "nobodys"}, ANY)
    assert "Every mail found its campaign" in browser.get("replies?show=nobodys").text


def test_other_tenants_replies_are_nobodys_business(browser: Desktop):
    campaign = written(browser, tenant=OTHER_TENANT)
    browser.orchestrator.record_reply(campaign, OTHER_TENANT, "a secret of theirs")
    reply = browser.orchestrator.operations.replies.list(OTHER_TENANT)[0].id
    for path in (f"replies/{reply}", f"replies/{reply}/original", "replies/nonsense"):
        answer = browser.get(path)
        assert answer.status_code in (400, 404)
        assert "a secret" not in answer.text
    assert browser.post(f"replies/{reply}", {"act": "release"}, ANY).status_code == 404
    assert "a secret" not in browser.get("replies?show=latest").text


def test_pages_go_on_from_keys_and_back(browser: Desktop):
    for number in range(45):
        answered(browser, f"Number {number:02}, what is it?", f"owner{number}@owners.test")
    first = browser.get("replies?show=latest").text
    assert 'Latest <span class="m num">45</span>' in first
    older = re.search(r'href="[^"]*/(replies\?[^"]*before=[^"]+)">Older', first)
    assert older is not None
    second = browser.get(older[1].replace("&amp;", "&")).text
    assert ("Number 44" in first, "Number 24" in first, "Number 24" in second) == (True, False, True)
    newer = re.search(r'href="[^"]*/(replies\?[^"]*after=[^"]+)">Newer', second)
    assert newer is not None
    assert "Number 44" in browser.get(newer[1].replace("&amp;", "&")).text


@pytest.mark.parametrize("query", ["show=nonsense", "before=1", "after=%00", f"show={EVIL}"])
def test_addresses_that_mean_nothing_are_named(browser: Desktop, query: str):
    assert browser.get(f"replies?{query}").status_code == 400


def test_what_owners_write_stays_text(browser: Desktop):
    campaign = written(browser)
    sendgrid_id = str(browser.orchestrator.get_campaign(campaign, TENANT).sendgrid_message_id)  # type: ignore[union-attr]
    for number, piece in enumerate(hostile.CORPUS.values()):
        came_in(
            browser,
            dedupe_key=str(number),
            in_reply_to=(f"{sendgrid_id}@sender.test",),
            text=f"What is this? {piece} Call me. \u202e\x07",
            subject=piece,
            from_name=piece,
            from_email=f'"{piece[:10]}"@x.test',
            raw_headers=f"Subject: {piece}",
            attachments=(Attachment(piece, "text/html", 1),),
        )
    reply = browser.orchestrator.operations.replies.list(TENANT)[0].id
    paths = ("replies", "replies?show=latest", f"replies/{reply}", f"replies/{reply}/original", f"campaigns/{campaign}")
    for path in paths:
        shown = browser.get(path)
        assert shown.status_code == 200
        # Nothing but our own elements: each of theirs begins with an entity.
        assert shown.text.count("<iframe") == (1 if path.startswith("campaigns") else 0)
        assert not re.search(r"<(?:img|object|video|meta http|base|style)\b", shown.text), path
        assert "<script>" not in shown.text
        assert not re.search(r"<[^>]*\son\w+=", shown.text.replace("&#", "")), path
        assert "\u202e" not in shown.text.replace("</pre>", "") or path.endswith("original")
        assert "script-src 'self'" in shown.headers["content-security-policy"]


def test_marks_stand_where_the_words_do_and_nowhere_else():
    found = marked('a < b. Please  call\nme, "call me" & <b>', ["call me", "<b>"])
    assert found == (
        "a &lt; b. Please  <mark>call\nme</mark>, &#34;<mark>call me</mark>&#34; &amp; <mark>&lt;b&gt;</mark>"
    )
    assert marked("<i>", []) == "&lt;i&gt;"
    assert marked("x" * 50_000 + " a" * 20_000, ["a a a b"] * 20).count("x") == 50_000


def test_a_session_that_ends_before_the_button_is_pressed_changes_nothing(repository: OutreachRepository):
    clock = ManualClock()
    password = "correct horse battery"
    settings = {"dashboard_password_hash": passwords.hashed(password), "clock": clock}
    with desktop(repository, is_open=False, **settings) as browser:
        browser.client.post("/login", data={"password": password})
        _, reply = answered(browser, "Yes, please call me.")
        form = browser.get("replies").text
        csrf = re.search(r'name="csrf" value="([^"]+)"', form)
        assert csrf is not None
        clock.advance(LASTS + timedelta(minutes=1))
        fields = {"csrf": csrf[1], "act": "label", "label": "opt_out", "was": "interested"}
        headers = {"Referer": f"http://127.0.0.1:8080/t/{TENANT}/replies"}
        answer = browser.client.post(
            f"/t/{TENANT}/replies/{reply}", data=fields, headers=headers, follow_redirects=False
        )
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login")
        assert "replies" in answer.headers["location"]
        assert browser.orchestrator.operations.replies.get(reply).label == "interested"
        with browser.orchestrator.services.read() as tx:
            known = addresses.get_many(tx, [(TENANT, "owner@owners.test")])
        assert [one.suppression_reason for one in known.values()] == [None]


def test_a_form_from_elsewhere_changes_nothing(browser: Desktop):
    _, reply = answered(browser, "Yes, please call me.")
    answer = browser.client.post(f"/t/{TENANT}/replies/{reply}", data={"act": "release", "csrf": "guessed"})
    assert answer.status_code == 403
    assert browser.orchestrator.operations.replies.get(reply).released_at is None
    assert browser.post(f"replies/{reply}", {"act": "burn"}, ANY).status_code == 400


def test_open_pages_are_told_of_what_changes(browser: Desktop):
    desk, marks = browser.orchestrator.desk, []

    def noted() -> None:
        marks.append(desk.marks(TENANT)["replies"])

    noted()
    _, reply = answered(browser, "Yes, please call me.")
    noted()
    browser.orchestrator.operations.replies.label(reply, "interested", TENANT)
    noted()
    browser.orchestrator.operations.replies.release(reply, TENANT)
    noted()
    came_in(browser, text="Hello?")
    noted()
    assert len(set(marks)) == 5
