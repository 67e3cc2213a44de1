"""In a browser: the pause dialog, and the chart, without a word of complaint from the policy or the console."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from orchestrator import app
from orchestrator.repository import OutreachRepository
from tests.rendering.looks import AXE
from tests.samples import TENANT, facade, item

WIDTHS = (320, 1280)
_RUN_AXE = """() => axe.run(document, { resultTypes: ['violations'] })
  .then(found => found.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 160))]))"""


@pytest.fixture
def served(migrated_file: Path, tmp_path: Path) -> Iterator[str]:
    """The dashboard with something due, on a port of its own; answers its address."""
    repository = OutreachRepository(f"sqlite:///{shutil.copyfile(migrated_file, tmp_path / 'outreach.db')}")
    with facade(repository) as (orchestrator, _), socket.socket() as listening:
        for number in range(3):
            orchestrator.create_campaign(TENANT, **item(f"owner{number}@owners.test"))
        orchestrator.send_due(1)
        orchestrator.operations.pulse("worker").beat("running", 1)
        listening.bind(("127.0.0.1", 0))
        service = app.create_service(orchestrator, pages=app.create_pages(orchestrator, start=TENANT, is_open=True))
        server = uvicorn.Server(uvicorn.Config(service, log_config=None, lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        service.state.closing()
        server.should_exit = True
        thread.join()
    repository.close()


@pytest.fixture
def page(served: str, opened_browser: Browser) -> Iterator[Page]:
    shown = opened_browser.new_context(bypass_csp=False).new_page()
    complaints: list[str] = []
    shown.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.goto(served)
    shown.goto(f"{served}/t/{TENANT}/dispatcher")
    yield shown
    shown.context.close()
    assert complaints == []


def test_the_chart_draws_and_stays_current(page: Page):
    page.wait_for_selector("#chart .uplot canvas")
    assert "mail left" in page.inner_text("#cs")
    assert page.evaluate("document.querySelectorAll('#chart > svg').length") == 0
    with page.expect_response("**/recent.json") as answered:
        pass
    assert answered.value.json()["due"][-1] == 2


def test_sending_is_paused_and_resumed_with_the_keyboard_alone(page: Page):
    page.get_by_role("button", name="Pause sending").first.press("Enter")
    dialog = page.get_by_role("dialog", name="Pause sending?")
    assert "Requests in the air finish" in dialog.inner_text()
    dialog.get_by_role("button", name="Pause sending").press("Enter")
    assert dialog.is_visible(), "a pause without a reason went through"
    dialog.get_by_label("Reason, shown to everyone").fill("Yahoo defers")
    dialog.get_by_role("button", name="Pause sending").press("Enter")
    page.wait_for_selector("text=Paused by a person: this tenant.")
    assert "Yahoo defers" in page.inner_text("main")
    page.get_by_role("button", name="Resume this tenant").press("Enter")
    page.get_by_role("button", name="Resume sending").press("Enter")
    page.wait_for_selector("text=Sending goes on.")


@pytest.mark.parametrize("path", ["dispatcher", "webhooks"])
def test_everybody_can_use_the_page_at_every_width(page: Page, served: str, path: str):
    found: list[Any] = []
    page.goto(f"{served}/t/{TENANT}/{path}")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(AXE.read_text("utf-8"))
        found += page.evaluate(_RUN_AXE)
    assert found == []
