"""The package as it was promised to its users: the promised snippets, and sending, against the sandbox."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

import orchestrator as package
from orchestrator import OutreachCampaign, OutreachOrchestrator, OutreachStatus, errors
from orchestrator.api import create_app
from orchestrator.repository import OutreachRepository
from orchestrator.sandbox import Behaviour, Sandbox, SandboxConfig, SandboxServer
from orchestrator.services.looking import statistics
from tests.api.live_service import serving
from tests.samples import MEMO_URL, SCORE, TENANT, property_record

SNIPPETS = Path(__file__).with_name("spec_snippets.md")


class Record:
    """What the platform hands over: an object with ``.dict()``, as Pydantic 1 models have it."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def dict(self) -> dict[str, Any]:
        return self._values


@contextmanager
def sandbox_server(webhook_url: str | None = None) -> Iterator[tuple[Sandbox, SandboxServer]]:
    sandbox = Sandbox(SandboxConfig(webhook_url=webhook_url, behaviour=Behaviour.quiet()))
    with SandboxServer(sandbox) as server:
        yield sandbox, server


def post(port: int, body: Any) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/webhooks/sendgrid", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_promised_snippets_work_as_printed(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = FastAPI()
    names: dict[str, Any] = {
        "property": Record(**property_record()),
        "score": Record(**SCORE),
        "app": app,
        "OutreachStatus": OutreachStatus,
    }
    blocks = re.findall(r"```python\n(.*?)```", SNIPPETS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    with sandbox_server() as (sandbox, server):
        monkeypatch.setenv("DB_DSN", dsn)
        monkeypatch.setenv("OUTREACH_SENDGRID_URL", server.url)
        for block in blocks:
            code = block.replace("tenant-uuid", TENANT).replace("your-api-key", "SG.your.api-key")
            exec(compile(code.replace("s3.../", "s3.example.com/"), str(SNIPPETS), "exec"), names)
        orchestrator, campaign = names["orchestrator"], names["campaign"]
        with serving(app) as port:
            ids = {"campaign_id": campaign.id, "tenant_id": TENANT}
            assert post(port, {"event": "open", "timestamp": 1, **ids}) == (200, {"ok": True})
            assert post(port, {"event": "open", "timestamp": 1}) == (200, {"ok": True})
        printed = capsys.readouterr().out.splitlines()
        assert printed[:2] == [f"Campaign ID: {campaign.id}", "Status: scheduled"]
        assert printed[2:4] == ["Status: sent", f"Message ID: {names['result']['message_id']}"]
        assert printed[4:7] == ["Sent: 1", "Opened: 0", "Clicked: 0"]
        assert printed[7:] == [f"Campaign {campaign.id}: open"]
        assert [c.id for c in names["sent_campaigns"]] == [campaign.id]
        assert orchestrator.get_statistics(TENANT) == {"opened": 1}
        (message,) = sandbox.messages()
        assert message.x_message_id == names["result"]["message_id"]
        orchestrator.close()
        names["repo"].close()


class TestEmailSending:
    """One mail through the whole pipeline: API, sandbox, signed webhooks, numbers."""

    @pytest.fixture
    def pipeline(self, repository: OutreachRepository) -> Iterator[tuple[OutreachOrchestrator, Sandbox]]:
        relay = FastAPI()  # takes the webhooks until the orchestrator, which must know the sandbox's key, exists
        with serving(relay) as port, sandbox_server(f"http://127.0.0.1:{port}/webhooks/sendgrid") as (sandbox, server):
            orchestrator = OutreachOrchestrator(
                repository,
                "SG.sandbox.key",
                "team@sender.test",
                "Sample Realty",
                sendgrid_url=server.url,
                webhook_public_key=sandbox.public_key,
                base_url="https://go.sender.test",
            )
            relay.mount("/", create_app(orchestrator))
            with orchestrator:
                yield orchestrator, sandbox

    def create(self, orchestrator: OutreachOrchestrator, email: str) -> OutreachCampaign:
        return orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL)

    def test_the_request_is_one_sendgrid_accepts_and_carries_our_ids(
        self, pipeline: tuple[OutreachOrchestrator, Sandbox]
    ) -> None:
        orchestrator, sandbox = pipeline
        campaign = self.create(orchestrator, "owner@owners.test")
        result = orchestrator.send_campaign(campaign.id, TENANT)
        (message,) = sandbox.messages()
        assert result == {"status": "sent", "message_id": message.x_message_id, "campaign_id": campaign.id}
        assert message.email == "owner@owners.test"
        assert message.custom_args["campaign_id"] == campaign.id
        assert message.custom_args["tenant_id"] == TENANT
        assert message.custom_args["property_id"] == campaign.property_id
        assert set(message.custom_args) == {"campaign_id", "tenant_id", "property_id", "outreach_message_id"}

    def test_what_happens_to_the_mail_comes_back_and_adds_up(
        self, pipeline: tuple[OutreachOrchestrator, Sandbox]
    ) -> None:
        orchestrator, sandbox = pipeline
        expected = {
            "plain@owners.test": "delivered",
            "open@owners.test": "opened",
            "click@owners.test": "clicked",
            "mpp@owners.test": "delivered",
            "bounce@owners.test": "bounced",
            "asyncbounce@owners.test": "bounced",
            "block@owners.test": "failed",
            "spam@owners.test": "complained",
            "unsubscribe@owners.test": "unsubscribed",
            "defer2@owners.test": "delivered",
        }
        campaigns = [self.create(orchestrator, email) for email in expected]
        assert orchestrator.send_due(limit=50) == {"sent": len(expected)}
        assert sandbox.settle(30)["settled"]
        found = {c.owner_email: str(c.status) for c in map(self.again(orchestrator), campaigns)}
        assert found == expected
        numbers = orchestrator.get_statistics(TENANT)
        assert sum(numbers.values()) == len(expected)
        assert numbers == statistics.recounted(orchestrator.services.read, TENANT)
        assert len(sandbox.messages()) == len(expected)

    def test_a_refused_request_fails_with_all_of_sendgrids_words(
        self, repository: OutreachRepository, pipeline: tuple[OutreachOrchestrator, Sandbox]
    ) -> None:
        sender = {"from_email": "nobody at all", "sendgrid_url": pipeline[0].services.settings.sendgrid_url}
        with OutreachOrchestrator(repository, "SG.sandbox.key", **sender) as orchestrator:
            campaign = self.create(orchestrator, "owner@owners.test")
            with pytest.raises(errors.SendRejected, match=r"from\.email.*does not contain a valid address"):
                orchestrator.send_campaign(campaign.id, TENANT)
            assert self.again(orchestrator)(campaign).status is OutreachStatus.FAILED

    def test_validation_mode_is_accepted_and_sends_nothing(
        self, repository: OutreachRepository, pipeline: tuple[OutreachOrchestrator, Sandbox]
    ) -> None:
        url = pipeline[0].services.settings.sendgrid_url
        with OutreachOrchestrator(
            repository, "SG.sandbox.key", "team@sender.test", sendgrid_url=url, sandbox_mode=True
        ) as orchestrator:
            campaign = self.create(orchestrator, "owner@owners.test")
            assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"
        assert pipeline[1].messages() == []

    @staticmethod
    def again(orchestrator: OutreachOrchestrator) -> Any:
        return lambda campaign: orchestrator.get_campaign(campaign.id, campaign.tenant_id)


def test_the_public_names_are_these_and_importing_the_package_loads_nothing_else() -> None:
    assert set(dir(package)) == {"OutreachCampaign", "OutreachOrchestrator", "OutreachStatus", "__version__"}
    assert all(getattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Orchestrator'"):
        _ = package.Orchestrator
