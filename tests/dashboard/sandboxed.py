"""The product, the sandbox and the dashboard, wired by HTTP as they are in life, on any database."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.testclient import TestClient

from orchestrator import OutreachOrchestrator, app
from orchestrator.cli import serving
from orchestrator.cli.demo import crowd
from orchestrator.cli.demo.mailbox import SandboxMailbox
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.repository import OutreachRepository
from orchestrator.sandbox import Behaviour, Sandbox, SandboxConfig, SandboxServer
from tests.dashboard.conftest import Desktop
from tests.samples import TENANT, item

HOST = "reply.sender.test"
SPEED = 200.0


@dataclass(frozen=True, slots=True)
class Room:
    """Everything, and one browser that looks at it."""

    desktop: Desktop
    product: OutreachOrchestrator
    sandbox: Sandbox
    mailbox: SandboxMailbox

    def send(self, email: str = "delivered.one@owners.test", **more: Any) -> str:
        """Create a campaign, and return the id of its mail once it was delivered and the product told."""
        campaign = self.product.create_campaign(TENANT, **{**item(email), **more})
        assert until(lambda: self._stamp(campaign.id) is not None)
        assert self.sandbox.settle(60)["settled"]
        found = [m.id for m in self.sandbox.messages(limit=5000) if m.custom_args["campaign_id"] == campaign.id]
        return found[0]

    def _stamp(self, campaign: str) -> object:
        stored = self.product.get_campaign(campaign, TENANT)
        return stored and stored.delivered_at

    def campaign(self, mail: str) -> OutreachCampaign:
        """Return what the product has stored about a mail's campaign."""
        message = self.sandbox.message(mail)
        assert message is not None
        stored = self.product.get_campaign(message.custom_args["campaign_id"], TENANT)
        assert stored is not None
        return stored

    def act(self, act: str, mail: str = "", **fields: Any) -> Any:
        """Press a button of the inbox as the browser would, and return the page it leads to."""
        page = f"inbox?mail={mail}" if mail else "inbox"
        return self.desktop.post("inbox", {"act": act, "mail": mail, **fields}, page=page)

    def strip(self, mail: str) -> list[tuple[str, dict[str, str]]]:
        """Return the causes that the page shows, each with what it changed."""
        shown = self.desktop.get(f"inbox?mail={mail}").text
        causes = re.findall(r'<li data-cause="([^"]+)">(.*?)(?=<li data-cause|</ol>)', shown, re.DOTALL)
        changed = re.compile(r'<p class="out"><span>([^<]+)</span><b class="num">([^<]+)</b>')
        return [(title, dict(changed.findall(rest))) for title, rest in causes]


@contextmanager
def room(repository: OutreachRepository, **faults: float) -> Iterator[Room]:
    """The product with a worker, its sandbox, and a browser in front of the dashboard."""
    with ExitStack() as stack:
        listening = stack.enter_context(serving.bind("127.0.0.1", 0))
        url = serving.address_of(listening)
        config = SandboxConfig(
            webhook_url=f"{url}/webhooks/sendgrid",
            inbound_url=f"{url}/webhooks/sendgrid/inbound",
            inbound_host=HOST,
            behaviour=Behaviour.realistic(),
            speed=SPEED,
            flush_interval=0.02,
        )
        server = stack.enter_context(SandboxServer(Sandbox(config)))
        server.sandbox.faults.set(**faults)
        product = stack.enter_context(_product(repository, url, server))
        mailbox = SandboxMailbox(server.sandbox, partial(crowd.write, product, server.sandbox))
        pages = app.create_pages(product, start=TENANT, is_open=True, mailbox=mailbox)
        service = app.create_service(product, with_worker=True, pages=pages)
        stack.enter_context(serving.ServerThread(service, listening))
        client = TestClient(app.create_service(product, pages=pages), base_url=url, follow_redirects=True)
        client.get("/")
        yield Room(Desktop(product, client), product, server.sandbox, mailbox)


def _product(repository: OutreachRepository, url: str, server: SandboxServer) -> OutreachOrchestrator:
    return OutreachOrchestrator(
        repository,
        sendgrid_api_key="SG.tests.only-the-sandbox-takes-this",
        sendgrid_url=server.url,
        webhook_public_key=server.sandbox.public_key,
        inbound_public_key=server.sandbox.inbound_public_key,
        inbound_host=HOST,
        from_email="team@sender.test",
        from_name="Sample Realty",
        base_url=url,
        address_gap=0,
    )


def until(condition: Callable[[], bool], timeout: float = 60.0) -> bool:
    """Wait until `condition` holds and return whether it does."""
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while not (held := condition()) and time.monotonic() < deadline:
        pause.wait(0.05)
    return held
