"""A wrong first name costs more than none: `Hello,` unless the record leaves no doubt."""

from __future__ import annotations

import csv
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import names
from orchestrator.domain.greeting import display_name, estate, greeting, name_format, of_record, resolve


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("SMITH, JOHN A", "Hello John,"),
        ("SMITH, JOHN", "Hello John,"),
        ("smith, john", "Hello John,"),
        ("Smith, John, Jr.", "Hello John,"),
        ("SMITH, JOHN A JR", "Hello John,"),
        ("O'BRIEN, PATRICK J", "Hello Patrick,"),
        ("LEE, GRACE", "Hello Grace,"),
        ("VAN DER BERG, THOMAS", "Hello Thomas,"),
        ("García, José", "Hello José,"),
        ("Sarah Jones", "Hello Sarah,"),
        ("Sarah A. Jones", "Hello Sarah,"),
        ("  Linda\tO’Neill ", "Hello Linda,"),
    ],
)
def test_a_given_name_is_used_when_the_record_leaves_no_doubt(owner: str, said: str) -> None:
    assert greeting(owner) == said


@pytest.mark.parametrize(
    "owner",
    [
        None, "", "   ", "\x00\n",
        "LEE BRUCE", "Lee Bruce", "James Thomas",
        "NGUYEN THI MAI", "NGUYEN, THI MAI", "PATEL RAJESH K", "VAN DER BERG HANS",
        "SMITH, J A", "J. A. Smith", "Smith", "Sarah", "Sarah J", "Sarah Jr", "SMITH, ", ", JOHN Q X Y",
        "SMITH JOHN ETUX", "SMITH, JOHN ET AL",
        "SMITH, JOHN JTRS", "SMITH, JOHN, MARY",
        "SMITH, MARY ANN", "Mary Kay",
        "Oak Tree LLC", "OAK TREE L.L.C.", "ACME, INC", "SMITH FAMILY REV TR", "SMITH, JOHN TRUSTEE", "SMITH, JOHN TR",
        "EST OF SMITH, JOHN", "ESTATE OF JOHN SMITH", "HEIRS OF SMITH, JOHN", "SMITH, JOHN L/E", "SMITH, JOHN C/O BANK",
        "CITY OF DAYTON", "Virginia Beach", "First Bank", "Carol Stream", "Crystal Lake",
        "FAITH LUTHERAN, GRACE", "Habitat Builders", "Owner Unknown", "UNITED STATES",
        "SMITH, JOHN 3RD 1/2 INT", "SMITH, JOHN2", "Sarah <b>", "Sarah Jones\r\nBcc: x@evil.test", "大卫 王",
    ],
)  # fmt: skip
def test_every_doubt_gives_a_plain_hello_with_a_reason(owner: str | None) -> None:
    resolved = resolve(owner)
    assert resolved.text == "Hello,"
    assert len(resolved.reason) > 15


def test_the_reason_names_what_was_seen() -> None:
    assert "organisation" in resolve("Oak Tree LLC").reason
    assert "more than one" in resolve("SMITH JOHN & PRIYA").reason
    assert "no owner name" in resolve(None).reason
    assert "“John” is the given name" in resolve("SMITH, JOHN A").reason
    assert "“John” and “Mary” are the given names" in resolve("SMITH JOHN & MARY").reason


def test_no_sure_given_name_is_also_a_surname_or_a_word_of_an_organisation() -> None:
    assert names.GIVEN.isdisjoint(names.GIVEN_OR_OTHER)
    assert (names.GIVEN | names.GIVEN_OR_OTHER).isdisjoint(names.NO_PERSON | names.SUFFIXES)
    assert names.SURNAMES.isdisjoint(names.GIVEN | names.GIVEN_OR_OTHER | names.PLACES | names.NO_PERSON)


_WRITTEN = list(csv.DictReader(Path("tests/fixtures/owner_names.csv").read_text(encoding="utf-8").splitlines()))


def judged(row: dict[str, str]) -> str:
    """Whether a name of the labelled set is greeted as a careful person would: right, declined or wrong."""
    said = greeting(row["name"], name_format(row["format"]))
    return "right" if said == row["greeting"] else "declined" if said == "Hello," else "wrong"


def test_no_name_of_the_labelled_set_is_greeted_wrongly_and_the_docs_publish_the_counts() -> None:
    kinds = Counter((row["kind"], judged(row)) for row in _WRITTEN)
    assert [row["name"] for row in _WRITTEN if judged(row) == "wrong"] == []
    assert len(_WRITTEN) >= 120
    rows = [
        f"| {kind} | {kinds[kind, 'right']} | {kinds[kind, 'declined']} | {kinds[kind, 'wrong']} |"
        for kind in dict.fromkeys(row["kind"] for row in _WRITTEN)
    ]
    total = Counter(map(judged, _WRITTEN))
    rows.append(
        f"| **{len(_WRITTEN)} names** | **{total['right']}** | **{total['declined']}** | **{total['wrong']}** |"
    )
    published = Path("docs/greeting.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in published] == []


@pytest.mark.parametrize(
    ("owner", "is_one"),
    [
        ("EST OF SMITH, JOHN", True), ("ESTATE OF JOHN SMITH", True), ("SMITH JOHN EST", True),
        ("SMITH J ESTATE", True),
        ("HEIRS OF MARY JONES", True), ("SMITH JOHN DEC'D", True), ("SMITH, JOHN (DECEASED)", True),
        ("JONES MARY EXECUTRIX", True), ("SMITH JOHN, PERSONAL REPRESENTATIVE", True),
        ("SMITH REAL ESTATE", False), ("ABC REAL ESTATE LLC", False), ("SMITH MARY LIFE ESTATE", False),
        ("SMITH MARY L/E", False), ("WILLOW ESTATES HOA", False), ("ESTATES OF WILLOW CREEK", False),
        ("ESTES JOHN", False), ("ESTHER SMITH", False), ("SMITH JOHN", False), ("", False), (None, False),
    ],
)  # fmt: skip
def test_estates_are_told_from_real_and_life_estates(owner: str | None, is_one: bool) -> None:
    reason = estate(owner)
    assert (reason is not None) is is_one
    assert reason is None or reason.startswith("estate: “")


@pytest.mark.parametrize("text", [",", " ,", "& ", "A ", "est ", "husband ", "(", "SMITH JOHN & ", "\u0301"])
def test_huge_names_are_read_at_once(text: str) -> None:
    began = time.perf_counter()
    assert resolve(text * 100_000).text == "Hello,"
    assert estate(text * 100_000) is None or "est" in text
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("record", [None, {}, {"owner": None}, {"owner": {"name_format": ["LF"]}}, {"owner": "LF"}])
def test_a_record_that_declares_nothing_is_read_without_an_order(record: dict[str, Any] | None) -> None:
    assert of_record("LEE BRUCE", record).text == "Hello,"
    assert of_record("LEE BRUCE", {"owner": {"name_format": " lf "}}).text == "Hello Bruce,"


@given(st.text(max_size=200))
def test_any_text_gives_one_clean_line(owner: str) -> None:
    said = greeting(owner)
    assert said.startswith("Hello")
    assert said.endswith(",")
    assert said.isprintable()
    assert len(said) < 60


@pytest.mark.parametrize(
    ("owner", "shown"),
    [
        ("SMITH JOHN A", "SMITH JOHN A"),
        ("SMITH, JOHN A", "SMITH JOHN A"),
        ('John "Jack" Smith; <x@y.test>', "John Jack Smith x y.test"),
        ("O'Brien\r\nBcc: a@evil.test", "O'Brien Bcc a evil.test"),
        ("\u202eSmith\x00 & Sons", "Smith & Sons"),
        ("García Muñoz", "García Muñoz"),
        (" , ; ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_display_name_holds_nothing_that_structures_a_header(owner: str | None, shown: str | None) -> None:
    assert display_name(owner) == shown


def test_a_long_display_name_is_cut_at_a_word() -> None:
    shown = display_name("Smith " * 60)
    assert shown is not None
    assert len(shown) <= 100
    assert shown.endswith("Smith…")
