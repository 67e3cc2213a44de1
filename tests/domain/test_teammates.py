"""Who may get test mails: one's own people, and nobody by mistake."""

from __future__ import annotations

import pytest

from orchestrator.domain import teammates


@pytest.mark.parametrize(
    ("own", "sandbox", "included", "others"),
    [
        (["ann@acme.com"], True, ["Bob@Acme.com", "x@owners.test", "y@a.example.org"], ["x@b.com", "x@badexample.com"]),
        (["Ann@Acme.com", None], False, ["bob@acme.com "], ["x@mail.acme.com", "x@owners.test", "acme.com", ""]),
        (["ann@acme.com", "me@home.com"], False, ["me@home.com"], ["you@home.com"]),
        (["us@gmail.com", None], False, ["US@gmail.com"], ["them@gmail.com", "them@"]),
        ([None, None], False, [], ["", "@", "x@y.com"]),
    ],
)
def test_without_a_list_ones_own_addresses_and_the_senders_domain_count(
    own: list[str | None], sandbox: bool, included: list[str], others: list[str]
):
    team = teammates.usual(own, sandbox=sandbox)
    assert [one for one in included if not team.include(one)] == []
    assert [one for one in others if team.include(one)] == []


def test_a_list_is_all_there_is():
    team = teammates.listed(" Ann@home.com,, @team.org ,@owners.test")
    assert all(map(team.include, ["ann@Home.com", "bob@TEAM.org", "x@owners.test"]))
    assert not any(map(team.include, ["bob@home.com", "x@sub.team.org", "x@other.test"]))
    assert team.told() == "ann@home.com, any address @owners.test, any address @team.org"


@pytest.mark.parametrize(
    "wrong", ["@gmail.com", "@mail.gmail.com", "@com", "ann", "a@b@c.com", "@a b.com", "a@b.com,@"]
)
def test_a_list_that_lets_strangers_in_is_refused(wrong: str):
    with pytest.raises(teammates.NotATeam):
        teammates.listed(wrong)
