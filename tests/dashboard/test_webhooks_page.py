"""What SendGrid brought can be looked at and taken in again, and no stranger becomes trusted by it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import orjson
import pytest

from orchestrator import errors
from orchestrator.bootstrap import Parts
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.repository import OutreachRepository, instance, webhook_batches
from orchestrator.sandbox.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, Signer
from orchestrator.services.incoming import webhook_log
from tests.dashboard.conftest import Desktop, desktop
from tests.samples import TENANT, item

EVIL = '"><script>alert(1)</script>\x00\u202e\ud800'
SIGNER = Signer()


def _body(*events: dict[str, Any]) -> bytes:
    return orjson.dumps(list(events)) + b"\r\n"


def _signed(body: bytes, signer: Signer = SIGNER) -> dict[str, str]:
    timestamp = str(int(time.time()))
    return {SIGNATURE_HEADER: signer.sign(timestamp, body), TIMESTAMP_HEADER: timestamp, "Cookie": "very=private"}


def _post(browser: Desktop, body: bytes, headers: dict[str, str]) -> int:
    return browser.client.post("/webhooks/sendgrid", content=body, headers=headers).status_code


def _sent(browser: Desktop) -> str:
    campaign = browser.orchestrator.create_campaign(TENANT, **item())
    browser.orchestrator.send_campaign(campaign.id, TENANT)
    return campaign.id


def _event(campaign: str, **more: Any) -> dict[str, Any]:
    return {"event": "delivered", "tenant_id": TENANT, "campaign_id": campaign, "sg_event_id": "one", **more}


def _keyed(repository: OutreachRepository) -> AbstractContextManager[Desktop]:
    return desktop(repository, webhook_public_key=SIGNER.public_key)


def _only(browser: Desktop) -> str:
    (batch,) = browser.orchestrator.operations.webhooks.page(10)
    return batch.id


def test_an_empty_page_says_what_to_set_up(browser: Desktop):
    shown = browser.get("webhooks").text
    assert "Nothing has come yet" in shown
    assert "OUTREACH_WEBHOOK_PUBLIC_KEY" in shown
    assert "Everything that came was stored" in browser.get("webhooks?show=troubled").text


def test_a_batch_is_written_down_with_what_became_of_it(repository: OutreachRepository):
    with _keyed(repository) as browser:
        campaign = _sent(browser)
        body = _body(_event(campaign), _event(campaign), {"event": "open", "sg_event_id": "nobody's"})
        heard = browser.orchestrator.desk.marks(TENANT)["webhooks"]
        assert _post(browser, body, _signed(body)) == 200
        shown = browser.get("webhooks").text
        assert 'data-on="webhooks"' in shown
        assert browser.orchestrator.desk.marks(TENANT)["webhooks"] != heard
        assert "signature right" in shown
        assert "1 new, 1 known, 1 nobody’s" in shown
        assert "carries none of our ids" in shown
        one = browser.get(f"webhooks/{_only(browser)}").text
        assert "very=private" not in one
        assert webhook_log.MASKED in one
        assert "&#34;sg_event_id&#34;: &#34;one&#34;" in one


def test_taking_a_batch_in_again_changes_nothing(repository: OutreachRepository):
    with _keyed(repository) as browser:
        campaign = _sent(browser)
        body = _body(_event(campaign))
        _post(browser, body, _signed(body))
        before = browser.orchestrator.get_events(campaign, TENANT)
        for _ in range(2):
            answer = browser.post(f"webhooks/{_only(browser)}", {})
            assert "1 batch taken in again: 0 new, 1 known already." in answer.text
        assert browser.orchestrator.get_events(campaign, TENANT) == before


def test_what_came_before_the_key_was_configured_is_taken_in_once_it_is(repository: OutreachRepository):
    with desktop(repository) as browser:
        campaign = _sent(browser)
        body = _body(_event(campaign))
        assert _post(browser, body, _signed(body)) == 503
        refused = browser.post(f"webhooks/{_only(browser)}", {})
        assert refused.status_code == 409
        assert "No key was configured" in browser.get("webhooks").text
    with _keyed(repository) as browser:
        answer = browser.post("webhooks", {})
        assert "1 batch taken in again: 1 new, 0 known already." in answer.text
        stored = browser.orchestrator.get_campaign(campaign, TENANT)
        assert stored is not None
        assert stored.status == "delivered"
        assert "There was nothing to take in again." in browser.post("webhooks", {}).text


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda body: body[:-2], "The body was changed on its way"),
        (lambda body: body.replace(b'":', b'": ').strip(), "end in CR LF and this one does not"),
        (lambda body: body.replace(b"one", b"two"), "No configured key made this signature"),
    ],
)
def test_what_nobody_can_trust_is_refused_again_and_its_cause_named(
    repository: OutreachRepository, change: Any, cause: str
):
    with _keyed(repository) as browser:
        campaign = _sent(browser)
        body = _body(_event(campaign))
        assert _post(browser, change(body), _signed(body)) == 403
        assert cause in browser.get("webhooks").text
        id_ = _only(browser)
        assert cause in browser.get(f"webhooks/{id_}").text
        assert browser.post(f"webhooks/{id_}", {}).status_code == 409
        assert "0 batches taken in again: 0 new, 0 known already. 1 batch is still refused." in (
            browser.post("webhooks", {}).text
        )
        stored = browser.orchestrator.get_campaign(campaign, TENANT)
        assert stored is not None
        assert stored.status == "sent"


def test_a_batch_that_failed_here_is_stored_by_taking_it_in_again(repository: OutreachRepository):
    with _keyed(repository) as browser:
        campaign = _sent(browser)
        body = _body(_event(campaign))
        intake = browser.orchestrator.services.intake
        store, intake.store._begin = intake.store._begin, _broken  # type: ignore[assignment]
        assert _post(browser, body, _signed(body)) == 500
        intake.store._begin = store
        assert "Failed here" in browser.get("webhooks?show=troubled").text
        assert "1 batch taken in again: 1 new, 0 known already." in browser.post("webhooks", {}).text
        assert "Everything that came was stored" in browser.get("webhooks?show=troubled").text


def _broken() -> Any:
    raise ZeroDivisionError


def test_strangers_text_stays_text(repository: OutreachRepository):
    with _keyed(repository) as browser:
        body = b'[{"event":"' + EVIL.replace('"', "'").encode("utf-8", "surrogatepass") + b'"}]'
        assert _post(browser, body, {**_signed(body), "X-Evil": "<script>alert(1)</script>"}) == 200
        assert _post(browser, b"<script>alert(1)</script>\x00" + b"[" * 5_000, {}) == 401
        for batch in browser.orchestrator.operations.webhooks.page(10):
            assert "<script>alert" not in browser.get(f"webhooks/{batch.id}").text
        page = browser.get("webhooks").text
        assert "<script>alert" not in page
        assert "\u202e" not in page


def test_strangers_fill_no_disk(repository: OutreachRepository):
    with _keyed(repository) as browser:
        orchestrator = browser.orchestrator
        for size in (70_000, *range(230)):
            with pytest.raises(errors.SignatureMissing):
                orchestrator.receive_webhook(b"x" * size, {})
        kept = orchestrator.operations.webhooks.page(500, troubled=True)
        assert len(kept) == webhook_log.KEEP_UNTRUSTED
        with pytest.raises(errors.SignatureMissing):
            orchestrator.receive_webhook(b"x" * 70_000, {})
        newest = orchestrator.operations.webhooks.page(1)[0]
        assert not newest.kept
        assert browser.post(f"webhooks/{newest.id}", {}, page="webhooks").status_code == 409


def test_batches_are_forgotten_after_a_week(repository: OutreachRepository):
    with _keyed(repository) as browser:
        body = _body({"event": "open"})
        _post(browser, body, _signed(body))
        assert browser.orchestrator.operations.maintain().get("webhook_batches", 0) == 0
        batch = _only(browser)
        with repository.transaction() as tx:
            instance.put(tx, "maintained_at", (tx.now() - timedelta(days=1)).isoformat())
            webhook_batches.settle(tx, batch, received_at=tx.now() - timedelta(days=8))
        assert browser.orchestrator.operations.maintain()["webhook_batches"] == 1
        assert browser.get("webhooks").text.count("data-row") == 0


def test_what_a_program_hands_in_itself_is_not_written_down(browser: Desktop):
    browser.orchestrator.handle_webhook({"event": "open"})
    assert browser.orchestrator.operations.webhooks.page(10) == []


def test_inbound_mail_is_written_down_and_taken_in_again(repository: OutreachRepository):
    with desktop(repository, inbound_secret="a-secret-of-sixteen-and-more") as browser:
        mail = {"headers": "From: ann@owners.test\nMessage-ID: <1@owners.test>\n", "from": "ann@owners.test"}
        fields = {**mail, "to": "us@replies.test", "subject": "Hi", "text": "Hello", "envelope": "{}"}
        path = "/webhooks/sendgrid/inbound/a-secret-of-sixteen-and-more"
        assert browser.client.post(path, files={k: (None, v) for k, v in fields.items()}).status_code == 200
        (batch,) = browser.orchestrator.operations.webhooks.page(10)
        assert (batch.source, batch.trust, batch.outcome) == ("inbound", "secret", "stored")
        assert "0 new, 1 known already" in browser.post(f"webhooks/{batch.id}", {}).text
        assert browser.client.post("/webhooks/sendgrid/inbound/wrong", content=b"x").status_code == 503
        assert browser.orchestrator.operations.webhooks.page(1)[0].trust == "invalid"


def test_a_database_that_is_away_costs_the_record_no_batch(repository: OutreachRepository):
    away = True
    log = webhook_log.WebhookLog(lambda: _away() if away else repository.transaction(), time.monotonic)
    with log.watching("events", b"[]", {}) as arrival:
        arrival.trust = "signed"
        arrival.stored(0, 0, 0, 0)
    for _ in range(200):
        if log._waiting == webhook_log.deque() and not away:
            break
        time.sleep(0.02)
        away = False
    log.flush()
    with OutreachOrchestrator(repository, parts=Parts()) as orchestrator:
        assert len(orchestrator.operations.webhooks.page(10)) == 1


def _away() -> Any:
    raise errors.DatabaseUnreachable("gone")


def test_a_batch_that_is_not_there_is_said(browser: Desktop):
    for id_ in ("nonsense", "0190a0a0-0000-7000-8000-000000000000"):
        answer = browser.get(f"webhooks/{id_}")
        assert answer.status_code in (400, 404)
        assert "<h1>" in answer.text
