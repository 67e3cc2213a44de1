"""Every answer and every way of getting none, over real sockets: which of the four outcomes comes out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.message import Accepted, NotSent, Outcome, Rejected, Unknown
from orchestrator.transports.sendgrid import Timeouts
from tests.transports.raw_sendgrid import Act, RawSendGrid, accept, answer, hang, raw, reset, self_signed, talk

NOW = 1_790_000_000.0
IMPATIENT = Timeouts(connect=0.2, read=0.2, total=0.4)


def errors_body(*found: tuple[str, str | None]) -> str:
    return json.dumps({"errors": [{"message": message, "field": field, "help": None} for message, field in found]})


def one(server: RawSendGrid, **options: Any) -> Outcome:
    [outcome] = talk(server, wall=lambda: NOW, **options)
    return outcome


def test_202_is_accepted_with_its_message_id() -> None:
    assert one(RawSendGrid([accept("lWs8clL7ROi0sI23-UdJ-w")])) == Accepted("lWs8clL7ROi0sI23-UdJ-w")


def test_202_without_message_id_is_accepted_too() -> None:
    assert one(RawSendGrid([answer(202)])) == Accepted(None)


def test_202_whose_body_is_cut_short_is_accepted() -> None:
    cut = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: abc\r\nContent-Length: 10\r\n\r\n123"
    assert one(RawSendGrid([raw(cut)])) == Accepted("abc")


def test_200_is_accepted_in_validation_mode_only() -> None:
    assert one(RawSendGrid([answer(200)]), sandbox_mode=True) == Accepted(None)
    assert one(RawSendGrid([answer(200, {"X-Message-Id": "v1"})]), sandbox_mode=True) == Accepted("v1")
    assert isinstance(one(RawSendGrid([answer(200)])), Unknown)


@pytest.mark.parametrize("status", [201, 204, 206, 303, 304, 408, 500, 501, 502, 504, 505, 520, 599])
def test_an_answer_that_may_come_after_the_mail_was_queued_is_unknown(status: int) -> None:
    outcome = one(RawSendGrid([answer(status)]))
    assert isinstance(outcome, Unknown)
    assert outcome.status == status


def test_the_words_of_a_gateway_are_kept_in_the_reason() -> None:
    outcome = one(RawSendGrid([answer(502, body="<html>\n<h1>Bad Gateway</h1>")]))
    assert outcome == Unknown(
        "SendGrid answered 502: not SendGrid's usual JSON: '<html> <h1>Bad Gateway</h1>'.", status=502
    )


@pytest.mark.parametrize("status", [400, 402, 404, 405, 406, 409, 413, 415, 422, 431])
def test_a_refused_request_is_rejected(status: int) -> None:
    assert one(RawSendGrid([answer(status, body=errors_body(("No.", None)))])) == Rejected(
        f"SendGrid answered {status}: No.", status=status
    )


def test_a_rejection_names_every_error_with_its_field() -> None:
    body = errors_body(
        ("Does not contain a valid address.", "personalizations.0.to.0.email"),
        ("The content value must be a string at least one character in length.", "content.0.value"),
        ("Bad Request", None),
        ("Also bad", "null"),
    )
    assert one(RawSendGrid([answer(400, body=body)])) == Rejected(
        "SendGrid answered 400: personalizations.0.to.0.email: Does not contain a valid address.; "
        "content.0.value: The content value must be a string at least one character in length.; "
        "Bad Request; Also bad",
        status=400,
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no error message."),
        (b"\xff\xfe", "not SendGrid's usual JSON: '\ufffd\ufffd'."),
        (b"[]", "not SendGrid's usual JSON: '[]'."),
        (b"null", "not SendGrid's usual JSON: 'null'."),
        (b'{"errors": 7}', "not SendGrid's usual JSON: '{\"errors\": 7}'."),
        (b'{"errors": []}', "no error message."),
        (b'{"errors": ["plain words"]}', "plain words"),
    ],
)
def test_a_body_of_another_shape_is_reported_not_raised(body: bytes, words: str) -> None:
    assert one(RawSendGrid([answer(400, body=body)])) == Rejected(f"SendGrid answered 400: {words}", status=400)


def test_an_endless_error_body_is_not_read_to_its_end() -> None:
    outcome = one(RawSendGrid([answer(400, body=b"x" * 1_000_000)]))
    assert isinstance(outcome, Rejected)
    assert len(outcome.reason) < 400


def test_an_error_body_that_never_ends_still_tells_by_its_status() -> None:
    half = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{"
    outcome = one(RawSendGrid([raw(half, then=lambda connection: None)]), timeouts=IMPATIENT)
    assert outcome == Rejected("SendGrid answered 400: no error message.", status=400)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True)}, 90.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "99999999999"}, 86400.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"X-RateLimit-Reset": str(int(NOW) + 12)}, 12.0),
        ({"X-RateLimit-Reset": str(int(NOW) - 12)}, 0.0),
        ({"X-RateLimit-Reset": "later"}, None),
        ({"Retry-After": "3", "X-RateLimit-Reset": str(int(NOW) + 12)}, 3.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": str(int(NOW) + 12)}, 12.0),
    ],
)
def test_too_busy_is_not_sent_and_says_when_to_come_back(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    outcome = one(RawSendGrid([answer(status, headers, errors_body(("too many requests", None)))]))
    assert outcome == NotSent(f"SendGrid answered {status}: too many requests", retry_after=seconds, status=status)


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (401, "The provided authorization grant is invalid, expired, or revoked", "Check SENDGRID_API_KEY"),
        (401, "Maximum credits exceeded", "sending credits are used up"),
        (403, "The from address does not match a verified Sender Identity.", "Verify the from address"),
        (403, "access forbidden", "Mail Send permission"),
    ],
)
def test_a_refused_account_is_not_sent_with_advice(status: int, message: str, advice: str) -> None:
    outcome = one(RawSendGrid([answer(status, body=errors_body((message, None)))]))
    assert isinstance(outcome, NotSent)
    assert (outcome.account, outcome.status) == (True, status)
    told, _, advised = outcome.reason.partition(". ")
    assert told == f"SendGrid answered {status}: {message.rstrip('.')}"
    assert advice in advised


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_pauses_the_account(status: int) -> None:
    server = RawSendGrid([answer(status, {"Location": "/elsewhere"})])
    outcome = one(server)
    assert isinstance(outcome, NotSent)
    assert outcome.account
    assert "OUTREACH_SENDGRID_URL" in outcome.reason
    assert len(server.requests) == 1


def test_a_key_that_the_other_side_echoes_stays_out_of_the_reason() -> None:
    outcome = one(RawSendGrid([answer(400, body="Bearer SG.secret-key is odd")]))
    assert isinstance(outcome, Rejected)
    assert "SG.secret-key" not in outcome.reason
    assert "[API key]" in outcome.reason


# -- no answer, and nothing was written


def assert_not_written(outcome: Outcome) -> None:
    assert isinstance(outcome, NotSent)
    assert outcome.reason.startswith("The request was not written (")
    assert (outcome.account, outcome.status, outcome.retry_after) == (False, None, None)


def test_a_refused_connection_is_not_sent() -> None:
    assert_not_written(one(RawSendGrid([]), address="127.0.0.1:1"))


def test_an_unknown_host_is_not_sent() -> None:
    assert_not_written(one(RawSendGrid([]), address="sendgrid.invalid", timeouts=IMPATIENT))


def test_a_certificate_nobody_vouches_for_is_not_sent(tmp_path: Path) -> None:
    server = RawSendGrid([accept()], tls=self_signed(tmp_path / "server.pem"))
    outcome = one(server)
    assert_not_written(outcome)
    assert isinstance(outcome, NotSent)
    assert "certificate" in outcome.reason.lower()
    assert server.requests == []


def test_a_tls_handshake_that_never_ends_is_not_sent() -> None:
    server = RawSendGrid([accept()])  # speaks no TLS: it takes the handshake for the start of a request and waits
    outcome = one(server, scheme="https", timeouts=IMPATIENT)
    assert_not_written(outcome)
    assert len(server.connections) == 1


# -- no answer, and something may have been read


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(reset, id="reset after the body"),
        pytest.param(raw(b""), id="end of stream after the body"),
        pytest.param(hang, id="silence after the body"),
        pytest.param(raw(b"HTTP/1.1 20"), id="half a status line"),
        pytest.param(raw(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: a"), id="half a head"),
        pytest.param(raw(b"HTTP/1.1 202 Accepted\r\nX-Mess", then=lambda c: c.reset()), id="reset within the head"),
        pytest.param(raw(b"220 mail.example ESMTP\r\n"), id="another protocol"),
        pytest.param(raw(b"HTTP/1.1 100 Continue\r\n\r\n"), id="only an interim answer"),
    ],
)
def test_a_lost_answer_is_unknown_and_the_request_is_never_repeated(act: Act) -> None:
    server = RawSendGrid([act])
    outcome = one(server, timeouts=IMPATIENT)
    assert isinstance(outcome, Unknown)
    assert outcome.reason.startswith("The answer was lost after the request was written (")
    assert outcome.reason.isprintable()
    assert len(server.requests) == 1


def test_a_connection_reset_before_the_body_was_read_is_never_taken_for_accepted() -> None:
    server = RawSendGrid([accept()], on_connect=lambda connection: connection.reset())
    outcome = one(server, timeouts=IMPATIENT)
    assert isinstance(outcome, NotSent | Unknown)
    assert server.requests == []
