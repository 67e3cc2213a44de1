"""The sandbox remembers how its webhook answered, and gives mails out as SendGrid sends them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.sandbox import Message
from tests.sandbox.bench import Bench, Receiver, mail


def _accepted(started: Bench, **changes: object) -> Message:
    assert started.client.send(mail("delivered@owners.test", **changes)).status == 202
    message = started.sandbox.wait_for_message(timeout=30)
    assert message is not None
    return message


def test_an_event_knows_every_attempt_to_bring_it(bench: Callable[..., Bench], receiver: Receiver):
    receiver.answers += [503]
    started = bench(shards=1)
    message = _accepted(started)
    assert started.sandbox.settle(60)["settled"]
    event = message.events[0]["sg_event_id"]
    attempts = started.sandbox.posts(event)
    assert [(one.answer, one.accepted, one.attempt) for one in attempts] == [
        ("HTTP 503", False, 0),
        ("HTTP 200", True, 1),
    ]
    assert all(one.seconds > 0 and one.events >= 1 for one in attempts)
    started.sandbox.clear()
    assert started.sandbox.posts(event) == []


def test_the_first_attempt_can_be_waited_for(bench: Callable[..., Bench]):
    started = bench()
    message = _accepted(started)
    assert started.sandbox.settle(60)["settled"]
    (event,) = started.sandbox.act(message.id, "open")
    assert started.sandbox.wait_until_posted([event["sg_event_id"]], 5)
    assert started.sandbox.posts(event["sg_event_id"])[-1].accepted
    assert not started.sandbox.wait_until_posted(["never happened"], 0.01)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="https://a.test/?x=1&amp;y=2">A</a>', '<a href="/0">A</a>'),
        ("<a class=x href='https://a.test' id=y>A</a>", '<a class=x href="/0" id=y>A</a>'),
        (
            '<a href="https://u.test" clicktracking="off">U</a><a href="https://b.test">B</a>',
            '<a href="https://u.test" clicktracking="off">U</a><a href="/1">B</a>',
        ),
        ('<a href="mailto:a@b.test">M</a><a name="x">N</a>', '<a href="mailto:a@b.test">M</a><a name="x">N</a>'),
    ],
)
def test_tracked_links_are_rewritten_and_nothing_else(bench: Callable[..., Bench], html: str, expected: str):
    message = _accepted(bench(), content=[{"type": "text/html", "value": html}])
    assert message.rewritten(lambda link: f"/{link.index}") == expected


def test_a_mail_without_html_has_nothing_to_rewrite(bench: Callable[..., Bench]):
    message = _accepted(bench(), content=[{"type": "text/plain", "value": "https://a.test"}])
    assert message.rewritten(lambda link: link.url) is None
