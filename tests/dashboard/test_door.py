"""The door: what guessing costs whoever guesses, and that it costs nobody else anything."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from orchestrator.clock import ManualClock
from orchestrator.dashboard.access import Access
from orchestrator.dashboard.door import STRANGERS, Door, network
from orchestrator.dashboard.throttle import FREE
from orchestrator.repository import OutreachRepository
from orchestrator.tokens import Signer
from tests.dashboard.conftest import BASE, Desktop, desktop
from tests.samples import TENANT

PASSWORD = "correct horse battery"
#: No database decides here who is let in.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])


@pytest.fixture(scope="module")
def hashed() -> str:
    """The password as it may stand in a configuration, at a fraction of the usual cost."""
    salt = b"salt of sixteen."
    key = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=4, r=1, p=1, dklen=32)
    return ":".join(("scrypt", "2", "1", "1", *(base64.b64encode(raw).decode() for raw in (salt, key))))


@pytest.fixture
def hall(repository: OutreachRepository, hashed: str) -> Iterator[Desktop]:
    with desktop(repository, is_open=False, dashboard_password_hash=hashed, monotonic=lambda: 0.0) as opened:
        yield opened


def _from(browser: Desktop, address: str) -> TestClient:
    """Another browser, at another address, in front of the same service."""
    return TestClient(browser.client.app, base_url=BASE, client=(address, 50_000), follow_redirects=False)


def _log_in(client: TestClient, password: str = PASSWORD, **headers: str) -> int:
    return client.post("/login", data={"password": password}, headers=headers).status_code


def test_attempts_at_the_same_moment_are_no_more_than_one_after_the_other(hall: Desktop):
    with ThreadPoolExecutor(16) as threads:
        told = list(threads.map(lambda _: _log_in(_from(hall, "203.0.113.9"), "wrong wrong wrong"), range(32)))
    assert told.count(403) <= FREE
    assert set(told) <= {403, 429, 503}


def test_a_network_of_ipv6_is_one_client(hall: Desktop):
    told = [_log_in(_from(hall, f"2001:db8:1:2::{n:x}"), "wrong wrong wrong") for n in range(FREE + 1)]
    assert told == [403] * FREE + [429]
    assert _log_in(_from(hall, "2001:db8:1:3::1")) == 303
    assert network("::ffff:203.0.113.9") == network("203.0.113.9")
    assert network("x" * 10_000) == network("")


def test_a_browser_that_was_let_in_before_is_not_kept_out_by_what_others_do(hall: Desktop):
    owner, guesser = _from(hall, "203.0.113.9"), _from(hall, "203.0.113.9")
    answer = owner.post("/login", data={"password": PASSWORD})
    known = next(cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith("outreach_known="))
    assert all(flag in known for flag in ("HttpOnly", "SameSite=strict", "Path=/"))
    owner.cookies.delete("outreach_session")
    while _log_in(guesser, "wrong wrong wrong") != 429:
        pass
    assert _log_in(guesser) == 429
    assert _log_in(owner) == 303
    # It is no way around the count.
    assert [_log_in(owner, "wrong wrong wrong") for _ in range(FREE + 1)] == [403] * FREE + [429]
    guesser.cookies.set("outreach_known", "forged.AAAA")
    assert _log_in(guesser) == 429


def test_a_crowd_of_strangers_takes_few_threads_and_keeps_nobody_known_waiting(hashed: str, database_kind: str):
    looked_at, enough = threading.Semaphore(0), threading.Event()

    def matches(password: str, _stored: str) -> bool:
        if password != PASSWORD:
            looked_at.release()
            enough.wait(10)
        return password == PASSWORD

    def asks(address: str, cookie: str = "") -> Request:
        headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
        return Request({"type": "http", "method": "POST", "path": "/login", "headers": headers, "client": (address, 1)})

    signer = Signer(["a secret of this test"])
    entrance = Door(
        Access(signer=lambda: signer, clock=ManualClock(), monotonic=lambda: 0.0, password_hash=hashed), matches
    )
    let_in = Response()
    entrance.remember(let_in)
    known = let_in.headers["set-cookie"].partition(";")[0]
    with ThreadPoolExecutor(STRANGERS) as threads:
        for n in range(STRANGERS):
            threads.submit(entrance.turned_away, asks(f"203.0.113.{n}"), "wrong wrong wrong")
        try:
            assert all(looked_at.acquire(timeout=5) for _ in range(STRANGERS))
            turned = entrance.turned_away(asks("198.51.100.2"), PASSWORD)
            assert turned is not None
            assert (turned.status, turned.wait) == (503, 2)
            assert entrance.turned_away(asks("198.51.100.3", known), PASSWORD) is None
        finally:
            enough.set()
    assert entrance.turned_away(asks("198.51.100.2"), PASSWORD) is None


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_another_site_cannot_make_a_browser_guess(hall: Desktop, headers: dict[str, str]):
    visitor = _from(hall, "203.0.113.9")
    assert [_log_in(visitor, "wrong wrong wrong", **headers) for _ in range(FREE + 1)] == [403] * (FREE + 1)
    assert _log_in(visitor, **headers) == 403
    assert _log_in(visitor) == 303


def test_a_copied_cookie_is_worth_nothing_after_the_logout(hall: Desktop):
    owner, thief = _from(hall, "203.0.113.9"), _from(hall, "198.51.100.7")
    assert _log_in(owner) == 303
    thief.cookies.set("outreach_session", owner.cookies["outreach_session"])
    page = thief.get(f"/t/{TENANT}")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    assert owner.post("/logout", data={"csrf": csrf}).headers["location"] == "/login"
    assert thief.get(f"/t/{TENANT}").headers["location"].startswith("/login")
