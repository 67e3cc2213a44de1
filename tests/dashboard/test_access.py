"""Who gets in, who does not, and what a stranger's page can make a browser do: nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from orchestrator import errors
from orchestrator.clock import ManualClock
from orchestrator.dashboard import passwords
from orchestrator.dashboard.access import local_path
from orchestrator.dashboard.throttle import FREE, Throttle
from orchestrator.repository import OutreachRepository
from tests.dashboard.conftest import desktop
from tests.samples import TENANT, item

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hashed(PASSWORD)


def test_a_password_is_known_by_its_hash_alone(hashed: str):
    assert PASSWORD not in hashed
    assert passwords.matches(PASSWORD, hashed)
    assert not passwords.matches(PASSWORD + " ", hashed)
    assert passwords.hashed(PASSWORD) != hashed


@pytest.mark.parametrize("broken", ["", "secret", "scrypt:15:8:3:AAAA", "scrypt:40:8:3:AAAA:AAAA", "md5:1:1:1:AA:AA"])
def test_what_is_no_hash_is_refused_at_the_start(broken: str):
    with pytest.raises(errors.ConfigurationError, match="is no password hash"):
        passwords.check_form(broken)


def test_a_short_password_is_refused():
    with pytest.raises(errors.ValidationError, match="must have 12 to"):
        passwords.hashed("hunter2")


def test_without_a_session_every_page_leads_to_the_login(repository: OutreachRepository, hashed: str):
    with desktop(repository, is_open=False, dashboard_password_hash=hashed) as browser:
        for path in ("/", f"/t/{TENANT}", f"/t/{TENANT}/campaigns?q=a", f"/t/{TENANT}/live", f"/t/{TENANT}/days.csv"):
            answer = browser.client.get(path, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login")


def test_a_password_opens_the_page_that_was_asked_for(repository: OutreachRepository, hashed: str):
    with desktop(repository, is_open=False, dashboard_password_hash=hashed) as browser:
        wanted = f"/t/{TENANT}/campaigns?q=status:sent"
        form = browser.client.get(wanted)
        after = re.search(r'name="next" value="([^"]+)"', form.text)
        assert after is not None
        answer = browser.client.post("/login", data={"password": PASSWORD, "next": after[1]}, follow_redirects=False)
        assert answer.headers["location"] == wanted
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert browser.client.get(wanted).status_code == 200
        assert "Log out" in browser.client.get(wanted).text


def test_behind_https_the_cookie_stays_there(repository: OutreachRepository, hashed: str):
    settings = {"dashboard_password_hash": hashed, "base_url": "https://outreach.example.com"}
    with desktop(repository, is_open=False, **settings) as browser:
        answer = browser.client.post("/login", data={"password": PASSWORD}, follow_redirects=False)
        assert answer.headers["set-cookie"].startswith("__Host-outreach=")
        assert "Secure" in answer.headers["set-cookie"]


def test_a_wrong_password_is_said_and_slows_the_next_ones_down(repository: OutreachRepository, hashed: str):
    now = [0.0]
    settings = {"dashboard_password_hash": hashed, "monotonic": lambda: now[0]}
    with desktop(repository, is_open=False, **settings) as browser:
        for _ in range(FREE):
            answer = browser.client.post("/login", data={"password": "wrong wrong wrong"})
            assert (answer.status_code, "That is not the password." in answer.text) == (403, True)
        assert browser.client.post("/login", data={"password": PASSWORD}).status_code == 429
        now[0] += 2
        assert browser.client.post("/login", data={"password": PASSWORD}, follow_redirects=False).status_code == 303


def test_waiting_grows_and_ends():
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    assert [throttle.begin("a") for _ in range(FREE)] == [0.0] * FREE
    waits = []
    for _ in range(2000):
        waits.append(throttle.begin("a"))
        now[0] += waits[-1]
        assert throttle.begin("a") == 0.0
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(waits) == waits[-1] == 300.0
    assert throttle.begin("b") == 0.0
    now[0] += 901
    assert throttle.begin("a") == 0.0


def test_nobody_logs_in_where_no_password_is_set(repository: OutreachRepository):
    with desktop(repository, is_open=False) as browser:
        assert "outreach dashboard password" in browser.client.get("/").text
        answer = browser.client.post("/login", data={"password": ""})
        assert answer.status_code == 503


def test_a_session_ends_by_time_and_by_a_new_password(repository: OutreachRepository, hashed: str):
    clock = ManualClock()
    with desktop(repository, is_open=False, dashboard_password_hash=hashed, clock=clock) as browser:
        browser.client.post("/login", data={"password": PASSWORD})
        assert browser.get().status_code == 200
        clock.advance(timedelta(hours=13))
        assert browser.get(follow_redirects=False).status_code == 303
        browser.client.post("/login", data={"password": PASSWORD})
        kept = dict(browser.client.cookies)
    again = passwords.hashed("another good password")
    with desktop(repository, is_open=False, dashboard_password_hash=again, clock=clock) as browser:
        browser.client.cookies.update(kept)
        assert browser.get(follow_redirects=False).status_code == 303


def test_a_form_sent_after_the_end_does_nothing_and_says_so(repository: OutreachRepository, hashed: str):
    with desktop(repository, is_open=False, dashboard_password_hash=hashed) as browser:
        campaign = browser.orchestrator.create_campaign(TENANT, **item())
        page = f"/t/{TENANT}/campaigns/{campaign.id}"
        headers = {"referer": f"http://127.0.0.1:8080{page}?mail=dark"}
        answer = browser.client.post(page, data={"act": "cancel"}, headers=headers)
        assert "Your session had ended" in answer.text
        assert f'value="{page}?mail=dark"' in answer.text
        stored = browser.orchestrator.get_campaign(campaign.id, TENANT)
        assert stored is not None
        assert stored.status == "scheduled"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_form_from_elsewhere_does_nothing(repository: OutreachRepository, headers: dict[str, str]):
    with desktop(repository) as browser:
        campaign = browser.orchestrator.create_campaign(TENANT, **item())
        page = f"campaigns/{campaign.id}"
        assert browser.post(page, {"act": "cancel"}, headers=headers).status_code == 403
        assert browser.post(page, {"act": "cancel", "csrf": "x" * 32}).status_code == 403
        stored = browser.orchestrator.get_campaign(campaign.id, TENANT)
        assert stored is not None
        assert stored.status == "scheduled"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::1].x", ""])
def test_a_name_that_is_not_ours_is_not_served(repository: OutreachRepository, host: str):
    with desktop(repository) as browser:
        assert browser.client.get("/", headers={"host": host}).status_code == 421
        assert browser.get(headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "outreach.example.com", "second.example"]
)
def test_names_that_are_ours_are_served(repository: OutreachRepository, host: str):
    settings = {"base_url": "http://outreach.example.com", "allowed_hosts": "second.example, third.example"}
    with desktop(repository, **settings) as browser:
        assert browser.client.get("/", headers={"host": host}, follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    "after", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb", "\\\\x"]
)
def test_a_login_leads_nowhere_else(after: str):
    assert local_path(after) == "/"


def test_webhooks_need_no_session_and_no_name(repository: OutreachRepository, hashed: str):
    with desktop(repository, is_open=False, dashboard_password_hash=hashed) as browser:
        answer = browser.client.post("/webhooks/sendgrid", content=b"[]", headers={"host": "anything.example"})
        assert answer.status_code == 503  # no key is configured; it was not sent to a login
        assert browser.client.get("/livez", headers={"host": "anything.example"}).status_code == 200
