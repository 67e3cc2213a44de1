"""Pages travel compressed where that tells nobody what is in them; what proves a form reads differently each time."""

from __future__ import annotations

import re

import pytest

from orchestrator import app
from orchestrator.dashboard import assets
from orchestrator.dashboard.packing import pack
from orchestrator.repository import OutreachRepository
from tests.dashboard.conftest import Desktop, desktop
from tests.samples import TENANT, item

#: No SQL is asked for here that another test does not ask both databases for.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])
PLAIN = {"accept-encoding": "identity"}
PACKED = {"accept-encoding": "br, gzip"}


def test_pages_and_downloads_travel_compressed_and_read_the_same(browser: Desktop):
    for number in range(5):
        browser.orchestrator.create_campaign(TENANT, **item(f"owner{number}@owners.test"))
    for path in ("", "campaigns", "campaigns.csv", "days.csv", "/login", "campaigns/none"):
        packed, plain = (browser.get(path, headers=headers) for headers in (PACKED, PLAIN))
        assert packed.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in packed.headers["vary"].lower()
        assert "content-encoding" not in plain.headers
        assert _without_proofs(packed.text) == _without_proofs(plain.text)


def test_style_sheets_and_scripts_are_compressed_once_and_kept_for_ever(browser: Desktop):
    for asset in assets.shipped().values():
        packed, plain = (browser.client.get(asset.url, headers=headers) for headers in (PACKED, PLAIN))
        assert (packed.content, plain.content) == (asset.content, asset.content)
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) == len(asset.packed) < len(asset.content)
        for answer in (packed, plain):
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["vary"] == "Accept-Encoding"
    assert pack(b"the same") == pack(b"the same")


def test_what_another_site_makes_a_browser_ask_for_keeps_its_length(browser: Desktop):
    for unwise in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"accept-encoding": "gzip;q=0"}):
        assert "content-encoding" not in browser.get("campaigns?q=guess", headers={**PACKED, **unwise}).headers
    ours = browser.get("campaigns?q=guess", headers={**PACKED, "sec-fetch-site": "same-origin"})
    assert ours.headers["content-encoding"] == "gzip"


def test_the_stream_of_news_is_never_compressed(repository: OutreachRepository):
    with desktop(repository) as browser:
        pages = app.create_pages(browser.orchestrator, start=TENANT, is_open=True)
        client = type(browser.client)(pages, base_url="http://127.0.0.1")
        client.get("/")
        pages.state.live.close()  # so that the stream ends
        answer = client.get(f"/t/{TENANT}/live", headers=PACKED)
    assert answer.text.startswith("retry:")
    assert "content-encoding" not in answer.headers


def test_what_proves_a_form_reads_differently_in_every_answer_and_stays_good(browser: Desktop):
    proofs = [_proof(browser) for _ in range(3)]
    assert len(set(proofs)) == 3
    halves = {half for proof in proofs for half in (proof[:32], proof[32:])}
    assert len(halves) == 6
    for proof in proofs:
        answer = browser.post("settings", {"csrf": proof, "name": "Acme", "time_zone": "UTC"})
        assert "Saved." in answer.text
    swapped, cut = proofs[0][32:] + proofs[1][32:], proofs[0][:-2]
    for wrong in (swapped, cut, "zz" * 32, "00" * 32, "é" * 64, ""):
        answer = browser.post("settings", {"csrf": wrong, "name": "Mallory", "time_zone": "UTC"})
        assert answer.status_code in (403, 409)
    assert "Mallory" not in browser.get().text


def _proof(browser: Desktop) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', browser.get("settings").text)
    assert found is not None
    return found[1]


def _without_proofs(text: str) -> str:
    return re.sub(r'name="csrf" value="[0-9a-f]+"|<time[^>]*>[^<]*</time>|request [0-9a-f-]+|[0-9a-f-]{36}', "", text)
