"""The work of ``serve``, ``sandbox`` and ``relay``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from orchestrator import app
from orchestrator.cli import collector, failures, logs, serving, session
from orchestrator.cli.options import DEFAULT_TENANT
from orchestrator.cli.output import Output
from orchestrator.engines import LocalEngine
from orchestrator.publishers.log import LogPublisher
from orchestrator.sandbox import Sandbox, SandboxConfig, SandboxServer

if TYPE_CHECKING:
    from orchestrator.orchestrator import OutreachOrchestrator
    from orchestrator.publishers.base import Publisher

SANDBOX_KEY = "SG.sandbox.any-key-that-begins-like-this"
GRACE = 10  # seconds for requests that are being answered when `serve` stops


def serve(host: str, port: int, *, with_worker: bool, output: Output) -> None:
    """Serve until interrupted.

    Raises:
        ConfigurationError: The port is taken, the database is not usable, the webhook's verification key is none, or a
            worker is wanted without an API key or a sender address.
        ComplianceError: A worker is wanted, and the sender lacks what the law wants.
    """
    logs.configure("info")
    with session.opened() as orchestrator, serving.bind(host, port) as listening:
        orchestrator.repository.server_version()  # an unusable database is said now, not at the first webhook
        if with_worker:
            orchestrator.services.require_ready(by_itself=True)
        if orchestrator.services.settings.webhook_public_key:
            _ = orchestrator.services.verifier  # and a key that is none, too
        url = serving.address_of(listening)

        def say() -> None:
            collector.rest()
            output.say(f"Serving on {url} {'with' if with_worker else 'without'} a worker. Ctrl-C stops.")
            if not orchestrator.services.settings.dashboard_password_hash:
                output.say("The dashboard is locked: set OUTREACH_DASHBOARD_PASSWORD_HASH to open it.")
            if not orchestrator.services.settings.webhook_public_key:
                output.say("[yellow]No OUTREACH_WEBHOOK_PUBLIC_KEY is set: webhooks are answered with 503.[/]")

        pages = app.create_pages(orchestrator, start=DEFAULT_TENANT)
        service = app.create_service(orchestrator, with_worker=with_worker, pages=pages)
        serving.Server(service, grace=GRACE, on_accepting=say).run([listening])


def run_sandbox(host: str, port: int, config: SandboxConfig, output: Output) -> None:
    """Run the sandbox until interrupted.

    Raises:
        ConfigurationError: The port is taken, or an address in `config` is no http(s) address.
    """
    with SandboxServer(Sandbox(config), host, port) as server:
        environment = {
            "OUTREACH_SENDGRID_URL": server.url,
            "SENDGRID_API_KEY": SANDBOX_KEY,
            "OUTREACH_WEBHOOK_PUBLIC_KEY": server.sandbox.public_key,
        }
        if config.inbound_url:
            environment["OUTREACH_INBOUND_PUBLIC_KEY"] = server.sandbox.inbound_public_key
            environment |= {"OUTREACH_INBOUND_HOST": config.inbound_host} if config.inbound_host else {}
        if output.structured:
            output.document({"url": server.url, "public_key": server.sandbox.public_key, "environment": environment})
        else:
            output.write("\n".join(f"export {name}={value!r}" for name, value in environment.items()))
        output.say(f"Sandbox on {server.url}; its mail: {server.url}/sandbox/api/messages. Ctrl-C stops.")
        output.say(f"Events go to {config.webhook_url or 'nobody: give --webhook-url'}.")
        output.say(f"Mail from owners goes to {config.inbound_url or 'nobody: give --inbound-url'}.")
        threading.Event().wait()


def relay(*, once: bool, output: Output) -> None:
    """Publish until interrupted, or until the outbox is empty.

    Raises:
        PublishingFailed: With `once`, an event could not be written; it stays in the outbox.
    """
    with session.opened() as orchestrator:
        if once:
            _drain(orchestrator, output)
            return
        orchestrator.repository.server_version()
        with LocalEngine(orchestrator, dispatch=False):
            output.say("Publishing the outbox. Ctrl-C stops.")
            threading.Event().wait()


class _Watched:
    """A publisher that remembers why it failed; the relay only logs it and keeps the event."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.failure: Exception | None = None

    def publish(self, event: dict[str, Any]) -> None:
        try:
            self._publisher.publish(event)
        except Exception as error:
            self.failure = error
            raise


def _drain(orchestrator: OutreachOrchestrator, output: Output) -> None:
    publisher, published = _Watched(LogPublisher()), 0
    while count := orchestrator.relay_events(publisher):
        published += count
    if publisher.failure:
        reason = f"{published} events were published, then one could not be: {publisher.failure}."
        raise failures.PublishingFailed(reason) from publisher.failure
    output.say(f"{published} published.")
