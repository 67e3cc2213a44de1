"""``POST /webhooks/sendgrid`` over a real socket: what is taken, what is refused, and how the refusal reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator import errors
from orchestrator.webhooks.signature import TIMESTAMP_HEADER, Verifier
from tests.api.live_service import WEBHOOK, MemoryCore, Service

FIXTURES = Path(__file__).parent.parent / "fixtures" / "sendgrid"
DELIVERED = (FIXTURES / "delivered.json").read_bytes()
LIMIT = 1024 * 1024


def problem(answer) -> dict:
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json
    assert body["status"] == answer.status
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


def test_a_signed_batch_is_stored_and_counted(service: Service):
    answer = service.post_signed(DELIVERED)

    assert (answer.status, answer.json) == (200, {"received": 1, "new": 1, "duplicate": 0, "unknown": 0})
    assert len(service.core.stored) == 1


def test_a_redelivered_batch_is_answered_200_and_counted_as_duplicate(service: Service):
    service.post_signed(DELIVERED)
    answer = service.post_signed(DELIVERED)

    assert (answer.status, answer.json) == (200, {"received": 1, "new": 0, "duplicate": 1, "unknown": 0})


def test_an_unknown_event_is_answered_200_so_that_nobody_retries_it(service: Service):
    answer = service.post_signed(b'[{"event":"teleported"},null]\r\n')

    assert (answer.status, answer.json) == (200, {"received": 2, "new": 0, "duplicate": 0, "unknown": 2})


@pytest.mark.parametrize("fixture", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_no_oddity_of_the_wire_is_refused(service: Service, fixture: Path):
    body = fixture.read_bytes()
    answer = service.post_signed(body)

    assert answer.status == 200
    assert answer.json["received"] >= 1


def test_both_spellings_of_the_address_take_the_post_without_a_redirect(service: Service):
    answers = [service.post_signed(DELIVERED, path) for path in (WEBHOOK, f"{WEBHOOK}/")]

    assert [answer.status for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"this is not JSON", "The webhook's body is not JSON: "),
        (b"", "The webhook's body is not JSON: "),
        (b'{"event":"open"}', "The webhook's body is an object, not a JSON list of events."),
        (b"null", "The webhook's body is null, not a JSON list of events."),
    ],
)
def test_a_signed_body_that_is_no_list_is_a_400(service: Service, body: bytes, detail: str):
    answer = service.post_signed(body)

    assert answer.status == 400
    assert problem(answer)["detail"].startswith(detail)
    assert problem(answer)["title"] == "The webhook's body is not a JSON list of events"
    assert service.metric('orchestrator_webhook_requests_total{outcome="malformed-payload"}') == 1


def test_a_missing_signature_is_a_401_that_says_how_to_switch_it_on(service: Service):
    answer = service.request("POST", WEBHOOK, DELIVERED)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Signature"
    assert "carries no X-Twilio-Email-Event-Webhook-Signature header" in problem(answer)["detail"]
    assert "Switch on Signature Verification" in problem(answer)["fix"]
    assert service.metric('orchestrator_webhook_requests_total{outcome="signature-missing"}') == 1
    assert service.core.stored == set()


@pytest.mark.parametrize(
    ("sent", "changed"),
    [(DELIVERED.rstrip(), {}), (DELIVERED, {TIMESTAMP_HEADER: "1767625211"})],
    ids=["body changed", "timestamp changed"],
)
def test_a_wrong_signature_is_a_403_and_counted(service: Service, sent: bytes, changed: dict[str, str]):
    answer = service.request("POST", WEBHOOK, sent, {**service.core.sign(DELIVERED), **changed})

    assert answer.status == 403
    assert problem(answer)["detail"] == "The webhook's signature does not match its bytes."
    assert "OUTREACH_WEBHOOK_PUBLIC_KEY" in problem(answer)["fix"]
    assert service.metric('orchestrator_webhook_requests_total{outcome="signature-invalid"}') == 1
    assert service.core.stored == set()


def test_the_key_of_somebody_else_is_a_403(service: Service):
    service.core.verifier = MemoryCore().verifier

    assert service.post_signed(DELIVERED).status == 403


def test_without_a_key_the_endpoint_is_closed_with_a_503_that_names_the_variable(service: Service):
    service.core.verifier = None
    answer = service.post_signed(DELIVERED)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert "No webhook verification key is configured" in problem(answer)["detail"]
    assert "OUTREACH_WEBHOOK_PUBLIC_KEY" in problem(answer)["fix"]
    assert service.metric('orchestrator_webhook_requests_total{outcome="webhook-not-configured"}') == 1


def test_a_database_that_is_down_is_a_503_so_that_sendgrid_tries_again(service: Service):
    service.core.failure = errors.DatabaseUnreachable()
    answer = service.post_signed(DELIVERED)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert problem(answer)["detail"] == "The database did not answer."
    assert "DB_DSN" in problem(answer)["fix"]
    assert service.metric('orchestrator_webhook_requests_total{outcome="database-unreachable"}') == 1


def test_an_unforeseen_failure_is_a_500_that_tells_nothing_but_where_to_look(service: Service):
    service.core.failure = RuntimeError("password=hunter2")
    with capture_logs() as lines:
        answer = service.post_signed(DELIVERED)

    assert answer.status == 500
    assert "this request_id" in problem(answer)["fix"]
    assert "hunter2" not in answer.text
    assert service.metric('orchestrator_webhook_requests_total{outcome="error"}') == 1
    assert [line["action"] for line in lines] == ["webhook_refused", "request_failed"]


def test_a_body_beyond_the_limit_is_a_413_although_it_is_signed(service: Service):
    body = json.dumps([{"event": "open", "padding": "x" * (2 * LIMIT)}]).encode()
    answer = service.post_signed(body)

    assert answer.status == 413
    assert f"larger than {LIMIT} bytes" in problem(answer)["detail"]
    assert service.metric('orchestrator_webhook_requests_total{outcome="payload-too-large"}') == 1
    assert service.core.stored == set()


def test_a_body_of_exactly_the_limit_is_taken(service: Service):
    body = DELIVERED.rstrip().ljust(LIMIT)

    assert service.post_signed(body).status == 200
    assert service.post_signed(body + b" ").status == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_another_method_is_a_405_that_names_the_right_one(service: Service, method: str):
    answer = service.request(method, WEBHOOK)

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    if method != "HEAD":
        assert problem(answer)["detail"] == f"/webhooks/sendgrid does not take {method}."


def test_events_and_time_are_measured(service: Service):
    service.post_signed((FIXTURES / "batch_with_poison.json").read_bytes())
    service.post_signed(DELIVERED)

    assert service.metric('orchestrator_webhook_requests_total{outcome="accepted"}') == 2
    assert service.metric('orchestrator_webhook_events_total{outcome="new"}') == 2
    assert service.metric('orchestrator_webhook_events_total{outcome="duplicate"}') == 1
    assert service.metric('orchestrator_webhook_events_total{outcome="unknown"}') == 7
    assert service.metric("orchestrator_webhook_handle_duration_seconds_count") == 2


def test_one_log_line_per_webhook_says_what_became_of_it_and_shows_no_address(service: Service):
    with capture_logs() as lines:
        service.post_signed(DELIVERED)
        service.request("POST", WEBHOOK, DELIVERED)

    stored, refused = lines
    assert (stored["action"], stored["log_level"], stored["new"]) == ("webhook_stored", "info", 1)
    assert stored["bytes"] == len(DELIVERED)
    assert (refused["action"], refused["log_level"]) == ("webhook_refused", "warning")
    assert refused["outcome"] == "signature-missing"
    assert "owner@example.test" not in repr(lines)


def test_several_keys_let_a_key_be_replaced_without_losing_a_batch(service: Service):
    old, new = MemoryCore(), service.core
    new.verifier = Verifier([new.public_key, old.public_key])

    assert service.request("POST", WEBHOOK, DELIVERED, old.sign(DELIVERED)).status == 200
    assert service.post_signed(DELIVERED).status == 200
