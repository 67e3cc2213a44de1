"""Templates are shown as they are in use, edits are tried out and stay nowhere, and no edit gets to run code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.rendering import HTML, TEXT, shipped_dir
from orchestrator.repository import OutreachRepository
from orchestrator.services.looking import templating
from tests.dashboard.conftest import BASE, Desktop, desktop
from tests.samples import OTHER_TENANT, TENANT, item

SHIPPED = {name: (shipped_dir() / name).read_text("utf-8") for name in (HTML, TEXT)}


def _try(browser: Desktop, html: str = SHIPPED[HTML], text: str = SHIPPED[TEXT], **more: str):
    return browser.post("templates", {"html": html, "text": text, **more})


def _trial(shown: str) -> str:
    found = re.search(r"trial=([\w-]+)", shown)
    assert found
    return found[1]


def test_the_page_says_which_templates_are_in_use_and_that_nothing_is_wrong(browser: Desktop):
    shown = browser.get("templates").text
    assert shown.count("shipped with the product") == 2
    assert "Nothing wrong" in shown
    assert "66 mails of every kind were made" in shown
    assert browser.get(f"templates/file/{TEXT}").text == SHIPPED[TEXT]


def test_own_templates_stand_in_file_by_file_and_their_faults_are_shown(repository: OutreachRepository, tmp_path: Path):
    (tmp_path / TEXT).write_text(SHIPPED[TEXT].replace("{{ unsubscribe_url }}", ""), "utf-8")
    with desktop(repository, template_dir=tmp_path) as browser:
        shown = browser.get("templates").text
        assert shown.count("shipped with the product") == 1
        assert "your own" in shown
        assert "the opt-out link is missing" in shown
        (tmp_path / TEXT).write_text(SHIPPED[TEXT], "utf-8")
        assert "Nothing wrong" in browser.get("templates").text


def test_a_campaigns_own_records_are_previewed_without_any_event(browser: Desktop):
    id_ = browser.orchestrator.create_campaign(TENANT, **item()).id
    assert f"campaign={id_}" in browser.get("templates?q=sample").text
    answer = browser.get(f"templates/mail?campaign={id_}")
    assert "114 Maple Street" in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert [event.event_type for event in browser.orchestrator.get_events(id_, TENANT)] == ["scheduled"]


@pytest.mark.parametrize("show", ["desktop", "mobile", "dark", "images off", "text", "source"])
def test_worst_cases_are_shown_in_every_way(browser: Desktop, show: str):
    for name in list(templating.examples())[:4]:
        answer = browser.get("templates/mail", params={"mail": name, "show": show})
        assert answer.status_code == 200
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers["content-type"].startswith("text/plain" if show in ("text", "source") else "text/html")


def test_an_edit_is_checked_shown_and_offered_for_download_and_changes_nothing(browser: Desktop):
    edited = SHIPPED[HTML].replace("{{ greeting }}", "Good day to you!", 1)
    shown = _try(browser, edited).text
    assert "You are looking at an edit" in shown
    trial = _trial(shown)
    assert "Good day to you!" in browser.get(f"templates/mail?trial={trial}").text
    assert browser.get(f"templates/file/{HTML}?trial={trial}").text == edited
    assert "Good day to you!" not in browser.get("templates/mail").text
    assert (shipped_dir() / HTML).read_text("utf-8") == SHIPPED[HTML]


def test_a_syntax_error_is_shown_with_line_and_caret(browser: Desktop):
    shown = _try(browser, html="<p>one</p>\r\n{% if greeting %}\r\n<p>{{ greeting </p>\r\n").text
    assert "Line 3: " in shown
    assert re.search(r"3 \| .*\n\s+\^", shown)
    framed = browser.get(f"templates/mail?trial={_trial(shown)}")
    assert framed.status_code == 200
    assert "This mail cannot be written." in framed.text


def test_code_in_an_edit_is_not_run(browser: Desktop):
    shown = _try(browser, text="{{ cycler.__init__.__globals__.os.environ }}").text
    assert "to correct" in shown
    assert "PATH" not in browser.get(f"templates/mail?trial={_trial(shown)}&show=text").text


def test_an_edit_is_for_its_own_tenant_and_for_half_an_hour(repository: OutreachRepository):
    seconds = 1000.0
    with desktop(repository, monotonic=lambda: seconds) as browser:
        trial = _trial(_try(browser).text)
        other = f"/t/{OTHER_TENANT}/templates"
        assert "That edit is no longer kept here" in browser.get(f"{other}?trial={trial}").text
        assert browser.get(f"{other}/mail?trial={trial}").status_code == 400
        assert "You are looking at an edit" in browser.get(f"templates?trial={trial}").text
        seconds += templating.KEPT
        assert "That edit is no longer kept here" in browser.get(f"templates?trial={trial}").text


def test_an_edit_needs_the_form_and_has_a_size(browser: Desktop):
    answer = browser.client.post(f"/t/{TENANT}/templates", data={"html": "x", "text": "y"})
    assert answer.status_code == 403
    assert _try(browser, text="x" * 100_001).status_code == 400


def test_hostile_text_in_an_edit_stays_text(browser: Desktop):
    shown = _try(browser, html='</textarea><script>alert(1)</script>{{ "').text
    assert "<script>alert" not in shown


@pytest.mark.parametrize(
    ("logo", "images"),
    [
        (None, "img-src data:;"),
        ("https://brand.example.com/logo.png", "img-src data: https://brand.example.com/logo.png;"),
        ("https://brand.example.com/a;script-src *", "img-src data:;"),
    ],
)
def test_a_preview_loads_no_picture_but_the_senders_own_logo(
    repository: OutreachRepository, logo: str | None, images: str
):
    with desktop(repository, logo_url=logo) as browser:
        policy = browser.get("templates/mail").headers["content-security-policy"]
        assert images in policy
        assert "img-src 'none';" in browser.get("templates/mail?show=images+off").headers["content-security-policy"]


def _send(browser: Desktop, page: str = "templates", **fields: str):
    shown = browser.get(page).text
    hidden = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown.partition('id="test-mail"')[2])
    )
    trial = re.search(r'name="trial" value="([\w-]*)" form="test-mail"', shown)
    assert trial
    sent = {**hidden, "trial": trial[1], **fields}
    return browser.client.post(
        f"/t/{TENANT}/templates/send", data=sent, headers={"referer": str(browser.get(page).url), "origin": BASE}
    )


def test_what_is_shown_is_sent_to_a_colleague_and_stands_below(browser: Desktop):
    id_ = browser.orchestrator.create_campaign(TENANT, **item()).id
    told = _send(browser, f"templates?campaign={id_}", to="ann@sender.test")
    assert told.url.query == f"campaign={id_}&done={browser.orchestrator.desk.test_mails(TENANT)[0].id}".encode()
    assert "SendGrid has the test mail to ann@sender.test." in told.text
    edit = f"templates?mail=nothing+optional&trial={_trial(_try(browser, mail='nothing optional', text='Tried.').text)}"
    shown = _send(browser, edit, to="bob@sender.test").text
    assert "You are looking at an edit" in shown
    assert "an edit that was tried out" in shown
    assert "The last 2" in shown
    first, second = browser.orchestrator.services.transport.sent  # type: ignore[attr-defined]
    assert (first.subject, second.text.strip()) == ("[Test] Our memo on 114 Maple Street", "Tried.")
    assert [event.event_type for event in browser.orchestrator.get_events(id_, TENANT)] == ["scheduled"]
    browser.orchestrator.handle_webhook(
        {"event": "bounce", "timestamp": 1_800_000_000, "sg_event_id": "x", "reason": "550 <b>no</b>",
         "tenant_id": TENANT, "campaign_id": first.campaign_id, "outreach_message_id": first.message_id}
    )  # fmt: skip
    shown = browser.get("templates").text
    assert "Bounced" in shown
    assert "550 &lt;b&gt;no" in shown


def test_a_refused_test_mail_says_why_beside_its_field_and_keeps_what_was_typed(browser: Desktop):
    for to, words in (("x@home.com", "OUTREACH_TEST_RECIPIENTS"), ("", "Write an address"), ("<b>", "not an email")):
        answer = _send(browser, "templates?mail=nothing+optional", to=to)
        assert answer.status_code == 400
        assert words in answer.text
        assert "<b>&" not in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert "made-up mail: nothing optional" in answer.text
    assert 'value="x@home.com"' in _send(browser, to="x@home.com").text
    browser.orchestrator.operations.pause("over lunch")
    answer = _send(browser, to="ann@sender.test")
    assert (answer.status_code, "over lunch" in answer.text) == (409, True)
    assert browser.orchestrator.desk.test_mails(TENANT) == []


def test_a_test_mail_is_sent_once_however_often_its_button_is_pressed(browser: Desktop):
    first = _send(browser, to="ann@sender.test", seen="0190f3a0-0000-7000-8000-000000000001")
    again = _send(browser, to="ann@sender.test", seen="0190f3a0-0000-7000-8000-000000000001")
    assert first.url == again.url
    assert len(browser.orchestrator.desk.test_mails(TENANT)) == 1
