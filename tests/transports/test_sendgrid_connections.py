"""How connections are used: kept, given up, limited and closed; and never one POST sent twice."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from pathlib import Path

import pytest

from orchestrator.domain.message import Accepted, NotSent, Outcome, Unknown
from orchestrator.transports.loop import SenderLoop
from orchestrator.transports.sendgrid import SendGridTransport, Timeouts
from tests.transports.raw_sendgrid import (
    Connection,
    RawSendGrid,
    Request,
    accept,
    answer,
    hang,
    mail,
    raw,
    self_signed,
    talk,
)

ACCEPTED = Accepted("PwZ0yMzuQveI1WVxL_eo1A")


def test_mails_one_after_the_other_share_one_connection() -> None:
    server = RawSendGrid([accept()])
    assert talk(server, posts=5) == [ACCEPTED] * 5
    assert len(server.connections) == 1


def test_mails_over_tls_share_one_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = tmp_path / "server.pem"
    server = RawSendGrid([accept()], tls=self_signed(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert talk(server, posts=5) == [ACCEPTED] * 5
    assert len(server.connections) == 1


def test_a_tls_connection_that_dies_under_a_post_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = tmp_path / "server.pem"
    server = RawSendGrid([accept(), raw(b"")], tls=self_signed(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    first, second = talk(server, posts=2)
    assert first == ACCEPTED
    assert isinstance(second, Unknown)
    assert len(server.requests) == 2


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert talk(RawSendGrid([accept()])) == [ACCEPTED]


def test_cookies_are_not_kept() -> None:
    server = RawSendGrid([answer(202, {"Set-Cookie": "id=1; Path=/"}), accept()])
    assert talk(server, posts=2) == [Accepted(None), ACCEPTED]
    assert "cookie" not in server.requests[1].headers


def test_an_error_answer_does_not_cost_the_connection() -> None:
    server = RawSendGrid([answer(400, body='{"errors":[]}'), answer(503), accept()])
    assert talk(server, posts=3)[2] == ACCEPTED
    assert len(server.connections) == 1


def test_a_connection_closed_between_two_mails_is_replaced() -> None:
    server = RawSendGrid([raw(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), accept()])
    assert talk(server, posts=2) == [Accepted(None), ACCEPTED]
    assert len(server.connections) == 2


def test_a_kept_connection_that_dies_under_a_post_is_unknown_and_not_tried_again() -> None:
    server = RawSendGrid([accept(), raw(b""), accept()])
    first, second = talk(server, posts=2)
    assert first == ACCEPTED
    assert isinstance(second, Unknown)
    assert len(server.requests) == 2, "the POST went out once"
    assert len(server.connections) == 1, "on the kept connection"


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_kept_connection_that_died_unnoticed_is_not_sent(how: str) -> None:
    """The event loop is kept busy while the other side hangs up, so that only the kernel knows of it."""
    hang_up, hung_up = threading.Event(), threading.Event()

    async def accept_then_hang_up(connection: Connection, request: Request) -> None:
        await accept()(connection, request)
        await connection.writer.drain()
        await asyncio.get_running_loop().run_in_executor(None, hang_up.wait)
        if how == "reset":
            connection.reset()
        else:
            connection.writer.close()
        # The transport closes its socket in the next turn of the loop.
        await asyncio.sleep(0.02)
        hung_up.set()

    server = RawSendGrid([accept_then_hang_up, accept()])
    served = SenderLoop()

    async def two_mails(url: str) -> list[Outcome]:
        transport = SendGridTransport("SG.k", url)
        try:
            first = await transport.post(mail())
            hang_up.set()
            hung_up.wait(30)  # on purpose without await: this loop must not see the hang-up
            return [first, await transport.post(mail()), await transport.post(mail())]
        finally:
            await transport.aclose()

    served.run(server.__aenter__())
    try:
        first, second, third = asyncio.run(two_mails(server.url))
    finally:
        served.run(server.__aexit__())
        served.close()
    assert first == ACCEPTED
    assert isinstance(second, NotSent)
    assert third == ACCEPTED
    assert len(server.requests) == 2


ANSWER = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: %s\r\nContent-Length: 0\r\n\r\n"


def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_mails() -> None:
    """aiohttp would hand it to the next request: a mail that never left would count as sent."""

    async def two_mails() -> list[Outcome]:
        idle, unasked = asyncio.Event(), asyncio.Event()

        async def answer_twice(connection: Connection, request: Request) -> None:
            connection.writer.write(ANSWER % b"first")
            await idle.wait()
            connection.writer.write(ANSWER % b"unasked")
            await connection.writer.drain()
            unasked.set()

        server.acts[0] = answer_twice
        async with server:
            transport = SendGridTransport("SG.secret-key", server.url)
            first = await transport.post(mail())
            idle.set()
            await unasked.wait()
            for _ in range(5):  # turns of the loop in which the bytes reach the idle connection
                await asyncio.sleep(0)
            later = [await transport.post(mail()), await transport.post(mail())]
            await transport.aclose()
            return [first, *later]

    server = RawSendGrid([accept(), accept()])
    first, second, third = asyncio.run(two_mails())
    assert first == Accepted("first")
    assert isinstance(second, NotSent)
    assert third == ACCEPTED
    assert len(server.requests) == 2, "the second mail never left"


def test_two_answers_at_once_cost_the_connection() -> None:
    double = raw(ANSWER % b"first" + ANSWER % b"unasked", then=lambda connection: None)
    server = RawSendGrid([double, accept()])
    assert talk(server, posts=2) == [Accepted("first"), ACCEPTED]
    assert len(server.connections) == 2


def test_two_hundred_mails_in_flight_go_out_together() -> None:
    server = RawSendGrid([accept(after=0.1)])

    async def all_at_once() -> tuple[list[Outcome], float]:
        async with server:
            transport = SendGridTransport("SG.k", server.url, connections=200)
            started = time.monotonic()
            outcomes = await asyncio.gather(*(transport.post(mail()) for _ in range(200)))
            took = time.monotonic() - started
            await transport.aclose()
            return outcomes, took

    outcomes, took = asyncio.run(all_at_once())
    assert outcomes == [ACCEPTED] * 200
    assert len(server.connections) == 200
    assert took < 10, "one by one it would be twenty seconds"


def test_no_more_connections_than_allowed_are_opened() -> None:
    server = RawSendGrid([accept(after=0.01)])

    async def many() -> list[Outcome]:
        async with server:
            transport = SendGridTransport("SG.k", server.url, connections=3)
            outcomes = await asyncio.gather(*(transport.post(mail()) for _ in range(12)))
            await transport.aclose()
            return outcomes

    assert asyncio.run(many()) == [ACCEPTED] * 12
    assert len(server.connections) == 3


def test_a_mail_that_waits_too_long_for_a_free_connection_is_not_sent() -> None:
    server = RawSendGrid([hang])

    async def two_for_one_connection() -> list[Outcome]:
        async with server:
            limits = Timeouts(connect=0.5, read=2.0, total=3.0)
            transport = SendGridTransport("SG.k", server.url, connections=1, timeouts=limits)
            outcomes = await asyncio.gather(transport.post(mail()), transport.post(mail()))
            await transport.aclose()
            return outcomes

    first, second = asyncio.run(two_for_one_connection())
    assert isinstance(first, Unknown)
    assert isinstance(second, NotSent)
    assert len(server.requests) == 1


@pytest.mark.parametrize("limits", [Timeouts(connect=5, read=0.2, total=30), Timeouts(connect=5, read=30, total=0.2)])
def test_time_outs_end_a_silent_exchange_in_time(limits: Timeouts) -> None:
    started = time.monotonic()
    [outcome] = talk(RawSendGrid([hang]), timeouts=limits)
    assert isinstance(outcome, Unknown)
    assert "imeout" in outcome.reason
    assert time.monotonic() - started < 20


def test_cancelling_a_post_cancels_it() -> None:
    server = RawSendGrid([hang])

    async def cancel() -> bool:
        async with server:
            transport = SendGridTransport("SG.k", server.url)
            post = asyncio.create_task(transport.post(mail()))
            while not server.requests:
                await asyncio.sleep(0)
            post.cancel()
            try:
                await post
            except asyncio.CancelledError:
                return True
            finally:
                await transport.aclose()
        return False

    assert asyncio.run(cancel())


def test_a_closed_transport_can_be_used_again() -> None:
    server = RawSendGrid([accept()])

    async def close_between() -> list[Outcome]:
        async with server:
            transport = SendGridTransport("SG.k", server.url)
            outcomes = []
            for _ in range(2):
                outcomes.append(await transport.post(mail()))
                await transport.aclose()
                await transport.aclose()
            return outcomes

    assert asyncio.run(close_between()) == [ACCEPTED, ACCEPTED]
    assert len(server.connections) == 2


def test_one_transport_serves_several_event_loops_in_turn() -> None:
    transport = SendGridTransport("SG.k", "http://127.0.0.1:1")

    async def once() -> Outcome:
        outcome = await transport.post(mail())
        await transport.aclose()
        return outcome

    assert isinstance(asyncio.run(once()), NotSent)
    assert isinstance(asyncio.run(once()), NotSent)
    gc.collect()  # a session left open would warn here, and warnings are errors


@pytest.mark.parametrize("connected_before", [False, True])
def test_a_process_that_stood_still_while_it_connected_writes_nothing(connected_before: bool) -> None:
    """As after SIGSTOP between the last look at the clock and the write."""
    server = RawSendGrid([accept()])
    times = [0.0]

    async def conversation() -> tuple[Outcome, Outcome]:
        async with server:
            transport = SendGridTransport("SG.key", server.url, monotonic=lambda: times[0])
            if connected_before:
                assert await transport.post(mail(), deadline=10.0) == ACCEPTED
            post = asyncio.create_task(transport.post(mail(), deadline=10.0))
            if not connected_before:
                await asyncio.sleep(0)  # it has begun, and waits for its connection; a kept one is written to at once
            times[0] = 11.0
            late = await post
            times[0] = 9.0
            in_time = await transport.post(mail(), deadline=10.0)
            await transport.aclose()
            return late, in_time

    late, in_time = asyncio.run(conversation())
    assert isinstance(late, NotSent)
    assert "stood still" in late.reason
    assert in_time == ACCEPTED
    assert len(server.requests) == 1 + connected_before
