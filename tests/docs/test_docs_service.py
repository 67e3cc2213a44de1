"""The quickstart's service, reached over HTTP and from the shell as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.sandbox import Sandbox, SandboxConfig, SandboxServer
from tests.api.live_service import serving
from tests.docs import pages
from tests.docs.pages import DOCS
from tests.samples import MEMO_URL, SCORE, TENANT, property_record

QUICKSTART = DOCS / "quickstart.md"
ENDPOINTS = ("/outreach/webhooks/sendgrid", "/my/webhooks/sendgrid", "/internal/webhooks/sendgrid")


@pytest.fixture
def own_application(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the section about FastAPI defines, with a sandbox whose key is configured."""
    section = pages.text_of(QUICKSTART).split("## Your own FastAPI application")[1].split("\n## ")[0]
    code = "from orchestrator import OutreachOrchestrator\nfrom orchestrator.repository import OutreachRepository\n"
    names: dict[str, Any] = {"__name__": "documentation"}
    with SandboxServer(Sandbox(SandboxConfig(flush_interval=0.02))) as server:
        monkeypatch.setenv("DB_DSN", dsn)
        monkeypatch.setenv("SENDGRID_API_KEY", "SG.test.key")
        monkeypatch.setenv("SENDGRID_FROM_EMAIL", "team@yourcompany.com")
        monkeypatch.setenv("OUTREACH_SENDGRID_URL", server.url)
        monkeypatch.setenv("OUTREACH_WEBHOOK_PUBLIC_KEY", server.sandbox.public_key)
        for block in (b for b in pages.blocks(QUICKSTART, "python") if b.code in section):
            code += block.code
        exec(compile(code, str(QUICKSTART), "exec"), names)
        yield names, server.sandbox
        names["orchestrator"].close()
        names["orchestrator"].repository.close()


@pytest.mark.parametrize("path", ENDPOINTS)
def test_each_endpoint_takes_the_events_of_a_mail(own_application: Any, path: str):
    names, sandbox = own_application
    orchestrator = names["orchestrator"]
    with serving(names["app"]) as port:
        sandbox.post_to(f"http://127.0.0.1:{port}{path}")
        campaign = orchestrator.create_campaign(TENANT, property_record("open@owners.test"), SCORE, MEMO_URL)
        orchestrator.send_campaign(campaign.id, TENANT)
        settled = sandbox.settle(20)
    assert settled["settled"]
    assert settled["refused"] == 0
    assert orchestrator.get_statistics(TENANT) == {"opened": 1}


@pytest.mark.parametrize("path", ENDPOINTS[:2])
def test_the_verifying_endpoints_refuse_a_wrong_signature(own_application: Any, path: str):
    names, sandbox = own_application
    orchestrator = names["orchestrator"]
    sandbox.faults.set(bad_signature=1)
    with serving(names["app"]) as port:
        sandbox.post_to(f"http://127.0.0.1:{port}{path}")
        campaign = orchestrator.create_campaign(TENANT, property_record("open@owners.test"), SCORE, MEMO_URL)
        orchestrator.send_campaign(campaign.id, TENANT)
        assert not sandbox.settle(0.5)["settled"]
        assert "403" in str(sandbox.settle(0)["last_failure"])
        sandbox.faults.clear()
        assert sandbox.settle(20)["settled"]
    assert orchestrator.get_statistics(TENANT) == {"opened": 1}


def test_the_mounted_service_puts_its_own_path_into_opt_out_links(own_application: Any):
    names, sandbox = own_application
    campaign = names["orchestrator"].create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
    names["orchestrator"].send_campaign(campaign.id, TENANT)
    (message,) = sandbox.messages()
    assert message.headers["List-Unsubscribe"].startswith("<https://yourcompany.com/outreach/u/")


def test_the_file_of_the_quickstart_can_be_imported(tmp_path: Path):
    (block,) = [b for b in pages.blocks(QUICKSTART, "sh") if "outreach import" in b.code]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", block.code],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 added" in done.stdout
    assert "click@example.com" in done.stdout
    assert "bounce@example.com" in done.stdout
