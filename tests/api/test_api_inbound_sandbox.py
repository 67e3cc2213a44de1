"""The sandbox's owners answer as real programs do, and the service understands them, in both modes of Inbound Parse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator import OutreachOrchestrator
from orchestrator.api import Lane, create_app
from orchestrator.repository import OutreachRepository
from orchestrator.sandbox import Behaviour, Sandbox, SandboxConfig, SandboxServer
from tests.api.live_service import MemoryCore, Switch
from tests.samples import MEMO_URL, SCORE, TENANT, property_record

HOST = "reply.sender.test"
PATIENCE = 20.0


@contextmanager
def street(
    repository: OutreachRepository, server: tuple[Switch, int], *, raw: bool
) -> Iterator[tuple[OutreachOrchestrator, Sandbox]]:
    """An installation whose mail goes to owners in the sandbox, who answer to its service."""
    config = SandboxConfig(
        behaviour=Behaviour.quiet(),
        inbound_url=f"http://127.0.0.1:{server[1]}/webhooks/sendgrid/inbound",
        inbound_host=HOST,
        inbound_raw=raw,
    )
    with (
        SandboxServer(Sandbox(config)) as running,
        OutreachOrchestrator(
            repository,
            "SG.only-for-the-sandbox",
            "team@sender.test",
            "Sample",
            sendgrid_url=running.url,
            inbound_host=HOST,
            inbound_public_key=running.sandbox.inbound_public_key,
            postal_address="500 Main Street",
            company_name="Sample Realty",
        ) as orchestrator,
    ):
        server[0].app = create_app(MemoryCore(), inbox=orchestrator.services.inbox, lane=Lane(1))
        yield orchestrator, running.sandbox


def done(orchestrator: OutreachOrchestrator, sandbox: Sandbox, deed: str, **options: str) -> tuple[str, str]:
    """Write to an owner who then does something; returns the campaign's status, and what became of the owner's mail."""
    campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
    orchestrator.send_campaign(campaign.id, TENANT)
    message = sandbox.messages(limit=1)[0]
    assert message.custom_args["campaign_id"] == campaign.id
    act = sandbox.owners.do(message.id, deed, **options)
    assert act.wait(PATIENCE)
    found = orchestrator.get_campaign(campaign.id, TENANT)
    assert found is not None
    return found.status, act.deliveries[0].fate


@pytest.mark.parametrize("raw", [False, True], ids=["default", "raw"])
@pytest.mark.parametrize(
    ("deed", "options", "status"),
    [
        ("reply", {"intent": "interested", "client": "gmail"}, "responded"),
        ("reply", {"intent": "opt_out", "client": "outlook"}, "unsubscribed"),
        ("reply", {"intent": "not_interested", "client": "apple", "charset": "windows-1252"}, "responded"),
        ("reply", {"text": "Who are you?", "flaw": "nul"}, "responded"),
        ("reply", {"text": "Who are you?", "flaw": "header_injection"}, "responded"),
        ("reply", {"text": "Who are you?", "damage": "no_envelope"}, "responded"),
        ("reply", {"text": "Who are you?", "damage": "wrong_charset"}, "responded"),
        ("reply", {"text": "Who are you?", "damage": "not_a_form"}, "sent"),
        ("mailto_opt_out", {}, "unsubscribed"),
        ("out_of_office", {}, "sent"),
        ("bounce_report", {}, "sent"),
        ("receipt", {}, "sent"),
        ("complaint", {}, "complained"),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else value,
)
def test_what_owners_do_is_understood(
    repository: OutreachRepository,
    socket_server: tuple[Switch, int],
    raw: bool,
    deed: str,
    options: dict[str, str],
    status: str,
):
    with street(repository, socket_server, raw=raw) as (orchestrator, sandbox):
        assert done(orchestrator, sandbox, deed, **options) == (status, "accepted")
