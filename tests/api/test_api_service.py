"""Health, metrics, and what all answers have in common."""

from __future__ import annotations

import threading
from importlib import metadata
from pathlib import Path

import anyio.to_thread
import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from orchestrator import errors
from orchestrator.api import Lane, create_app
from tests.api.live_service import WEBHOOK, MemoryCore, Ready, Service, serving

FIXTURES = Path(__file__).parent.parent / "fixtures" / "sendgrid"
DELIVERED = (FIXTURES / "delivered.json").read_bytes()
OK_PATHS = ["/livez", "/readyz", "/metrics", "/u/known-token", "/errors/signature-invalid"]


def test_alive_means_alive_whatever_else_is_broken(service: Service):
    service.core.failure = errors.DatabaseUnreachable()

    assert (service.request("GET", "/livez").status, service.request("GET", "/livez").text) == (200, "ok\n")


def test_nothing_that_matters_waits_for_threads_that_pages_have_taken():
    core, enough, taken = MemoryCore(), threading.Event(), threading.Event()
    service = create_app(core, lane=Lane(1))

    def page() -> None:
        taken.set()
        enough.wait()

    async def crowded(scope: Scope, receive: Receive, send: Send) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        if scope["path"] == "/page":
            await anyio.to_thread.run_sync(page)
        await service(scope, receive, send)

    with serving(crowded) as port, Service(core, port).connect() as connection:
        connection.sendall(b"GET /page HTTP/1.1\r\nHost: service.test\r\n\r\n")
        try:
            assert taken.wait(5)
            asked = Service(core, port)
            assert asked.post_signed(DELIVERED).status == 200
            assert [asked.request("POST", "/u/known-token").status, core.unsubscribed] == [200, ["known-token"]]
            gets = [asked.request("GET", path).status for path in ("/readyz", "/livez", "/u/known-token", "/nothing")]
            assert [*gets, asked.request("POST", WEBHOOK).status] == [200, 200, 200, 404, 401]
        finally:
            enough.set()


def test_ready_lists_its_checks_when_asked(service: Service):
    assert service.request("GET", "/readyz").text == "ok\n"
    assert service.request("GET", "/readyz?verbose").text == "[+]db ok\n[+]migrations ok\nok\n"


def test_not_ready_is_a_503_that_names_the_reason(service: Service):
    service.core.checks[1] = Ready("migrations", False, "run `outreach db upgrade`")
    brief, verbose = service.request("GET", "/readyz"), service.request("GET", "/readyz?verbose")

    assert (brief.status, verbose.status, brief.headers["Retry-After"]) == (503, 503, None)
    assert brief.text == "[-]migrations failed: run `outreach db upgrade`\nnot ready\n"
    assert verbose.text == "[+]db ok\n" + brief.text


def test_ready_during_an_unreachable_database_is_a_503(service: Service):
    service.core.failure = errors.DatabaseUnreachable()
    answer = service.request("GET", "/readyz")

    assert (answer.status, answer.json["detail"]) == (503, "The database did not answer.")


def test_metrics_name_the_version_and_start_at_zero(service: Service):
    version = metadata.version("outreach-orchestrator")

    assert service.metric(f'orchestrator_build_info{{version="{version}"}}') == 1
    assert service.metric('orchestrator_webhook_events_total{outcome="new"}') == 0
    assert service.request("GET", "/metrics").headers["Content-Type"].startswith("text/plain; version=")


def test_two_applications_in_one_process_count_apart(service: Service):
    service.request("POST", WEBHOOK)
    core = MemoryCore()
    with serving(create_app(core)) as port:
        other = Service(core, port).metric('orchestrator_webhook_requests_total{outcome="signature-missing"}')

    assert service.metric('orchestrator_webhook_requests_total{outcome="signature-missing"}') == 1
    assert other is None


@pytest.mark.parametrize("path", [p + slash for p in OK_PATHS for slash in ("", "/")])
def test_no_spelling_of_an_address_redirects(service: Service, path: str):
    assert service.request("GET", path).status == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/u/known-token"])
def test_head_answers_like_get_without_a_body(service: Service, path: str):
    answer = service.request("HEAD", path)

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/webhooks", "/u/", "/docs", "/redoc", "/errors/nothing", "/{x}", "/openapi.json/", "/livez//"],
)
def test_an_unknown_address_is_a_problem_document(service: Service, path: str):
    answer = service.request("GET", path)

    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": f"There is nothing at {path}.",
        "fix": "Compare the address with /openapi.json.",
        "request_id": answer.headers["X-Request-Id"],
    }


@pytest.mark.parametrize("path", [*OK_PATHS, "/openapi.json", "/nothing", WEBHOOK])
def test_every_answer_carries_a_request_id_and_safe_headers(service: Service, path: str):
    first, second = service.request("GET", path).headers, service.request("GET", path).headers

    assert len(first["X-Request-Id"]) == 36
    assert first["X-Request-Id"] != second["X-Request-Id"]
    assert first["X-Content-Type-Options"] == "nosniff"
    assert first["X-Frame-Options"] == "DENY"
    assert first["Cross-Origin-Opener-Policy"] == first["Cross-Origin-Resource-Policy"] == "same-origin"
    assert first["X-DNS-Prefetch-Control"] == "off"
    assert first["Cache-Control"] == "no-store"
    assert "default-src 'none'" in first["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("given", "kept"), [("req-42.a:b_c", True), ("x" * 129, False), ("a b", False), ("<b>", False)]
)
def test_a_harmless_request_id_is_kept_and_any_other_replaced(service: Service, given: str, kept: bool):
    answer = service.request("GET", "/livez", headers={"X-Request-Id": given})

    assert (answer.headers["X-Request-Id"] == given) is kept


def test_a_failure_is_logged_without_the_token_in_the_path(service: Service):
    service.core.failure = RuntimeError("broken")
    with capture_logs() as lines:
        answer = service.request("POST", "/u/very-secret-token")

    assert (answer.status, answer.json["title"]) == (500, "Internal Server Error")
    assert [line["path"] for line in lines] == ["/u/{token}"]
    assert "very-secret-token" not in repr(lines)


def test_the_kind_of_a_problem_leads_to_a_page_that_explains_it(service: Service):
    kind = service.request("POST", WEBHOOK).json["type"]
    page = service.request("GET", kind)

    assert kind == "/errors/signature-missing"
    assert "The webhook carries no signature headers" in page.text
    assert "Switch on Signature Verification" in page.text
    assert "HTTP status 401" in page.text


def test_with_a_base_url_the_kind_of_a_problem_is_absolute():
    core = MemoryCore()
    with serving(create_app(core, base_url="https://go.example.test/")) as port:
        answer = Service(core, port).request("POST", WEBHOOK)

    assert answer.json["type"] == "https://go.example.test/errors/signature-missing"


def test_the_openapi_document_describes_every_address_and_its_problems(service: Service):
    document = service.request("GET", "/openapi.json").json
    operations = {op["operationId"]: op for path in document["paths"].values() for op in path.values()}

    assert set(document["paths"]) == {WEBHOOK, "/u/{token}", "/livez", "/readyz", "/metrics", "/errors/{code}"}
    assert set(operations["receiveSendgridWebhook"]["responses"]) == {"200", "400", "401", "403", "413", "503"}
    assert all(op["summary"] and op["description"] for op in operations.values())
