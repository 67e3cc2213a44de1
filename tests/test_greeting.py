"""A wrong first name costs more than none: `Hello,` unless the record leaves no doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import names
from orchestrator.domain.greeting import display_name, greeting, resolve


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
        "SMITH JOHN A", "SMITH JOHN", "SARAH JONES", "sarah jones", "LEE BRUCE", "Lee Bruce", "James Thomas",
        "NGUYEN THI MAI", "NGUYEN, THI MAI", "PATEL RAJESH K", "VAN DER BERG HANS", "Jones Sarah", "Jones Sarah A",
        "SMITH, J A", "J. A. Smith", "Smith", "Sarah", "Sarah J", "Sarah Jr", "SMITH, ", ", JOHN Q X Y",
        "SMITH JOHN & MARY", "SMITH, JOHN & MARY", "John and Mary Smith", "SMITH JOHN ETUX", "SMITH, JOHN ET AL",
        "SMITH, JOHN; SMITH, MARY", "SMITH, JOHN / JONES, MARY", "SMITH, JOHN JTRS", "SMITH, JOHN, MARY",
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
    assert "more than one" in resolve("SMITH JOHN & MARY").reason
    assert "no owner name" in resolve(None).reason
    assert "“John” is the given name" in resolve("SMITH, JOHN A").reason


def test_no_sure_given_name_is_also_a_surname_or_a_word_of_an_organisation() -> None:
    assert names.GIVEN.isdisjoint(names.GIVEN_OR_OTHER)
    assert (names.GIVEN | names.GIVEN_OR_OTHER).isdisjoint(names.NO_PERSON | names.SUFFIXES)


@given(st.text(max_size=200))
def test_any_text_gives_one_clean_line(owner: str) -> None:
    said = greeting(owner)
    assert said.startswith("Hello")
    assert said.endswith(",")
    assert said.isprintable()
    assert len(said) < 40


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
