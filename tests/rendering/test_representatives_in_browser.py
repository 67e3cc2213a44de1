"""Every kind of mail in Chromium: nothing scrolls sideways, and axe-core finds nothing serious, in light and dark.

`./dev mails` lets axe-core look at all of them; here it looks at those of the evidence table.
"""

from __future__ import annotations

import pytest

from orchestrator.rendering import Renderer
from orchestrator.rendering.gate import matrix
from tests.rendering import evidence, looks
from tests.rendering.looks import Viewer


def test_no_representative_scrolls_sideways_at_any_width(viewer: Viewer, renderer: Renderer):
    for name, content in matrix.representatives():
        viewer.show(renderer.render(content).html)
        assert viewer.overflow() == [], name


@pytest.mark.parametrize("name", evidence.SHOWN)
def test_axe_finds_nothing_serious(viewer: Viewer, renderer: Renderer, name: str):
    viewer.show(renderer.render(evidence.SHOWN[name]).html)
    for scheme in looks.SCHEMES:
        assert [found for found in viewer.axe(scheme, 375) if found[1] in looks.GRAVE] == [], scheme


def test_both_judges_do_see_faults(viewer: Viewer, renderer: Renderer):
    """Dark text that keeps its colour on a box that turned dark, an image without words, a box that is too wide."""
    html = renderer.render(evidence.SHOWN["everything known"]).html
    html = html.replace(".ink { color: #e8ecf3 !important; }", "").replace(
        "<h1 ", '<img src="https://a.test/a.png"><h1 '
    )
    viewer.show(html.replace("max-width:600px", "min-width:640px"))
    assert "color-contrast" in {rule for rule, _, _ in viewer.axe("dark", 600)}
    assert "color-contrast" not in {rule for rule, _, _ in viewer.axe("light", 600)}
    assert "image-alt" in {rule for rule, _, _ in viewer.axe("light", 600)}
    assert any("600: the page is" in told for told in viewer.overflow())
