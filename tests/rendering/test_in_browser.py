"""The mail as Chromium lays it out: no sideways scrolling, readable in light and dark, whole without images."""

from __future__ import annotations

import mails
import pytest
from playwright.sync_api import Browser, Page

from orchestrator.rendering import Branding, MailContent, Renderer
from tests.rendering.looks import SPILLING

SAMPLES = {"full": mails.FULL, "bare": mails.BARE, "long": mails.LONG}

#: Every text node's contrast with the nearest painted background behind it (WCAG 2.2, 1.4.3).
WEAK_TEXTS = r"""() => {
  const parse = color => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const linear = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const color = parse(getComputedStyle(element).backgroundColor);
      if (color.a === 1) return color.rgb;
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode, box = node.parentElement;
    if (!node.data.trim() || node.data === '\u00a0' || box.closest('[style*="display:none"]')) continue;
    seen += 1;
    const pair = [luminance(parse(getComputedStyle(box).color).rgb), luminance(behind(box))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) weak.push(`${ratio.toFixed(2)} ${node.data.trim().slice(0, 40)}`);
  }
  if (seen < 8) weak.push(`only ${seen} texts seen`);
  return weak;
}"""


def _show(browser: Browser, html: str, *, width: int, scheme: str = "light") -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    page.set_content(html)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 600])
def test_nothing_scrolls_sideways_and_every_text_can_be_read(
    opened_browser: Browser, renderer: Renderer, width: int, scheme: str
) -> None:
    for name, content in SAMPLES.items():
        page = _show(opened_browser, renderer.render(content).html, width=width, scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(SPILLING) == [], name
        assert page.evaluate(WEAK_TEXTS) == [], name
        page.close()


@pytest.mark.parametrize("color", ["#000000", "#ffffff", "#ffd400", "#7f7f7f", "#ff0000", "#00aa55", "#1a2b3c"])
def test_any_brand_colour_stays_readable_in_light_and_dark(
    opened_browser: Browser, renderer: Renderer, color: str
) -> None:
    branding = Branding(company_name="Sample Realty", color=color)
    content = MailContent(
        property_record=mails.FULL.property_record,
        score_result=mails.FULL.score_result,
        memo_url=mails.FULL.memo_url,
        greeting="Hello,",
        owner_name=None,
        unsubscribe_url=mails.FULL.unsubscribe_url,
        branding=branding,
    )
    for scheme in ("light", "dark"):
        page = _show(opened_browser, renderer.render(content).html, width=375, scheme=scheme)
        assert page.evaluate(WEAK_TEXTS) == [], scheme
        page.close()


def test_nothing_is_lost_with_images_off(opened_browser: Browser, renderer: Renderer) -> None:
    page = _show(opened_browser, renderer.render(mails.LONG).html, width=600)  # offline: the logo cannot load
    shown = page.inner_text("body")
    assert page.evaluate("[...document.images].every(i => !i.naturalWidth && i.alt && i.width && i.height)")
    assert mails.LONG.branding.company_name is not None
    assert mails.LONG.branding.company_name in shown
    assert "Read the memo" in shown
    page.close()


def test_the_button_and_the_opt_out_are_large_enough_to_touch(opened_browser: Browser, renderer: Renderer) -> None:
    page = _show(opened_browser, renderer.render(mails.FULL).html, width=320)
    button = page.get_by_text("Read the memo").bounding_box()
    assert button is not None
    assert button["height"] >= 44
    assert button["width"] >= 200
    line = page.get_by_text("Unsubscribe").evaluate("e => parseFloat(getComputedStyle(e).lineHeight)")
    assert line >= 24
    page.close()


def test_the_preheader_is_hidden_from_view(opened_browser: Browser, renderer: Renderer) -> None:
    page = _show(opened_browser, renderer.render(mails.FULL).html, width=600)
    assert "of 100 points" not in page.inner_text("body")
    assert "of 100 points" in page.content()
    page.close()


def test_hostile_texts_run_no_script_and_add_no_link(opened_browser: Browser, renderer: Renderer) -> None:
    evil = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned"><a href="https://evil.test">x</a>'
    content = mails.with_reasons({"note": evil, "weight": 1}, {"feature": evil, "weight": 2})
    page = _show(opened_browser, renderer.render(content).html, width=600)
    assert page.title() == "Our memo on 114 Maple Street"
    assert page.evaluate("[...document.links].map(a => a.href)") == [content.memo_url, content.unsubscribe_url]
    assert evil in page.inner_text("body")
    page.close()
