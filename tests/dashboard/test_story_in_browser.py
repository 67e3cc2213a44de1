"""The first minute, in a real browser before a real demo: each act is shown, and counters are the same everywhere."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from orchestrator.cli.demo.stage import Play, Stage, staged
from tests.rendering.looks import AXE, CHROMIUM_ARGS, GRAVE

WAIT = 60_000.0  # milliseconds
#: Counter of the funnel: what its column in the database is.
COLUMNS = {
    "sent": "sent_at",
    "opened": "opened_at",
    "clicked": "clicked_at",
    "responded": "responded_at",
    "unsubscribed": "unsubscribed_at",
}


class Witness:
    """Notes what a browser must not do: complain, break a policy, or ask anybody else."""

    def __init__(self, context: BrowserContext, own: str) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        context.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        context.on("request", lambda one: None if urlsplit(one.url).netloc == own else self.asked.append(one.url))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(Play(port=0, keep=tmp_path)) as on:
        yield on


@pytest.fixture
def context(chromium: str, stage: Stage) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGS))
        yield browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
        browser.close()


def _strip(page: Page, cause: str, change: str) -> None:
    """Wait until the strip shows a cause, brought by a request that was answered with 200, and what it changed."""
    shown = page.locator(".fx > li", has_text=cause)
    expect(shown).to_contain_text(change, timeout=WAIT)


def _cli(stage: Stage, *arguments: str) -> dict[str, Any]:
    environment = {**os.environ, "DB_DSN": stage.dsn}
    command = [sys.executable, "-m", "orchestrator.cli", *arguments, "--json"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(told.stdout)


def _database(stage: Stage) -> tuple[dict[str, int], dict[str, int]]:
    with closing(sqlite3.connect(stage.directory / "outreach.db")) as connection:
        statuses = dict(connection.execute("SELECT status, COUNT(*) FROM outreach_campaigns GROUP BY status"))
        counted = ", ".join(f"COUNT({column})" for column in COLUMNS.values())
        row = connection.execute(f"SELECT {counted} FROM outreach_campaigns").fetchone()
    return statuses, dict(zip(COLUMNS, row, strict=True))


def _by_status_on(page: Page) -> dict[str, int]:
    rows = page.locator("section[aria-labelledby=sh] li").all_inner_texts()
    return {name.strip().lower(): int(n) for name, n in (re.split(r"\s+(?=\d+$)", row.strip()) for row in rows)}


def test_the_first_minute(stage: Stage, context: BrowserContext):
    campaign = stage.write_to_you()
    assert stage.wait_until(lambda: stage.mail_of(campaign) is not None, 60)
    page, witness = context.new_page(), Witness(context, urlsplit(stage.url).netloc)
    page.goto(stage.inbox(stage.mail_of(campaign)))
    expect(page.get_by_text("Nobody has opened this mail yet")).to_be_visible()
    assert page.locator("iframe").count() == 0
    _strip(page, "Delivered", "sent → delivered")

    page.get_by_role("button", name="Open", exact=True).click()
    _strip(page, "You opened it", "Human opens0 → 1")
    expect(page.locator(".fx > li", has_text="You opened it")).to_contain_text(
        re.compile(r"webhook open, *signed, 200")
    )

    mail = page.frame_locator("iframe.mail")
    with context.expect_page() as opened:
        mail.locator("a[href*='/click?']").first.click()
    landing = opened.value
    expect(landing.get_by_text("You were counted.")).to_be_visible()
    landing.close()
    _strip(page, "You clicked a link", "Clicks0 → 1")  # by itself: nobody reloaded the page

    page.get_by_role("button", name="Reply as the owner").click()
    _strip(page, "You replied", "Replies0 → 1")
    expect(page.locator(".fx > li", has_text="You replied")).to_contain_text(re.compile(r"inbound mail, *signed, 200"))
    expect(page.get_by_role("heading", name="That was the real pipeline")).to_be_visible()

    with context.expect_page() as opened:
        mail.locator("a[href*='/u/']").first.click()
    leaving = opened.value
    leaving.get_by_role("button", name="Unsubscribe").first.click()
    leaving.wait_for_load_state()
    leaving.close()
    _strip(page, "You opted out on the page", "responded → unsubscribed")

    page.goto(f"{stage.url}/t/{stage.tenant}")
    statuses, counts = _database(stage)
    assert statuses == {"unsubscribed": 1}
    assert _by_status_on(page) == statuses == _cli(stage, "stats")["statistics"]
    assert counts == dict.fromkeys(COLUMNS, 1)
    funnel = stage.orchestrator.get_funnel(stage.tenant).counts
    assert {name: funnel[name] for name in COLUMNS} == counts
    for title in ("Sent", "Open seen", "Clicked", "Replied"):
        row = page.get_by_role("row", name=re.compile(f"^{title}"))
        expect(row.get_by_role("cell").first).to_have_text("1")
    assert (witness.said, witness.asked) == ([], [])


def test_the_inbox_is_for_everyone(chromium: str, stage: Stage):
    campaign = stage.write_to_you()
    assert stage.wait_until(lambda: stage.mail_of(campaign) is not None, 60)
    mail = stage.mail_of(campaign)
    found: list[tuple[int, str, str, str]] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGS))
        for width, scheme in ((320, "dark"), (768, "light"), (1280, "light"), (1280, "dark")):
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,  # type: ignore[arg-type]
                bypass_csp=True,  # axe is brought in as a script
            )
            page = context.new_page()
            for more in ("", "&peek=1", "&show=headers", "&show=raw", "&show=events"):
                page.goto(stage.inbox(mail) + more)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, more
                found += [(width, scheme, more, told) for told in _grave(page)]
            context.close()
        browser.close()
    assert found == []


def _grave(page: Page) -> list[str]:
    page.add_script_tag(content=AXE.read_text("utf-8"))
    violations = page.evaluate(
        "axe.run(document, {resultTypes: ['violations'], iframes: false}).then(r => r.violations)"
    )
    return [one["id"] for one in violations if one["impact"] in GRAVE]


def test_it_all_works_without_scripts(chromium: str, stage: Stage):
    campaign = stage.write_to_you()
    assert stage.wait_until(lambda: stage.mail_of(campaign) is not None, 60)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGS))
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(stage.inbox(stage.mail_of(campaign)))
        page.get_by_role("button", name="Open", exact=True).click()
        _strip(page, "You opened it", "delivered → opened")
        page.get_by_role("button", name="Reply as the owner").click()
        _strip(page, "You replied", "opened → responded")
        browser.close()
