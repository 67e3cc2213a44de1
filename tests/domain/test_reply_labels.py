"""Labels: what the rules find on replies they were not tuned on, and that the page says so."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.reply import ReplyLabel, classify, interest
from tests.docs import pages

REPLIES = Path(__file__).parents[1] / "fixtures" / "replies"
SETS = {"held_out": "Replies the rules were not tuned on", "hard": "Replies written to get past the rules"}


def rows(name: str) -> list[tuple[str, str]]:
    with (REPLIES / f"sentences_{name}.tsv").open(encoding="utf-8", newline="") as file:
        return [(row["label"], row["text"]) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def measured(name: str) -> list[list[str]]:
    """For each label: how many have it, precision, recall, as the page prints them."""
    right, said, true = Counter[str](), Counter[str](), Counter[str]()
    for label, text in rows(name):
        found = classify(text).label
        right[label] += found == label
        said[found] += 1
        true[label] += 1
    return [
        [f"`{label}`", str(true[label]), share(right[label], said[label]), share(right[label], true[label])]
        for label in ReplyLabel
    ]


def share(part: int, whole: int) -> str:
    return f"{part} of {whole}"


@pytest.mark.parametrize(("name", "heading"), SETS.items())
def test_the_page_prints_what_is_measured(name: str, heading: str):
    assert pages.rows(pages.DOCS / "replies.md", heading) == measured(name)


def test_there_are_enough_replies_to_speak_of_a_measurement():
    assert len(rows("dev")) + len(rows("held_out")) + len(rows("hard")) >= 200
    assert not {text for _, text in rows("held_out")} & {text for _, text in rows("dev")}


@pytest.mark.parametrize(("label", "text"), rows("dev"))
def test_a_reply_of_the_half_for_tuning_gets_its_label(label: str, text: str):
    assert classify(text).label == label


@pytest.mark.parametrize("name", ["held_out", "hard"])
def test_nobody_who_asks_to_be_left_alone_is_taken_for_interested(name: str):
    meant = [text for label, text in rows(name) if label in (ReplyLabel.OPT_OUT, ReplyLabel.LEGAL)]

    assert [text for text in meant if classify(text).label is ReplyLabel.INTERESTED] == []


@pytest.mark.parametrize("name", ["dev", "held_out", "hard"])
def test_nobody_who_is_interested_is_suppressed(name: str):
    meant = [text for label, text in rows(name) if label == ReplyLabel.INTERESTED]

    assert [text for text in meant if classify(text).label in ("opt_out", "legal", "wrong_person", "sold")] == []


@pytest.mark.parametrize(
    ("text", "label", "rule", "words"),
    [
        ("STOP", "opt_out", "opt_out.command", ("STOP",)),
        ("Don’t  ever\ncontact me again!", "opt_out", "opt_out.do_not_write", ("Don’t ever contact",)),
        ("No thanks. Also: UNSUBSCRIBE me.", "opt_out", "opt_out.command", ("UNSUBSCRIBE",)),
        ("Désinscrivez-moi de votre liste", "opt_out", "opt_out.fr", ("Désinscrivez",)),
        ("I will sue you. Stop emailing me.", "legal", "legal.sue", ("will sue",)),
        ("Hello there", "other", "none", ()),
    ],
)
def test_a_label_comes_with_its_rule_and_the_words_as_written(text: str, label: str, rule: str, words: tuple[str, ...]):
    found = classify(text)

    assert (found.label, found.rule) == (label, rule)
    assert found.words == words


@pytest.mark.parametrize(
    "text",
    [
        "Stop by any time on Saturday.",
        "Please cancel my appointment on Tuesday, Wednesday is better. Call me.",
        "I can't stop thinking about your offer.",
        "Don't hesitate to contact me.",
        "I am not not interested.",
        "Remove the pool from the description and call me.",
    ],
)
def test_words_of_an_opt_out_that_mean_something_else_do_not_end_a_conversation(text: str):
    assert interest(classify(text).label) is not False


def test_an_opt_out_beats_every_friendly_word():
    assert (
        classify("Great memo, yes, very interested in how you got my address. Now unsubscribe me.").label == "opt_out"
    )


def test_a_no_that_is_taken_back_is_a_yes():
    assert classify("It's not for sale, but make me an offer and we can talk.").label == "interested"


@pytest.mark.parametrize(
    ("label", "expected"),
    [("interested", True), ("opt_out", False), ("legal", False), ("sold", False), ("question", None), ("other", None)],
)
def test_labels_say_whether_somebody_wants_to_go_on_talking(label: str, expected: bool | None):
    assert interest(ReplyLabel(label)) is expected


anything = st.text(st.characters(exclude_categories=()), max_size=200)
phrases = st.lists(st.sampled_from(["stop", "yes", ",", ".", "?", "not", "interested", "\n", "’", "don’t", "İ", "ẞ"]))


@settings(deadline=None)
@given(anything | phrases.map(" ".join))
def test_any_text_gets_a_label_and_its_words_are_in_it(text: str):
    found = classify(text)

    written = " ".join(text.replace("\x00", "").split())
    assert isinstance(found.label, ReplyLabel)
    assert all(words in written or any("\ud800" <= c <= "\udfff" for c in text) for words in found.words)


@pytest.mark.parametrize(
    "unit", ["stop ", "yes , ", "do not ", "already ", "I was sold ", "x?", "sorry , ", "no more "]
)
def test_time_grows_no_faster_than_the_text(unit: str):
    assert growth(classify, unit) < 4


def growth(work: object, unit: str) -> float:
    """How much longer twice the text takes: about 2 when linear, 4 when quadratic."""
    import time
    import timeit

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        return min(timeit.repeat(lambda: work(text), timer=time.process_time, number=1, repeat=3))  # pyright: ignore

    return seconds(16_000) / seconds(8_000)
