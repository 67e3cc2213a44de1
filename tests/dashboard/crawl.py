"""Walks through all pages of a running demo in Chromium, as a stranger would, and notes what is wrong with each.

``python -m tests.dashboard.crawl`` (``./dev pages``) looks at every page at every width, light and dark; the test that
runs every day looks at every page twice.
"""

from __future__ import annotations

import gzip
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Route, sync_playwright

from orchestrator import OutreachOrchestrator
from orchestrator.cli.demo.stage import Play, Stage, staged
from tests.rendering.looks import AXE, CHROMIUM_ARGS, GRAVE

Scheme = Literal["light", "dark"]
WIDTHS = (320, 768, 1280, 1920)
MATRIX: tuple[tuple[Scheme, int], ...] = tuple((scheme, width) for scheme in ("light", "dark") for width in WIDTHS)
DAILY: tuple[tuple[Scheme, int], ...] = (("light", 1280), ("dark", 320))
LIGHTEST = 60_000  # bytes, packed, with all that a page brings along
#: Pages that no link leads to while all is well, or that stand alone.
KNOWN = (
    "/login",
    "/t/nonsense",
    "/t/{tenant}/campaigns?q=status:sent+color:red",
    "/t/{tenant}/campaigns?q=nobody-such",
)
#: What changes the rows of a page, or the mail in its frame, and nothing that could break.
_SAME = {"by", "count", "days", "mail", "only"}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: What is no page: downloads, and the mails inside of pages.
_OTHER = re.compile(r"\.(?:csv|json|jsonl|eml)$|/file/|/mail$|/frame$|/raw$|/static/|/logout$|/export")
#: Longer than any line, with nowhere to break.
_LONG = "Maximilianmustermannstrasse" * 7
_EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'

_LISTEN = """
window.violations = [];
document.addEventListener('securitypolicyviolation',
  e => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""
_RUN_AXE = """grave => axe.run(document, { resultTypes: ['violations'], iframes: false,
    rules: { 'target-size': { enabled: true } } }).then(found => found.violations
  .filter(v => grave.includes(v.impact))
  .map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`))"""
_WIDER = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.wrap, pre, textarea, svg, [popover]'))
  .slice(0, 3).map(e => e.outerHTML.slice(0, 120))"""
#: What a box cuts off, or hides behind a scroll bar of its own, though it could break.
_CUT = """() => [...document.querySelectorAll('.flush, .wrap:has(> .cards)')]
  .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
  .map(e => `${e.scrollWidth} in ${e.clientWidth}: ${e.outerHTML.slice(0, 120)}`)"""
#: What readers may set (WCAG 2.2, 1.4.12).
_SPACED = """on => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}');
  document.adoptedStyleSheets = on ? [sheet] : [];
}"""
_WIDTH = "document.documentElement.scrollWidth"
_BROUGHT = "script[src], link[rel=stylesheet], link[rel=icon]"
_CONTROLS = """() => {
  const kinds = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  window.controls = [...document.querySelectorAll(kinds)].filter(e =>
    e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.type !== 'hidden' && e.tabIndex >= 0);
  window.reached = new Set();
  document.addEventListener('focusin', e => window.reached.add(e.target), true);
  document.activeElement.blur();
  return window.controls.length;
}"""
_MISSED = """() => window.controls
  .filter(e => document.contains(e) && !window.reached.has(e) && e.type !== 'radio')
  .map(e => e.outerHTML.slice(0, 120))"""


@dataclass(slots=True)
class Look:
    """One page: where it is, what it weighs, and what is wrong with it."""

    path: str
    weight: int = 0
    faults: list[str] = field(default_factory=list)


class Crawler:
    """Looks at pages in a browser.

    Args:
        browser: Chromium.
        stage: The running demo.
    """

    def __init__(self, browser: Browser, stage: Stage) -> None:
        self.stage = stage
        self.context: BrowserContext = browser.new_context()
        self.context.add_init_script(_LISTEN)
        self.page: Page = self.context.new_page()
        self._faults: list[str] = []
        self._assets: dict[str, int] = {}
        self._host = urlsplit(stage.url).netloc
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._faults.append(f"script: {error}"))
        self.page.on("dialog", self._asked)
        # What a policy forbids never comes here: only what the browser would really have asked for.
        self.context.route(self._is_elsewhere, self._asked_elsewhere)

    def pages(self) -> Iterator[str]:
        """Yield the path of a page of every kind, found by its links: each is open in `page` while it is yielded."""
        waiting = ["/", *(path.format(tenant=self.stage.tenant) for path in KNOWN)]
        kinds: set[str] = set()
        while waiting:
            path = waiting.pop(0)
            if (kind := _kind(path)) in kinds:
                continue
            kinds.add(kind)
            yield path
            links = map(urlsplit, self.page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"))
            waiting += [
                link._replace(scheme="", netloc="", fragment="").geturl()
                for link in links
                if link.netloc == self._host and not _OTHER.search(link.path)
            ]

    def look(self, path: str, views: Sequence[tuple[Scheme, int]] = DAILY) -> Look:
        """Open a page and note what is wrong with it, by scheme and width."""
        self._faults.clear()
        look = Look(path)
        self.page.set_viewport_size({"width": 1280, "height": 900})
        answer = self.page.goto(self.stage.url + path, wait_until="load")
        if answer is None or answer.status >= 500:
            self._faults.append(f"status {answer and answer.status}")
        look.weight = self._weight(answer.body() if answer else b"")
        if look.weight > LIGHTEST:
            self._faults.append(f"weighs {look.weight:,} bytes")
        self.page.evaluate(AXE.read_text("utf-8"))
        look.faults = self.judged(views)
        return look

    def judged(self, views: Sequence[tuple[Scheme, int]]) -> list[str]:
        """Return what is wrong with the open page, and what has happened since it was opened."""
        found = []
        for scheme, width in views:
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size({"width": width, "height": 900})
            found += [f"{scheme} {width}: {told}" for told in self.page.evaluate(_RUN_AXE, GRAVE)]
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            found += self._too_wide(str(width), width)
        self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        self.page.evaluate(_SPACED, True)
        found += self._too_wide(f"{WIDTHS[0]} spaced", WIDTHS[0])
        self.page.evaluate(_SPACED, False)
        found += [f"policy: {told}" for told in self.page.evaluate("window.violations")]
        return self._faults + found

    def _too_wide(self, look: str, width: int) -> list[str]:
        """Return what does not fit into the open page."""
        if self.page.evaluate(_WIDTH) > width:
            self.page.wait_for_timeout(300)  # a chart follows its page a moment later
        wide, cut = self.page.evaluate(_WIDTH), self.page.evaluate(_CUT)
        told = [f"{look}: is {wide} px wide: {self.page.evaluate(_WIDER)}"] if wide > width else []
        return told + [f"{look}: cuts off {one}" for one in cut]

    @contextmanager
    def nothing_happens(self) -> Iterator[None]:
        """Assert that what is done meanwhile runs nothing, loads nothing from elsewhere and opens nothing.

        What a frame is forbidden, Chromium writes to the console: that is how it should be.
        """
        self._faults.clear()
        windows = len(self.context.pages)
        yield
        self.page.wait_for_timeout(100)  # for what a mail has begun
        assert [fault for fault in self._faults if not fault.startswith("console:")] == []
        assert self.page.evaluate("[window.pwned ?? 'no', window.violations.length]") == ["no", 0]
        assert len(self.context.pages) == windows

    def missed_by_keyboard(self) -> list[str]:
        """Return the controls of the open page that Tab does not come to."""
        self.page.set_viewport_size({"width": 1280, "height": 900})
        for _ in range(self.page.evaluate(_CONTROLS) + 8):
            self.page.keyboard.press("Tab")
        return self.page.evaluate(_MISSED)

    def close(self) -> None:
        """Close the browser's windows."""
        self.context.close()

    def _weight(self, document: bytes) -> int:
        """Return the bytes, packed, of a page with its scripts and style sheets."""
        urls = self.page.eval_on_selector_all(_BROUGHT, "all => all.map(e => e.src || e.href)")
        for url in urls:
            if url not in self._assets:
                self._assets[url] = len(gzip.compress(self.context.request.get(url).body(), 6))
        return len(gzip.compress(document, 6)) + sum(self._assets[url] for url in urls)

    def _asked(self, dialog: Dialog) -> None:
        self._faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _said(self, message: Any) -> None:
        expected = "status of 40" in message.text  # pages that are not there are looked at, too
        if message.type in ("error", "warning") and not expected:
            self._faults.append(f"console: {message.text}")

    def _is_elsewhere(self, url: str) -> bool:
        return urlsplit(url).netloc != self._host and not url.startswith(("data:", "blob:", "about:"))

    def _asked_elsewhere(self, route: Route) -> None:
        self._faults.append(f"asks elsewhere: {route.request.url}")
        route.abort()


def _kind(path: str) -> str:
    """Return what pages of one kind have in common: the path without ids, and the names of what is asked."""
    parts = urlsplit(path)
    asked = {name for name, _ in parse_qsl(parts.query)} - _SAME
    asked -= {"q"} if parts.path.endswith("/inbox") else set()
    return f"{_ID.sub('ID', parts.path)}?{'&'.join(sorted(asked))}"


@contextmanager
def demo() -> Iterator[Stage]:
    """A demo whose mails have gone out, with a hostile owner, a hostile reply and some campaigns that wait."""
    with staged(Play(port=0)) as stage:
        stage.import_sample()
        product, tenant = stage.orchestrator, stage.tenant
        product.desk.describe_tenant(tenant, name="Acme Realty", time_zone="America/Chicago")
        stage.wait_until(stage.everything_left, 60)
        some = [each.id for each in product.desk.campaigns(tenant).campaigns]
        record = {
            "id": "0190f3a0-0000-7000-8000-00000000e411",
            "owner": {"name": _EVIL, "email": "evil@owners.example.test"},
            "address": {"line1": f"66 {_EVIL}", "city": _EVIL, "state": "OH", "zip": "45402"},
        }
        evil = product.create_campaign(tenant, record, {"score": 6}, "https://memo.example.test/6", batch=_EVIL).id
        product.hold_campaign(evil, tenant, _EVIL)
        product.hold_campaign(_endless(product, tenant), tenant, _LONG)
        product.record_reply(some[0], tenant, _EVIL * 20)
        product.handle_webhook({"event": "bounce", "type": "bounce", "reason": _EVIL, "campaign_id": some[1],
                                "tenant_id": tenant})  # fmt: skip
        yield stage


def _endless(product: OutreachOrchestrator, tenant: str) -> str:
    """Create two campaigns whose every word is too long for any column, one of them answered; return the other."""
    created: list[str] = []
    for number, letter in enumerate("lm"):
        record = {
            "id": f"0190f3a0-0000-7000-8000-00000000e41{number + 2}",
            "owner": {"name": _LONG, "email": f"{letter * 64}@{'d' * 60}.{'e' * 60}.example.test"},
            "address": {"line1": _LONG, "city": _LONG, "state": "OH", "zip": "45402"},
        }
        memo, later = f"https://memo.example.test/{_LONG}", datetime.now(UTC) + timedelta(days=number)
        more = {"batch": _LONG[:100], "scheduled_at": later}
        created.append(product.create_campaign(tenant, record, {"score": 7}, memo, **more).id)
    product.record_reply(created[0], tenant, f"Stop. {_LONG} {'9' * 300}")
    return created[1]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Look at every page at every width, light and dark, and print what was found."""
    found = 0
    path_of = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with demo() as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path_of, args=list(CHROMIUM_ARGS))
        crawler = Crawler(browser, stage)
        for path in crawler.pages():
            look = crawler.look(path, MATRIX)
            look.faults += [f"keyboard: {missed}" for missed in crawler.missed_by_keyboard()]
            found += len(look.faults)
            _say(f"{len(look.faults):>3}  {look.weight / 1000:5.1f} kB  {path}")
            for fault in look.faults:
                _say(f"        {fault}")
        crawler.close()
        browser.close()
    _say(f"{found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
