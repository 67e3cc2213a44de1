"""The stage: a database, the service with its worker, and the sandbox, wired like any real installation."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from orchestrator import app, errors, settings
from orchestrator.cli import serving
from orchestrator.cli.demo import crowd
from orchestrator.cli.demo.mailbox import SandboxMailbox
from orchestrator.cli.options import DEFAULT_TENANT
from orchestrator.cli.session import ENV_FILE
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.publishers.log import LogPublisher
from orchestrator.repository import OutreachRepository, queues
from orchestrator.sandbox import Behaviour, Sandbox, SandboxConfig, SandboxServer
from orchestrator.services.campaigns.creating import Created

#: Any key that begins with SG. opens the sandbox; this one opens nothing else.
API_KEY = "SG.demo.only-the-sandbox-takes-this"
BATCH = "sample"
#: Where owners' answers come in; no such host exists, so no mail can go there but the sandbox's.
INBOUND_HOST = "reply.acme-realty.example.test"


#: The campaign whose owner is whoever watches; nothing happens to its mail by itself (``delivered`` decides that).
YOURS: dict[str, Any] = {
    "property_record": {
        "id": "0d3f7c1e-5f0a-4c1d-9a0e-14000ca57001",
        "owner": {"name": "Jordan Owner", "email": "delivered.you@example.test"},
        "address": {"line1": "14 Oak Street", "city": "Springfield", "state": "IL", "zip": "62701"},
        "attrs": {"beds": 3, "baths": 2, "sqft": 1620, "year_built": 1961},
    },
    "score_result": {
        "score": 88,
        "reasons": [
            {"feature": "rents", "weight": 0.4, "direction": "positive", "note": "Rents nearby rose 5% in a year"},
            {"feature": "roof", "weight": 0.3, "direction": "positive", "note": "New roof in 2022, by the city permit"},
            {"feature": "road", "weight": 0.2, "direction": "negative", "note": "The street carries through traffic"},
        ],
    },
    "memo_url": "https://memos.example.test/14-oak-street.pdf",
    "batch": "yours",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What the demo was asked for. `speed` is story seconds per real second, `flush` how long SendGrid gathers."""

    host: str = "127.0.0.1"
    port: int = 8080
    seed: int = 7
    keep: Path | None = None
    speed: float = 20.0
    flush: float = 0.2


class CountingPublisher:
    """Writes events to a file, and counts them by type."""

    def __init__(self, inner: LogPublisher) -> None:
        self._inner = inner
        self.counts: Counter[str] = Counter()

    def publish(self, event: dict[str, Any]) -> None:
        self._inner.publish(event)
        self.counts[event["type"]] += 1


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything that runs."""

    directory: Path
    dsn: str
    url: str
    sandbox_url: str
    sandbox: Sandbox
    orchestrator: OutreachOrchestrator
    published: CountingPublisher
    mailbox: SandboxMailbox
    tenant: str = DEFAULT_TENANT
    _news: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.orchestrator.subscribe("*", lambda _event: self._news.set())

    def import_sample(self) -> list[Created]:
        """Create the campaigns of the shipped sample; a second time, find them."""
        results = list(self.orchestrator.create_campaigns(self.tenant, sample()))
        for result in results:
            if result.error is not None:
                raise result.error
        return results

    def release_held(self) -> None:
        """Do what a person does who has looked at the campaigns that wait for one, such as an estate's."""
        for campaign in self.orchestrator.get_campaigns_by_status("scheduled", self.tenant):
            if campaign.hold_reason is not None:
                self.orchestrator.release_campaign(campaign.id, self.tenant)

    def write_to_you(self) -> str:
        """Create the campaign whose owner is whoever watches the demo, and return its id; a second time, find it."""
        (result,) = self.orchestrator.create_campaigns(self.tenant, [YOURS])
        if result.error is not None or result.campaign is None:
            raise result.error or errors.OrchestratorError("The demo's own campaign is missing.")
        return result.campaign.id

    def mail_of(self, campaign: str) -> str | None:
        """Return the id of a campaign's newest mail in the inbox, once it was delivered."""
        for message in self.sandbox.messages(limit=500):
            if message.custom_args.get("campaign_id") == campaign:
                delivered = any(event["event"] == "delivered" for event in message.events)
                return message.id if delivered else None
        return None

    def inbox(self, mail: str | None = None) -> str:
        """Return the address of the sandbox's inbox, with a mail chosen."""
        return f"{self.url}/t/{self.tenant}/inbox" + (f"?mail={mail}" if mail else "")

    def statistics(self) -> dict[str, int]:
        return self.orchestrator.get_statistics(self.tenant)

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition` holds, looking again after every commit; return whether it does."""
        for _ in range(int(timeout / 0.1)):
            self._news.clear()
            if condition():
                return True
            self._news.wait(0.1)
        return condition()

    def everything_left(self) -> bool:
        """Whether no campaign waits to be sent but those that wait for a person."""
        with self.orchestrator.services.read() as tx:
            held = queues.count_held(tx)
        return self.statistics().get("scheduled", 0) <= held


def sample() -> list[dict[str, Any]]:
    """Return the shipped sample: 24 items as public records would give them; every address is reserved for tests."""
    text = (resources.files("orchestrator.cli") / "sample" / "properties.jsonl").read_bytes()
    return [orjson.loads(line) for line in text.splitlines()]


def ignored_configuration() -> list[str]:
    """Return what is configured here and has no say in a demo."""
    names = [name for name, _, _ in settings.variables() if os.environ.get(name)]
    return names + ([str(ENV_FILE)] if ENV_FILE.is_file() else [])


@contextmanager
def staged(play: Play) -> Iterator[Stage]:
    """Set everything up, and take it down at the end of the block.

    Raises:
        ConfigurationError: No port is free, or the directory cannot be written.
    """
    with ExitStack() as stack:
        directory = folder_of(stack, play.keep, "demo")
        listening = stack.enter_context(serving.bind_near(play.host, play.port))
        url = serving.address_of(listening)
        config = SandboxConfig(
            webhook_url=f"{url}/webhooks/sendgrid",
            inbound_url=f"{url}/webhooks/sendgrid/inbound",
            inbound_host=INBOUND_HOST,
            seed=play.seed,
            behaviour=Behaviour.realistic(),
            speed=play.speed,
            flush_interval=play.flush,
        )
        sandbox_server = stack.enter_context(SandboxServer(Sandbox(config)))
        dsn = f"sqlite:///{directory / 'outreach.db'}"
        orchestrator = _orchestrator(stack, dsn, url, sandbox_server)
        log = stack.enter_context((directory / "events.jsonl").open("a", encoding="utf-8"))
        published = CountingPublisher(LogPublisher(log))
        stage = Stage(
            directory=directory,
            dsn=dsn,
            url=url,
            sandbox_url=sandbox_server.url,
            sandbox=sandbox_server.sandbox,
            orchestrator=orchestrator,
            published=published,
            mailbox=SandboxMailbox(sandbox_server.sandbox, partial(crowd.write, orchestrator, sandbox_server.sandbox)),
        )
        pages = app.create_pages(orchestrator, start=DEFAULT_TENANT, is_open=True, mailbox=stage.mailbox)
        service = app.create_service(orchestrator, with_worker=True, publisher=published, pages=pages)
        stack.enter_context(serving.ServerThread(service, listening))
        yield stage


def folder_of(stack: ExitStack, keep: Path | None, name: str) -> Path:
    """Return the folder `keep`, made where missing, or one named after `name` that goes when `stack` is closed.

    Raises:
        ConfigurationError: The folder cannot be made.
    """
    if keep is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"outreach-{name}-")))
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise errors.ConfigurationError(
            f"The folder {keep} cannot be made: {problem.strerror}.", fix="Choose another folder with --keep."
        ) from None
    return keep.resolve()


def _orchestrator(stack: ExitStack, dsn: str, url: str, sandbox: SandboxServer) -> OutreachOrchestrator:
    repository = OutreachRepository(dsn)
    stack.callback(repository.close)
    with without_configuration():
        orchestrator = OutreachOrchestrator(
            repository,
            sendgrid_api_key=API_KEY,
            from_email="offers@acme-realty.example.test",
            from_name="Acme Realty",
            sendgrid_url=sandbox.url,
            webhook_public_key=sandbox.sandbox.public_key,
            base_url=url,
            inbound_host=INBOUND_HOST,
            inbound_public_key=sandbox.sandbox.inbound_public_key,
            company_name="Acme Realty, Inc.",
            company_tagline="Property analysis for owners",
            postal_address="500 Main Street, Suite 12, Springfield, IL 62701",
        )
    return stack.enter_context(orchestrator)


@contextmanager
def without_configuration() -> Iterator[None]:
    """Hide the environment's settings for a moment: a demo must never find a live key."""
    hidden = {name: os.environ.pop(name) for name, _, _ in settings.variables() if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
