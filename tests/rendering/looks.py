"""What a browser says of a mail: whether it scrolls sideways, and what axe-core finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page

AXE = Path(__file__).parents[1] / "fixtures" / "axe-core" / "axe.min.js"
WIDTHS = (320, 375, 600)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
GRAVE = ("serious", "critical")
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
)

# A mail is shown inside of a page; what axe asks of a whole page does not apply to it.
_RUN_AXE = """() => axe.run(document, {
  resultTypes: ['violations'],
  rules: Object.fromEntries(['region', 'landmark-one-main', 'page-has-heading-one'].map(r => [r, { enabled: false }])),
}).then(found => found.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html.slice(0, 120))]))"""

SPILLING = """() => [...document.querySelectorAll('p, h1, h2, a, td')]
  .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1)
  .map(e => `${e.tagName} ${e.textContent.trim().slice(0, 40)}`)"""


class Viewer:
    """One page that shows one mail after the other; without a network, as most mail programs are."""

    def __init__(self, browser: Browser) -> None:
        self._page: Page = browser.new_context(offline=True).new_page()
        self._page.evaluate(AXE.read_text("utf-8"))

    def show(self, html: str) -> None:
        """Show a mail."""
        self._page.set_content(html, wait_until="domcontentloaded")

    def overflow(self) -> list[str]:
        """Return what is wider than its box or the screen, at every width, in light and dark."""
        found = []
        for scheme in SCHEMES:
            self._page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                self._page.set_viewport_size({"width": width, "height": 900})
                wide = self._page.evaluate("document.documentElement.scrollWidth")
                found += [f"{scheme} {width}: the page is {wide} px wide"] if wide > width else []
                found += [f"{scheme} {width}: {element}" for element in self._page.evaluate(SPILLING)]
        return found

    def axe(self, scheme: Literal["light", "dark"], width: int) -> list[tuple[str, str, list[str]]]:
        """Return rule, impact and elements of everything axe-core finds."""
        self._page.emulate_media(color_scheme=scheme)
        self._page.set_viewport_size({"width": width, "height": 900})
        found: list[Any] = self._page.evaluate(_RUN_AXE)
        return [(rule, impact, elements) for rule, impact, elements in found]

    def close(self) -> None:
        """Close the page."""
        self._page.context.close()
