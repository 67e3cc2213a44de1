"""The transport for tests behaves as tests expect."""

from __future__ import annotations

import asyncio

from orchestrator.domain.message import Accepted, NotSent, Outcome
from orchestrator.transports.base import Transport
from orchestrator.transports.fake import FakeTransport
from tests.transports.raw_sendgrid import mail


def post(transport: Transport, subject: str) -> Outcome:
    return asyncio.run(transport.post(mail(subject=subject)))


def test_by_default_every_mail_is_accepted_and_kept() -> None:
    transport = FakeTransport()
    outcomes = [post(transport, "one"), post(transport, "two")]
    assert all(isinstance(outcome, Accepted) and outcome.message_id for outcome in outcomes)
    assert [sent.subject for sent in transport.sent] == ["one", "two"]


def test_a_handler_decides_mail_by_mail() -> None:
    transport = FakeTransport(lambda sent: NotSent("busy") if sent.subject == "two" else Accepted(sent.subject))
    assert [post(transport, "one"), post(transport, "two")] == [Accepted("one"), NotSent("busy")]
    assert len(transport.sent) == 2
    asyncio.run(transport.aclose())
