"""Forms in a browser, with scripts and without: dialogs open again with their message, and nothing typed is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from orchestrator import app
from orchestrator.cli import serving
from orchestrator.repository import OutreachRepository
from tests.rendering.looks import AXE
from tests.samples import TENANT, facade

_VIOLATIONS = "() => axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations.map(v => v.id))"


@pytest.fixture(scope="module")
def pages(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a tenant's pages."""
    copied = shutil.copyfile(migrated_file, tmp_path_factory.mktemp("forms") / "outreach.db")
    repository, listening = OutreachRepository(f"sqlite:///{copied}"), serving.bind("127.0.0.1", 0)
    with facade(repository) as (orchestrator, _):
        service = app.create_service(orchestrator, pages=app.create_pages(orchestrator, start=TENANT, is_open=True))
        with serving.ServerThread(service, listening):
            yield f"{serving.address_of(listening)}/t/{TENANT}"
    repository.close()


@pytest.fixture(params=[True, False], ids=["with scripts", "without"])
def context(request: pytest.FixtureRequest, opened_browser: Browser, pages: str) -> Iterator[BrowserContext]:
    opened = opened_browser.new_context(java_script_enabled=request.param, viewport={"width": 1280, "height": 900})
    opened.new_page().goto(pages.partition("/t/")[0])
    yield opened
    opened.close()


def test_a_dialog_opens_again_with_what_is_wrong_in_it(context: BrowserContext, pages: str):
    page = context.pages[0]
    page.goto(f"{pages}/dispatcher")
    page.get_by_role("button", name="Pause sending").first.click()
    page.locator("#pause [value=everything]").check()
    page.locator("#pr").fill("  ")
    page.locator("#pause [value=pause]").click()
    dialog = page.locator("#pause")
    expect(dialog).to_contain_text("Say why, so that the next person knows.")
    expect(page.locator("#pr")).to_be_focused()
    expect(page.locator("#pr")).to_have_accessible_description("Is required. Say why, so that the next person knows.")
    expect(page.locator("#pause [value=everything]")).to_be_checked()
    if _has_scripts(page):
        page.evaluate(AXE.read_text())
        assert page.evaluate(_VIOLATIONS) == []
    dialog.get_by_role("button", name="Keep sending").click()
    expect(dialog).to_be_hidden()
    page.reload()  # with scripts, this asks for the page; without, it would send the form again
    expect(page.locator("#refused-summary")).to_have_count(0 if _has_scripts(page) else 1)


def _has_scripts(page: Page) -> bool:
    return page.locator("[data-live]").is_visible()


def test_what_is_typed_outlives_the_session_and_is_sent_once(context: BrowserContext, pages: str):
    page = context.pages[0]
    page.goto(f"{pages}/templates")
    scripts = _has_scripts(page)
    context.clear_cookies()
    page.locator("#e-text").press_sequentially("Kept.")
    if scripts:  # what is tried out by itself must neither replace the page nor lead away from it
        expect(page.locator("#refused")).to_contain_text("Your session has ended", timeout=10_000)
    page.get_by_role("button", name="Check and preview").click()
    expect(page.locator("#refused-summary")).to_contain_text("nothing was done. What you typed is still here")
    assert "Kept." in page.locator("#e-text").input_value()
    page.goto(f"{pages}/suppressions")
    posts: list[str] = []
    page.on("request", lambda one: posts.append(one.url) if one.method == "POST" else None)
    page.locator("#what").fill(f"scripts-{scripts}@b.test".lower())
    page.locator("#so").fill("a call")
    page.get_by_role("button", name="Suppress", exact=True).dblclick()
    expect(page.get_by_text("Entered.")).to_be_visible()
    assert len(posts) == 1 or not scripts
