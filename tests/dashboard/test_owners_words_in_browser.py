"""Replies and suppressions in Chromium: what strangers wrote does nothing, and originals open where they stand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from orchestrator.cli.demo.stage import Stage
from orchestrator.domain.reply import InboundMail
from tests.dashboard import hostile
from tests.dashboard.crawl import MATRIX, Crawler, demo


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A demo in which owners answer with all that hostile mails try."""
    with demo() as running:
        product, tenant = running.orchestrator, running.tenant
        campaigns = [one.id for one in product.desk.campaigns(tenant, limit=50).campaigns]
        for campaign, piece in zip(campaigns, hostile.CORPUS.values(), strict=False):
            product.record_reply(campaign, tenant, f"What is this? {piece} Call me.")
        for number, piece in enumerate(hostile.CORPUS.values()):
            mail = InboundMail(text=piece, subject=piece, from_name=piece, raw_headers=piece, dedupe_key=str(number))
            product.services.reply_intake.receive(mail)
        for number in range(3):
            product.operations.suppressions.add(tenant, f"a{number}@hostile.test", source='"><b onclick=alert(1)>x')
        yield running


@pytest.fixture(scope="module")
def crawler(opened_browser: Browser, stage: Stage) -> Iterator[Crawler]:
    crawler = Crawler(opened_browser, stage)
    crawler.page.goto(stage.url)
    yield crawler
    crawler.close()


@pytest.mark.parametrize(
    "path",
    [
        "/replies",
        "/replies?show=latest",
        "/replies?show=nobodys",
        "/suppressions",
        "/suppressions?address=a0@hostile.test",
    ],
)
def test_nothing_is_wrong_at_any_width_light_or_dark(crawler: Crawler, stage: Stage, path: str):
    assert crawler.look(f"/t/{stage.tenant}{path}", MATRIX).faults == []


def test_an_original_opens_where_it_stands_and_stays_text(crawler: Crawler, stage: Stage):
    page = crawler.page
    page.goto(f"{stage.url}/t/{stage.tenant}/replies?show=nobodys")
    for summary in page.locator("li > details > summary").all()[:10]:
        summary.click()
    expect(page.locator("li > details pre").first).to_be_visible()
    expect(page.locator("li > details pre")).to_have_count(20)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("window.violations") == []


def test_a_label_is_corrected_by_hand_and_by_keyboard(crawler: Crawler, stage: Stage):
    page = crawler.page
    page.goto(f"{stage.url}/t/{stage.tenant}/replies")
    first = page.locator("li[data-row]").first
    where = first.locator("a.plain").get_attribute("href") or ""
    first.get_by_label("Label").focus()
    page.keyboard.press("L")  # as people choose in a list
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Label changed.")
    assert stage.orchestrator.operations.replies.get(where.rpartition("/")[2]).label == "legal"
