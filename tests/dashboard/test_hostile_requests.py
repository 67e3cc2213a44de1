"""Whatever is asked, in whatever words: nothing of it is a failure of ours, and nothing of it is another tenant's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from orchestrator import app
from orchestrator.dashboard.envelope import as_file
from orchestrator.dashboard.mailbox import Letter, Mail
from tests.dashboard.conftest import BASE, Desktop
from tests.samples import OTHER_TENANT, TENANT, item

#: Nothing, bytes that are no UTF-8, NUL, half a surrogate, more digits than `int` reads, digits that are none, nesting,
#: other spellings of ids, and what means something to a search, a header, a path, HTML or a spreadsheet.
VALUES = (
    "", "%", "%zz", "%ff%fe", "%00", "%ED%A0%80", "9" * 5000, "-1", "NaN", "%C2%B2", "%D9%A3", "[" * 500, "[1,2,3,4]",
    "null", "%7B0190f3a0-0000-7000-8000-00000000e411%7D", "urn:uuid:0190f3a0-0000-7000-8000-00000000e411", "batch:%22",
    "owner:@", "id:%00", "%25%5F", "x%0d%0aSet-Cookie:a=b", "..%2f..%2fetc", "hold.%C2%B2.%C2%B2", "%E2%80%AE",
    "%3Cscript%3Ealert(1)%3C/script%3E", "%3D1%2B1",
)  # fmt: skip
#: What the addresses of pages, files and fragments may say.
ASKED = {
    "": ("days", "by"), "campaigns": ("q", "before", "after", "count", "done"), "campaigns.csv": ("q",),
    "campaigns/{}": ("mail", "done"), "campaigns/{}/mail": ("show",), "campaigns/{}/events.json": (),
    "batches": ("before",), "batch": ("label", "done"), "replies": ("show", "before", "after", "done"),
    "replies/{}": (), "replies/{}/original": (), "templates": ("campaign", "show", "trial", "q"),
    "templates/mail": ("mail", "campaign", "show", "trial"), "templates/file/{}": ("trial",),
    "suppressions": ("address", "property", "q", "kind", "reason", "before", "after", "done"),
    "webhooks": ("before", "unmatched", "done"), "webhooks/{}": (), "dispatcher": ("done",), "settings": ("done",),
    "inbox": ("mail", "before"), "inbox/mails/{}/frame": (), "days.csv": ("days",),
}  # fmt: skip


@pytest.fixture
def campaign(browser: Desktop) -> str:
    return browser.orchestrator.create_campaign(TENANT, **item()).id


def _addresses(campaign: str) -> Iterator[str]:
    turn = 0
    for path, names in ASKED.items():
        patterns = [f"{path.format(campaign)}?{name}=<>" for name in names]
        for pattern in (*patterns, *([path.replace("{}", "<>")] if "{}" in path else ())):
            # Each value meets many parameters, and each parameter every fourth value.
            turn += 1
            yield from (f"/t/{TENANT}/{pattern.replace('<>', value)}" for value in VALUES[turn % 4 :: 4])
    for value in VALUES:
        yield from (f"/t/{value}", f"/login?next={value}", f"/login?ended={value}", f"/static/{value}")


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_no_address_is_answered_by_a_failure(browser: Desktop, campaign: str):
    told: list[tuple[int, str]] = []
    for address in _addresses(campaign):
        answer = browser.client.get(address, follow_redirects=False)
        is_page = answer.headers.get("content-type", "").startswith(("text/", "application/json"))
        fine = answer.status_code in (200, 303, 400, 404, 409) and (is_page or answer.status_code == 303)
        if not fine or ("set-cookie" in answer.headers and "a=b" in answer.headers["set-cookie"]):
            told.append((answer.status_code, address[:120]))
        if "<script>alert" in answer.text:
            told.append((answer.status_code, address[:120]))
    assert told == []


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_what_postgresql_cannot_compare_is_no_failure_either(browser: Desktop, campaign: str):
    worst = ("%00", "%ED%A0%80", "9" * 5000)
    texts = ("campaigns?q", "batches?before", "batch?label", "replies?show", "suppressions?q", "suppressions?address")
    told = [
        (address, browser.get(f"{address}={value}", follow_redirects=False).status_code)
        for address in (*texts, "suppressions?property", "suppressions?before", "templates?q", "webhooks?done")
        for value in worst
    ]
    assert [one for one in told if one[1] >= 500] == []


def test_a_method_that_is_not_taken_is_named_with_those_that_are(browser: Desktop):
    answer = browser.client.put(f"/t/{TENANT}/campaigns")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "text/html; charset=utf-8")
    assert answer.headers["allow"] in ("GET", "POST")


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_what_nobody_foresaw_is_a_page_and_one_line_of_the_log(browser: Desktop):
    pages = app.create_pages(browser.orchestrator, start=TENANT, is_open=True)

    def broken() -> None:
        raise RuntimeError("secret")

    pages.add_api_route("/static/broken/now", broken)
    service = app.create_service(browser.orchestrator, pages=pages)
    with capture_logs() as lines:
        answer = TestClient(service, base_url=BASE).get("/static/broken/now")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert answer.headers["x-request-id"] in answer.text
    assert "secret" not in answer.text
    assert [line["action"] for line in lines] == ["request_failed"]


def test_nothing_of_another_tenant_is_reached_through_its_id(browser: Desktop, campaign: str):
    replies = browser.orchestrator.record_reply(campaign, TENANT, "Yes, call me.")
    assert replies
    found = browser.orchestrator.desk.letters.page(TENANT, "latest", limit=5).letters
    theirs = {"campaign": campaign, "reply": found[0].reply.id}
    other = f"/t/{OTHER_TENANT}"
    for path in (
        f"campaigns/{theirs['campaign']}", f"campaigns/{theirs['campaign']}/mail",
        f"campaigns/{theirs['campaign']}/events.json", f"replies/{theirs['reply']}",
        f"replies/{theirs['reply']}/original", f"templates?campaign={theirs['campaign']}",
        f"templates/mail?campaign={theirs['campaign']}",
    ):  # fmt: skip
        assert browser.client.get(f"{other}/{path}").status_code == 404, path
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.client.get(f"{other}/settings").text)
    assert csrf is not None
    before = browser.orchestrator.get_events(campaign, TENANT)
    for path, fields in (
        (f"campaigns/{campaign}", {"act": "suppress", "reason": "x"}), (f"campaigns/{campaign}", {"act": "read"}),
        (f"campaigns/{campaign}", {"act": "cancel"}), (f"campaigns/{campaign}", {"act": "send"}),
        ("campaigns", {"act": "cancel", "id": campaign}), (f"replies/{theirs['reply']}", {"act": "release"}),
        (f"replies/{theirs['reply']}", {"act": "label", "label": "opt_out"}),
        (f"replies/{theirs['reply']}", {"act": "assign", "campaign": campaign}),
        ("dispatcher", {"act": "retry", "campaign": campaign}),
        ("dispatcher", {"act": "resend", "message": campaign, "reason": "x"}),
    ):  # fmt: skip
        answer = browser.client.post(f"{other}/{path}", data={"csrf": csrf[1], **fields}, follow_redirects=False)
        assert answer.status_code < 500, path
    assert browser.orchestrator.get_events(campaign, TENANT) == before
    assert browser.orchestrator.desk.letters.page(TENANT, "latest", limit=5).letters[0].reply == found[0].reply


def test_a_mail_is_a_file_whatever_its_headers_say():
    evil = '=?utf-8?q?x?=\r\nBcc: all@owners.test\u2028<\x00\ud800[\u00e9@\u202e,;("'
    mail = Mail(
        id="x", number=7, campaign_id="", to=evil, to_name=evil, sender=evil, subject=evil, state="delivered",
        at=datetime(2026, 1, 5, tzinfo=UTC), unread=False, arrived=True, opened=True, simulated=False,
    )  # fmt: skip
    headers = {"From": evil, "Message-ID": "<", "Reply-To": evil, "reply-to": evil, "Sender": "<<", evil: evil}
    file = as_file(Letter(mail=mail, html=evil, text=evil, headers=headers, request={}, links={}))
    read = message_from_bytes(bytes(file.body))
    assert read["Bcc"] is None
    assert {name.lower() for name in read.keys()} == {  # noqa: SIM118 -- a message is no mapping
        "from", "to", "subject", "date", "message-id", "reply-to", "sender", "mime-version", "content-type",
    }  # fmt: skip


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_what_other_servers_say_cannot_turn_the_reading_order_round(browser: Desktop, campaign: str):
    browser.orchestrator.send_campaign(campaign, TENANT)
    reason = "550 \u202eelbisivni\u202c\u200b \x07<b>"
    said = {"event": "bounce", "type": "bounce", "reason": reason, "tenant_id": TENANT, "campaign_id": campaign}
    browser.orchestrator.handle_webhook(said)
    for page in (f"campaigns/{campaign}", "campaigns", "campaigns.csv"):
        shown = browser.get(page).text
        assert "550 elbisivni " in shown, page
        assert not re.search("[\u202a-\u202e\u200b\x07]", shown), page
