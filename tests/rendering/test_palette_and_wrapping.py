"""Laws of the two small machines under the mail: colours that can be read, and lines that lose nothing."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rendering.palette import contrast, palette
from orchestrator.rendering.plaintext import WIDTH, wrapped

LIGHT_PAPERS = ("#ffffff", "#f6f7f9")
DARK_PAPERS = ("#141c2b", "#1b2537")

colors = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=120)


def test_contrast_is_the_one_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert contrast("#777777", "#777777") == 1
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


@given(colors)
def test_every_brand_colour_gives_texts_that_can_be_read(color: str) -> None:
    made = palette(color)
    assert made.button == color
    assert contrast(made.button_text, made.button) >= 4.5
    assert contrast(made.dark_button_text, made.dark_button) >= 4.5
    assert all(contrast(made.link, paper) >= 4.5 for paper in LIGHT_PAPERS)
    assert all(contrast(made.dark_link, paper) >= 4.5 for paper in DARK_PAPERS)


@given(st.lists(words, max_size=40), st.sampled_from(["", "  ", "  + For      ", "  - Against  ", "* "]))
def test_wrapping_loses_nothing_and_keeps_links_whole(pieces: list[str], start: str) -> None:
    line = start + " ".join(pieces)
    out = wrapped(line)
    assert re.sub(r"\s", "", out) == re.sub(r"\s", "", line)
    for each in out.splitlines():
        assert len(each) <= WIDTH or re.search("https?://|mailto:", each, re.I)
    for link in re.findall(r"\bhttps?://\S+", line):
        assert link in out


def test_a_wrapped_line_stands_under_its_text() -> None:
    out = wrapped("  - Against  " + "word " * 20)
    first, second = out.rstrip("\n").split("\n")
    assert first.index("word") == second.index("word") == 13


def test_blank_lines_never_pile_up_and_the_signature_mark_keeps_its_space() -> None:
    assert wrapped("\n\na  \n\n\n\nb\n-- \nc\n\n") == "a\n\nb\n-- \nc\n"
