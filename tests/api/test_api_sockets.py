"""What only raw bytes on a socket can show."""

from __future__ import annotations

import socket
from contextlib import suppress

from structlog.testing import capture_logs

from tests.api.live_service import WEBHOOK, Service

CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"  # 64 KiB
HEAD = f"POST {WEBHOOK} HTTP/1.1\r\nHost: example.test\r\nContent-Type: application/json\r\n".encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def read_to_the_end(connection: socket.socket) -> bytes:
    """Everything until the peer closes in order; a reset raises."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def test_a_chunked_body_of_two_megabytes_gets_its_413_and_a_clean_close(service: Service):
    with service.connect() as connection:
        connection.sendall(CHUNKED + CHUNK * 32 + b"0\r\n\r\n")
        answer = read_to_the_end(connection)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()
    assert answer.endswith(b"}")
    assert b"larger than 1048576 bytes" in answer
    assert service.core.stored == set()


def test_a_body_one_byte_too_long_closes_without_waiting_for_more(service: Service):
    with service.connect() as connection:
        connection.settimeout(2)
        connection.sendall(CHUNKED + CHUNK * 16 + b"1\r\nx\r\n0\r\n\r\n")

        assert read_to_the_end(connection).startswith(b"HTTP/1.1 413 ")


def test_an_endless_body_is_answered_as_soon_as_it_is_too_long(service: Service):
    with service.connect() as connection:
        connection.sendall(CHUNKED + CHUNK * 17)  # and no end
        first = connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)

        assert first.startswith(b"HTTP/1.1 413 ")
        assert b"larger than 1048576 bytes" in first + read_to_the_end(connection)


def test_a_sender_that_never_stops_is_cut_off(service: Service):
    sent = 0
    with service.connect() as connection:
        connection.sendall(CHUNKED)
        with suppress(ConnectionError):
            while sent < 1000:
                connection.sendall(CHUNK)
                sent += 1

    assert 16 < sent < 1000


def test_an_announced_length_beyond_the_limit_is_refused_before_a_byte_of_it_was_sent(service: Service):
    with service.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 2097152\r\n\r\n")
        answer = connection.recv(65536)

        assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_first_is_told_413_instead_of_continue(service: Service):
    with service.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 2097152\r\nExpect: 100-continue\r\n\r\n")
        answer = connection.recv(65536)

        assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_sender_that_hangs_up_half_way_disturbs_nobody(service: Service):
    with capture_logs() as lines:
        with service.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n[{")
        answer = service.post_signed(b"[]")

    assert answer.status == 200
    assert [line["action"] for line in lines] == ["webhook_stored"]


def test_a_connection_is_kept_alive_between_batches(service: Service):
    with service.keep_alive() as request:
        answers = [request("POST", WEBHOOK, b"[]\r\n", service.core.sign(b"[]\r\n")) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]


def test_a_refused_signature_leaves_the_connection_usable(service: Service):
    with service.keep_alive() as request:
        answers = [request("POST", WEBHOOK, b"[]", {}), request("POST", WEBHOOK, b"[]", service.core.sign(b"[]"))]

    assert [answer.status for answer in answers] == [401, 200]


def test_a_chunked_batch_is_taken(service: Service):
    body = iter([b'[{"event":"open"},', b"\r\n", b'{"event":"click"}]\r\n'])
    signed = service.core.sign(b'[{"event":"open"},\r\n{"event":"click"}]\r\n')
    with service.keep_alive() as request:
        answer = request("POST", WEBHOOK, body, signed)

    assert (answer.status, answer.json["received"]) == (200, 2)
