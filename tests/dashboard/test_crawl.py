"""Every page in Chromium: nothing forbidden, nothing foreign, nothing too wide, nothing out of the keyboard's reach.

Pages are found by their links. Here each is judged twice, wide and light, narrow and dark; `./dev pages` judges them
in every combination.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from orchestrator import clock
from orchestrator.cli.demo.stage import Stage
from orchestrator.rendering import HTML
from orchestrator.services.looking import templating
from tests.dashboard import hostile
from tests.dashboard.crawl import DAILY, Crawler, demo

#: Pages with many kinds of controls; Tab walks through all of each.
WALKED = ("", "/campaigns", "/templates", "/settings")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with demo() as running:
        yield running


@pytest.fixture(scope="module")
def crawler(opened_browser: Browser, stage: Stage) -> Iterator[Crawler]:
    crawler = Crawler(opened_browser, stage)
    crawler.page.goto(stage.url)
    yield crawler
    crawler.close()


def test_no_page_has_a_fault(crawler: Crawler):
    looked = [crawler.look(path) for path in crawler.pages()]
    assert [(look.path, look.faults) for look in looked if look.faults] == []
    kinds = {look.path.split("?")[0].rpartition("/")[2] for look in looked}
    expected = {"campaigns", "batches", "replies", "templates", "suppressions", "webhooks", "settings", "inbox"}
    assert expected <= kinds


def test_the_crawler_does_see_faults(crawler: Crawler):
    """A picture from elsewhere, an inline script, grey on grey, a box that is too wide, a control out of reach."""
    crawler.look("/login")
    crawler.page.evaluate("""() => {
      const add = html => document.body.insertAdjacentHTML('beforeend', html);
      add('<img src="https://elsewhere.test/a.png" alt="x"><p id=wide>grey on white</p><a href="#x" id=far>far</a>');
      document.getElementById('wide').attributeStyleMap.set('width', CSS.px(2000));
      document.getElementById('wide').attributeStyleMap.set('color', 'lightgrey');
      document.getElementById('far').addEventListener('focus', e => e.target.blur());
      document.body.append(Object.assign(document.createElement('script'), { textContent: '1' }));
    }""")
    crawler.page.wait_for_function("window.violations.length > 1")
    told = "\n".join(crawler.judged(DAILY))
    for fault in ("color-contrast", "1280: is 20", "policy: img-src https://elsewhere.test", "policy: script-src-elem"):
        assert fault in told


@pytest.mark.parametrize("path", WALKED)
def test_tab_comes_to_every_control(crawler: Crawler, stage: Stage, path: str):
    crawler.page.goto(f"{stage.url}/t/{stage.tenant}{path}")
    assert crawler.missed_by_keyboard() == []


def test_keys_move_search_help_and_close(crawler: Crawler, stage: Stage):
    page = crawler.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{stage.url}/t/{stage.tenant}/campaigns")
    rows = page.locator("[data-row] a[href*='/campaigns/']")
    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("j?")
    expect(page.locator("#q")).to_have_value("j?")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).not_to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h2", has_text="What happened")).to_be_visible()


def test_the_focus_is_led_kept_and_given_back(crawler: Crawler, stage: Stage):
    page = crawler.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{stage.url}/t/{stage.tenant}/campaigns")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    hold = page.get_by_role("button", name="Hold", exact=True)
    hold.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#hold")).to_be_visible()
    page.keyboard.press("Escape")
    expect(hold).to_be_focused()
    page.keyboard.press("j")
    href = page.evaluate("document.activeElement.getAttribute('href')")
    page.mouse.move(5, 5)  # a list under the pointer waits
    waiting = _waiting(stage)
    expect(page.locator(f"#list a[href$='{waiting}']")).to_be_visible(timeout=60_000)
    assert page.evaluate("document.activeElement.getAttribute('href')") == href
    stage.orchestrator.cancel_campaign(waiting, stage.tenant)


def test_exact_times_and_what_is_ticked_are_told_without_a_pointer(crawler: Crawler, stage: Stage):
    page = crawler.page
    page.goto(f"{stage.url}/t/{stage.tenant}/campaigns")
    shown = "getComputedStyle(document.querySelector('main time[title]'), '::after').content"
    assert page.evaluate(shown) == "none"
    page.locator("[data-clock]").focus()
    page.keyboard.press("Enter")
    assert re.fullmatch(r'"\d+ \w{3} \d{4} \d\d:\d\d:\d\d Chicago"', page.evaluate(shown))
    page.reload()
    expect(page.locator("[data-clock]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("t")
    assert page.evaluate(shown) == "none"
    boxes = page.locator("input[name=id]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(page.locator("#list header")).to_contain_text("2 ticked")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#cancel")).to_contain_text("Cancel 2 campaigns")


def test_a_campaigns_page_prints_without_what_cannot_be_pressed_on_paper(crawler: Crawler, stage: Stage):
    page = crawler.page
    page.goto(f"{stage.url}/t/{stage.tenant}/campaigns")
    page.goto(stage.url + (page.locator("[data-row] th a").nth(3).get_attribute("href") or ""))
    page.emulate_media(media="print")
    assert page.locator("button:visible, .nav:visible, .top:visible").count() == 0
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".tl > li").first).to_be_visible()
    page.emulate_media(media="screen")


_HIDDEN = """hidden => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_six_open_tabs_do_not_block_a_seventh_and_all_stay_current(opened_browser: Browser, stage: Stage):
    context = opened_browser.new_context()
    streams: list[str] = []
    context.on("request", lambda request: streams.append(request.url) if request.url.endswith("/live") else None)
    tabs = [context.new_page() for _ in range(6)]
    tabs[0].goto(stage.url)
    address = f"{stage.url}/t/{stage.tenant}/campaigns"
    for tab in tabs:
        tab.goto(address)
        expect(tab.locator("[data-word]")).to_have_text("Live")
    seventh = context.new_page()
    seventh.goto(address, timeout=30_000)
    assert len(set(streams)) == 1
    before = tabs[-1].locator("#list .chip", has_text="Held").count()
    stage.orchestrator.hold_campaign(_waiting(stage), stage.tenant, "seen by all tabs")
    for tab in (tabs[0], tabs[-1], seventh):
        expect(tab.locator("#list .chip", has_text="Held")).to_have_count(before + 1, timeout=60_000)
    for tab in tabs:
        tab.evaluate(_HIDDEN, True)
    expect(tabs[0].locator("[data-word]")).to_have_text("Paused")
    held = stage.orchestrator.desk.campaigns(stage.tenant, "is:held").campaigns[0].id
    stage.orchestrator.release_campaign(held, stage.tenant)
    expect(seventh.locator("#list .chip", has_text="Held")).to_have_count(before, timeout=60_000)
    for tab in (tabs[0], tabs[-1]):  # what happened meanwhile is caught up with
        expect(tab.locator("#list .chip", has_text="Held")).to_have_count(before + 1)
        tab.evaluate(_HIDDEN, False)
        expect(tab.locator("#list .chip", has_text="Held")).to_have_count(before, timeout=5_000)
    context.close()


def test_nothing_moves_for_those_who_asked_for_less_motion(crawler: Crawler, stage: Stage):
    crawler.page.emulate_media(reduced_motion="reduce")
    crawler.page.goto(f"{stage.url}/t/{stage.tenant}")
    assert crawler.page.evaluate("document.getAnimations().length") == 0
    smooth = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).scrollBehavior === 'smooth').length"
    assert crawler.page.evaluate(smooth) == 0


def test_everything_can_be_read_and_done_without_scripts(opened_browser: Browser, stage: Stage):
    context = opened_browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stage.url)
    here = f"{stage.url}/t/{stage.tenant}"
    page.goto(f"{here}/campaigns?q=is:held")
    expect(page.locator("h1")).to_have_text("Campaigns")
    page.locator("input[name=id]").first.check()
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_role("status").first).to_contain_text("1 campaign released.")
    page.goto(f"{here}/campaigns")
    page.locator("#q").fill("status:scheduled")
    page.locator("#q").press("Enter")
    assert "q=status%3Ascheduled" in page.url
    page.goto(f"{here}/templates")
    page.get_by_label(HTML).fill("<p>{{ greeting</p>")
    page.get_by_role("button", name="Check and preview").click()
    expect(page.locator("#p-html")).to_contain_text("Line 1")
    context.close()


def test_an_edit_is_previewed_while_it_is_typed(crawler: Crawler, stage: Stage):
    page = crawler.page
    page.goto(f"{stage.url}/t/{stage.tenant}/templates")
    field = page.get_by_label(HTML)
    field.fill(field.input_value().replace("{{ greeting }}", "Well met!", 1))
    expect(page.locator("#result")).to_contain_text("You are looking at an edit", timeout=60_000)
    expect(page.frame_locator("iframe.mail").locator("body")).to_contain_text("Well met!")
    page.wait_for_url("**trial=*")  # the address is the state, of an edit too


def test_a_hostile_template_does_nothing_in_its_preview(crawler: Crawler, stage: Stage):
    page, templates = crawler.page, stage.orchestrator.desk.templates
    sources = {file.name: file.source for file in templates.files()}
    sources[HTML] = "{% raw %}" + hostile.mail("".join(hostile.CORPUS.values())) + "{% endraw %}"
    id_ = templates.try_out(stage.tenant, sources, templating.examples()[templating.SAMPLE])
    address = f"{stage.url}/t/{stage.tenant}/templates?trial={id_}"
    with crawler.nothing_happens():
        page.goto(address)
        frame = page.frame_locator("iframe.mail")
        expect(frame.locator("body")).to_contain_text("Hello")
        for link in frame.locator("a:visible").all():
            link.dispatch_event("click")
    assert page.url == address


@pytest.mark.parametrize("name", hostile.CORPUS)
def test_a_hostile_mail_does_nothing_in_the_inbox(crawler: Crawler, stage: Stage, name: str):
    id_ = _delivered(stage, hostile.mail(hostile.CORPUS[name]))
    address = f"{stage.url}/t/{stage.tenant}/inbox?mail={id_}&peek=1"
    with crawler.nothing_happens():
        crawler.page.goto(address)
        expect(crawler.page.frame_locator("iframe.mail").locator("body")).to_contain_text("Hello")
    assert crawler.page.url == address


def _waiting(stage: Stage) -> str:
    """Create a campaign that goes out next year, and return its id."""
    record = {
        "id": clock.new_id(),
        "owner": {"name": "SAMPLE, JANE", "email": "later@owners.example.test"},
        "address": {"line1": "9 Later Lane", "city": "Dayton", "state": "OH", "zip": "45402"},
    }
    later = datetime.now(UTC) + timedelta(days=300)
    memo = "https://memo.example.test/9"
    return stage.orchestrator.create_campaign(stage.tenant, record, {"score": 9}, memo, scheduled_at=later).id


def _delivered(stage: Stage, html: str) -> str:
    """Send a mail to the sandbox as any client may, and return its id in the inbox."""
    content = [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": html}]
    mail = {
        "personalizations": [{"to": [{"email": "owner@owners.example.test"}]}],
        "from": {"email": "evil@evil.example.test"},
        "subject": "Hello",
        "content": content,
        "custom_args": {"tenant_id": stage.tenant},
    }
    request = urllib.request.Request(
        f"{stage.sandbox_url}/v3/mail/send",
        json.dumps(mail).encode(),
        {"Authorization": "Bearer SG.any", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        sent = answer.headers["X-Message-Id"]
    return next(message.id for message in stage.sandbox.messages(limit=5) if message.id.startswith(sent))
