"""What somebody types to find campaigns, and what is understood of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import search
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.search import Search

ID = "0198a4c2-7c1e-7d3a-9f5b-2c4d6e8f0a1b"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", Search()),
        ("maple street", Search(words=("maple", "street"))),
        ('"maple street"', Search(words=("maple street",))),
        ("status:bounced", Search(status=OutreachStatus.BOUNCED)),
        ("status:BOUNCED batch:spring", Search(status=OutreachStatus.BOUNCED, batch="spring")),
        ('batch:"Dayton singles" o\'hara', Search(batch="Dayton singles", words=("o'hara",))),
        ("owner:Ann@Example.com", Search(owner="ann@example.com")),
        ("owner:@gmail.com", Search(owner="@gmail.com")),
        ("is:held is:held is:doubt", Search(conditions=("held", "doubt"))),
        (f"id:{ID}", Search(campaign_id=ID)),
        (ID.upper(), Search(campaign_id=ID)),
        ("Status:Sent IS:Clicked", Search(status=OutreachStatus.SENT, conditions=("clicked",))),
        ('batch:"the ""big"" one"', Search(batch='the "big" one')),
        ("batch:" + search.quoted('a "b" status:sent') + " x", Search(batch='a "b" status:sent', words=("x",))),
        ('""', Search()),
        ("state:tx status:bounced", Search(state="TX", status=OutreachStatus.BOUNCED)),
    ],
)
def test_what_is_typed_means(typed: str, meant: Search) -> None:
    assert search.parse(typed) == meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("color:red", "“color:” is not known here"),
        ("status:angry", "No campaign is ever “angry”"),
        ("owner:ann", "“ann” is no address"),
        ("is:nice", "is:nice is not known"),
        ("id:7", "“7” is no campaign id"),
        ("a b c d e f g", "Only the first 6 words"),
        ("batch:a batch:b", "batch: can be said once"),
        ('batch:""', "Name the batch"),
    ],
)
def test_what_cannot_be_used_is_said_and_left_out(typed: str, said: str) -> None:
    found = search.parse(f"{typed} status:sent")
    assert [said in problem for problem in found.problems] == [True]
    assert found.status is OutreachStatus.SENT


def test_what_is_too_long_is_cut_and_said() -> None:
    assert search.parse("x" * 500).problems == ("Only the first 400 characters are read.",)


@given(st.text(max_size=600))
def test_nothing_that_is_typed_raises(typed: str) -> None:
    found = search.parse(typed)
    assert len(found.words) <= search.MOST_WORDS
    assert "\x00" not in "".join(found.words)
