"""What is new in a reply; the corpus in tests/webhooks has whole mails, here are the edges."""

from __future__ import annotations

import time
import timeit
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.reply import new_text

QUOTE = "> Hello John,\n> Unsubscribe: https://go.example.test/u/1"


@pytest.mark.parametrize(
    "text",
    [
        f"Yes\n\nOn Sun, Nov 22, 2026 at 10:00 AM Maple <r@in.example.test> wrote:\n{QUOTE}",
        f"Yes\n\nOn Sun, Nov 22, 2026 at 10:00 AM Maple\n<r@in.example.test>\nwrote:\n{QUOTE}",
        f"Yes\r\n\r\nOn 11/22/26 10:00 AM, Maple wrote\r\n{QUOTE}",
        "Yes\n\n*From:* Maple <r@in.example.test>\n*Sent:* Sunday\n*To:* John\n*Subject:* 114\n\nHello John",
        "Yes\n________________________________\nFrom: Maple\nSent: Sunday\nSubject: 114\n\nHello John",
        "Yes\n\n-----Original Message-----\nHello John",
        f"{QUOTE}\n\nYes",
        f"{QUOTE}\n\nYes\n-- \nJohn Whitaker\n217 555 0142",
        "Yes\n\nSent from my iPhone",
        "Sent from my iPhone\n\nYes",
        "Yes\n\nCONFIDENTIALITY NOTICE: if you are not the one, delete this and do not contact us.",
        "\n\n  Yes  \n\n\n",
    ],
)
def test_only_what_the_person_wrote_is_left(text: str):
    assert new_text(text) == "Yes"


@pytest.mark.parametrize(
    "text",
    [
        "On Monday my neighbour wrote: never sell.\nI would.",
        "On second thought: make me an offer",
        "From: my heart, thank you",
        "To: be clear, I own it\nand that is that",
        "We pay 1,200 at 10:00 every month:\ntaxes",
        "Sent my husband a copy, he likes it",
    ],
)
def test_a_sentence_that_looks_like_the_beginning_of_a_quote_stays(text: str):
    assert new_text(text) == text


def test_a_line_with_our_own_address_is_quoted_whatever_stands_around_it():
    text = "Thanks!\nhttps://GO.example.test/m/1\nUnsubscribe"

    assert new_text(text, own_markers=["go.example.test", ""]) == "Thanks!"


def test_answers_between_the_lines_of_a_quote_are_found():
    text = "Answers below.\n\nOn 11/22/26 10:00 AM, Maple wrote:\n> Three beds?\n\nFour.\n\n> Two baths?\n> Bye"

    assert new_text(text) == "Answers below.\n\nFour."


def test_the_rest_of_a_quoted_line_that_was_too_long_is_no_answer():
    long = (
        "> Unsubscribe, and we will not write to you again about this or any other\nproperty, ever, we promise\n> Maple"
    )

    assert new_text(f"OK\n\nOn 11/22/26 10:00 AM, Maple wrote:\n{long}") == "OK"


def test_nothing_but_a_quote_is_nothing_new():
    assert new_text(QUOTE) == ""


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())), st.lists(st.text(max_size=5), max_size=3))
def test_any_text_can_be_read_and_stored(text: str, markers: list[str]):
    new_text(text, own_markers=markers).encode()


@pytest.mark.parametrize(
    "unit",
    ["On ", "On \n", "> ", ">\n", "From: a\n", "<", "On 2026 wrote\n", "_" * 20 + "\n", "a@", "> a\nb\n\n", "-- \n"],
)
def test_time_grows_no_faster_than_the_mail(unit: str):
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        return min(
            timeit.repeat(
                lambda: new_text(text, own_markers=["in.example.test"]), timer=time.process_time, number=1, repeat=3
            )
        )

    assert seconds(200_000) / seconds(100_000) < 4


def test_the_module_has_no_pattern_over_several_lines():
    """What makes the promise above hold: patterns see one line, or three joined, of a bounded length."""
    source = Path(new_text.__code__.co_filename).read_text("utf-8")

    assert "re.compile" not in source
    assert "MAX_LINE" in source
