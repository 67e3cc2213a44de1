"""Signed tokens: what goes in comes out, and nothing else ever does."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.tokens import LOCAL_PART_ALPHABET, Signer

SIGNER = Signer(["the key of these tests"])
TEXT = st.text(max_size=60)
PARTS = st.lists(TEXT | st.uuids().map(str), max_size=4)
IDS = st.lists(st.uuids().map(str), min_size=1, max_size=2)
URL_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


@settings(deadline=None)
@given(TEXT, PARTS)
def test_parts_come_back_as_they_were(purpose: str, parts: list[str]) -> None:
    token = SIGNER.sign(purpose, parts)
    assert SIGNER.verify(purpose, token) == tuple(parts)
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token), "safe in a URL without escaping"


@settings(deadline=None)
@given(IDS)
def test_ids_come_back_from_a_local_part_in_any_case(ids: list[str]) -> None:
    local_part = SIGNER.sign_local_part("reply", ids)
    for seen in (local_part, local_part.upper(), local_part.title()):
        assert SIGNER.verify_local_part("reply", seen) == tuple(ids)


@settings(deadline=None, max_examples=300)
@given(PARTS, st.data())
def test_a_token_with_one_other_character_is_refused_or_says_the_same(parts: list[str], data: st.DataObject) -> None:
    token = SIGNER.sign("unsubscribe", parts)
    changed = changed_at_one_place(token, URL_CHARACTERS, data)
    try:
        assert SIGNER.verify("unsubscribe", changed) == tuple(parts)
    except errors.TokenError:
        pass
    else:
        # Base 64 leaves two bits of the signature's last character unused; nothing else may differ.
        assert changed[:-1] == token[:-1]


@settings(deadline=None, max_examples=300)
@given(IDS, st.data())
def test_a_local_part_with_one_other_character_is_refused(ids: list[str], data: st.DataObject) -> None:
    changed = changed_at_one_place(SIGNER.sign_local_part("reply", ids), LOCAL_PART_ALPHABET, data)
    with pytest.raises(errors.TokenError):
        SIGNER.verify_local_part("reply", changed)


def changed_at_one_place(token: str, alphabet: str, data: st.DataObject) -> str:
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(alphabet).filter(lambda char: char != token[at]))
    return token[:at] + other + token[at + 1 :]


def test_every_single_change_of_one_local_part_is_refused() -> None:
    token = SIGNER.sign_local_part("reply", [new_id(), str(uuid4())])
    for at, now in enumerate(token):
        for other in set(LOCAL_PART_ALPHABET) - {now}:
            with pytest.raises(errors.TokenError):
                SIGNER.verify_local_part("reply", token[:at] + other + token[at + 1 :])


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_refused_without_another_error(text: str) -> None:
    with pytest.raises(errors.TokenError):
        SIGNER.verify("unsubscribe", text)
    with pytest.raises(errors.TokenError):
        SIGNER.verify_local_part("reply", text)


@pytest.mark.parametrize(
    "text", ["", ".", "a.b", "é", "\ud800", "x" * 64, "0" * 40, "+" * 64, "K" * 64, "a." * 500_000, "\u212a" * 40]
)
def test_odd_texts_are_refused(text: str) -> None:
    with pytest.raises(errors.TokenError):
        SIGNER.verify("unsubscribe", text)
    with pytest.raises(errors.TokenError):
        SIGNER.verify_local_part("reply", text)


def test_a_token_of_another_purpose_is_refused() -> None:
    with pytest.raises(errors.TokenError, match="not made by us"):
        SIGNER.verify("resubscribe", SIGNER.sign("unsubscribe", ["a"]))
    with pytest.raises(errors.TokenError, match="not made by us"):
        SIGNER.verify_local_part("unsubscribe", SIGNER.sign_local_part("reply", [new_id()]))


def test_a_token_of_another_key_is_refused() -> None:
    stranger = Signer(["somebody else's key"])
    with pytest.raises(errors.TokenError):
        SIGNER.verify("unsubscribe", stranger.sign("unsubscribe", ["a"]))
    with pytest.raises(errors.TokenError):
        SIGNER.verify_local_part("reply", stranger.sign_local_part("reply", [new_id()]))


def test_the_first_key_signs_and_all_keys_verify() -> None:
    one = new_id()
    old, rotated, new = Signer(["old"]), Signer(["new", "old"]), Signer(["new"])
    assert rotated.verify("u", old.sign("u", ["a"])) == ("a",)
    assert new.verify("u", rotated.sign("u", ["a"])) == ("a",)
    assert rotated.verify_local_part("r", old.sign_local_part("r", [one])) == (one,)
    assert new.verify_local_part("r", rotated.sign_local_part("r", [one])) == (one,)
    with pytest.raises(errors.TokenError):
        new.verify("u", old.sign("u", ["a"]))


def test_a_link_from_an_old_mail_still_works() -> None:
    """Written by the first release: an opt-out link must work for as long as the mail exists."""
    parts = ("0190f3a0-0000-7000-8000-00000000beef", "0190f3a0-0000-7000-8000-000000000001", "plain text")
    token = "_wGQ86AAAHAAgAAAAAAAvu__AZDzoAAAcACAAAAAAAAAAQpwbGFpbiB0ZXh0.j46d4NXT6VB-fuiffUMlPu4uw6ApZea3YOfpTkHsg1I"
    assert SIGNER.verify("unsubscribe", token) == parts
    assert SIGNER.sign("unsubscribe", parts) == token


def test_tokens_are_the_same_every_time_so_that_links_can_be_compared() -> None:
    assert SIGNER.sign("u", ["a", "b"]) == Signer(["the key of these tests"]).sign("u", ["a", "b"])


def test_parts_are_told_apart_by_more_than_their_letters() -> None:
    tokens = {SIGNER.sign("u", parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"])}
    assert len(tokens) == 5


def test_two_ids_make_a_short_token() -> None:
    assert len(SIGNER.sign("unsubscribe", [new_id(), new_id()])) == 90


@pytest.mark.parametrize(("count", "length"), [(1, 40), (2, 64)])
def test_a_local_part_fits_into_an_address(count: int, length: int) -> None:
    """RFC 5321 §4.5.3.1.1 allows 64 octets; the largest ids show that nothing spills over."""
    for one in (str(UUID(int=2**128 - 1)), str(UUID(int=0)), new_id()):
        local_part = SIGNER.sign_local_part("reply", [one] * count)
        assert len(local_part) == length
        assert re.fullmatch(r"[0-9][0-9a-z_+-]*", local_part), "legal unquoted, starting with a digit"
        assert SIGNER.verify_local_part("reply", local_part) == (one,) * count


def test_ids_of_a_local_part_may_be_written_in_any_form() -> None:
    one = uuid4()
    assert SIGNER.verify_local_part("r", SIGNER.sign_local_part("r", [f"{{{str(one).upper()}}}"])) == (str(one),)


@pytest.mark.parametrize("ids", [[], ["x"], [new_id()] * 3])
def test_only_one_or_two_uuids_fit_into_a_local_part(ids: list[str]) -> None:
    with pytest.raises(errors.ValidationError, match="ids"):
        SIGNER.sign_local_part("reply", ids)


def test_a_part_that_is_too_long_is_refused() -> None:
    assert SIGNER.verify("u", SIGNER.sign("u", ["x" * 254])) == ("x" * 254,)
    with pytest.raises(errors.ValidationError, match="254 bytes"):
        SIGNER.sign("u", ["x" * 255])


def test_a_token_that_would_not_be_read_again_is_not_made() -> None:
    with pytest.raises(errors.ValidationError, match="2048 characters"):
        SIGNER.sign("u", ["x" * 254] * 6)


@pytest.mark.parametrize("keys", [[], [""], ["good", ""], "one string"])
def test_a_signer_without_a_proper_key_is_refused(keys: list[str]) -> None:
    with pytest.raises(errors.ConfigurationError) as raised:
        Signer(keys)
    assert "OUTREACH_SECRET_KEY" in (raised.value.fix or "")


def test_the_keys_show_nowhere() -> None:
    assert "the key of these tests" not in f"{SIGNER!r} {vars(errors)}"
    assert "the key of these tests" not in SIGNER.sign("u", ["a"])
