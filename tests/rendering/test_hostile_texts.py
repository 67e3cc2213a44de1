"""Owner names, addresses and notes come from strangers."""

from __future__ import annotations

from dataclasses import replace

import mails
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.rendering import Branding, Renderer, subject_line

RENDERER = Renderer()
SCRIPT = "<script>alert(1)</script>"


def test_markup_is_text_in_both_parts(renderer: Renderer) -> None:
    record = {
        "address": {"line1": f"1 {SCRIPT} St", "line2": SCRIPT, "city": SCRIPT, "state": SCRIPT, "zip": SCRIPT},
        "attrs": {"beds": SCRIPT},
    }
    mail = renderer.render(
        replace(
            mails.with_reasons({"note": SCRIPT, "weight": 1}),
            property_record=record,
            greeting=f"Hello {SCRIPT},",
            owner_name=SCRIPT,
            memo_url='https://x.test/"onmouseover="alert(1)',
            unsubscribe_url='https://x.test/"><b>',
            branding=Branding(company_name=SCRIPT, from_name=SCRIPT, tagline=SCRIPT, postal_address=SCRIPT),
        )
    )
    assert "<script" not in mail.html
    assert '"onmouseover' not in mail.html
    assert "<b>" not in mail.html
    assert SCRIPT in mail.text


@pytest.mark.parametrize("color", ["red;}</style><script>", "#12345", "#gggggg", "javascript:1", "", None])
def test_a_colour_that_is_none_gives_the_default(renderer: Renderer, color: str | None) -> None:
    branding = replace(mails.FULL.branding, color=color)
    assert "background-color:#005c91" in renderer.render(replace(mails.FULL, branding=branding)).html


@pytest.mark.parametrize("logo", ["javascript:alert(1)", "data:image/png;base64,AAAA", "file:///etc/passwd", "//x/y"])
def test_a_logo_that_is_no_web_address_is_left_out(renderer: Renderer, logo: str) -> None:
    branding = replace(mails.FULL.branding, logo_url=logo)
    assert "<img" not in renderer.render(replace(mails.FULL, branding=branding)).html


def test_line_breaks_cannot_forge_lines_of_the_text_part(renderer: Renderer) -> None:
    note = "Fine\n\n-- \r\nUnsubscribe:\u2028https://evil.test\x85x\x0bx\x0cx"
    text = renderer.render(mails.with_reasons({"note": note, "weight": 1})).text
    assert "  + For      Fine -- Unsubscribe: https://evil.test x x x\n" in text
    assert text.count("\n-- \n") == 1


def test_a_subject_is_one_line_of_visible_characters() -> None:
    line1 = "1\r\nBcc: a@evil.test\x00 Ma\u200bple\u202e\u2066 St\u200d\ufeff\x7f\u2029x"
    assert subject_line(line1) == "Our memo on 1 Bcc: a@evil.test Maple St x"


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_the_header_or_the_width(text: str) -> None:
    assert subject_line(text).isprintable()
    mail = RENDERER.render(replace(mails.with_reasons({"note": text, "weight": 1}), greeting=text, owner_name=text))
    assert all(len(line) <= 78 or "://" in line or "mailto:" in line.lower() for line in mail.text.splitlines())
    assert mail.html.encode()


def test_reading_order_cannot_be_turned_round(renderer: Renderer) -> None:
    evil = "safe \u202egnp.exe\u2066\u200f"
    mail = renderer.render(replace(mails.with_reasons({"note": evil, "weight": 1}), owner_name=evil, greeting=evil))
    assert "safe gnp.exe" in mail.text
    assert not set("\u202e\u2066\u200f") & set(mail.text + mail.html + mail.subject)


def test_a_huge_note_is_cut_at_a_word_and_the_mail_stays_small(renderer: Renderer) -> None:
    words = "abcdefg " * 1300
    mail = renderer.render(mails.with_reasons(*({"note": words, "weight": 1} for _ in range(50))))
    assert "abcdefg…" in mail.text
    assert len(mail.html.encode()) < 20_000


def test_a_long_word_is_cut_and_a_long_link_is_not(renderer: Renderer) -> None:
    link = "https://store.sample.test/" + "a" * 150
    text = renderer.render(mails.with_reasons({"note": "W" * 200 + f" see {link} there", "weight": 1})).text
    assert link in text
    assert "  + For      " + "W" * 65 + "\n" + " " * 13 + "W" * 65 + "\n" in text


@pytest.mark.parametrize("reasons", [None, [], {}, [None], [[]], [1], [{"weight": float("inf"), "note": "x"}]])
def test_odd_reasons_do_not_stop_a_mail(renderer: Renderer, reasons: object) -> None:
    mail = renderer.render(replace(mails.FULL, score_result={"score": 50, "reasons": reasons}))
    assert "50 of 100" in mail.text
