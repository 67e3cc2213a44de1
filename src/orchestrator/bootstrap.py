"""The composition root: settings in, wired services out. Nothing is created at import or wired elsewhere."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial

from orchestrator import errors, rendering
from orchestrator.clock import Clock, SystemClock, elapsed
from orchestrator.domain.policy import Policy
from orchestrator.domain.schedule import MissedRule
from orchestrator.publishers.base import Publisher
from orchestrator.publishers.log import LogPublisher
from orchestrator.repository import OutreachRepository, accounts
from orchestrator.services.composing.compose import Composer, Sender
from orchestrator.services.doubt.endpoint import GAP, Endpoint
from orchestrator.services.doubt.probe import Prober
from orchestrator.services.doubt.reconcile import Reconciler, Rules
from orchestrator.services.gates.compliance import Compliance, is_live
from orchestrator.services.incoming.delivery_events import DeliveryEvents
from orchestrator.services.incoming.intake import Intake
from orchestrator.services.incoming.webhook_log import WebhookLog
from orchestrator.services.looking.figures import Bureau
from orchestrator.services.looking.templating import Templating
from orchestrator.services.owners.inbox import Inbox
from orchestrator.services.owners.replies import Replies
from orchestrator.services.owners.reply_intake import ReplyIntake
from orchestrator.services.owners.suppression_lists import SuppressionLists, of_account
from orchestrator.services.owners.unsubscribe import OptOuts
from orchestrator.services.sending.dispatch import Dispatcher
from orchestrator.services.sending.specimen import Specimens
from orchestrator.services.upkeep import logs
from orchestrator.services.upkeep.relay import Relay
from orchestrator.services.upkeep.secrets import Secrets
from orchestrator.services.upkeep.subscribers import Subscribers
from orchestrator.settings import Settings
from orchestrator.transports.base import Transport
from orchestrator.transports.loop import SenderLoop
from orchestrator.webhooks.signature import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What may be put in the place of the usual parts, above all by tests."""

    transport: Transport | None = None
    clock: Clock | None = None
    pause: Callable[[float], object] = time.sleep
    #: Seconds by a clock that is never set.
    monotonic: Callable[[], float] = elapsed
    #: Called with the name of each step of sending; for those who prove what a crash at that step leaves behind.
    reached: Callable[[str], object] = lambda _: None
    #: Longest silence of the webhook endpoint that is none, for a clock that runs faster than the machine.
    gap: timedelta = GAP


class Services:
    """Every service of one installation, made when first asked for.

    Args:
        settings: The configuration.
        repository: Where everything is kept.
        parts: Replacements.
    """

    def __init__(self, settings: Settings, repository: OutreachRepository, parts: Parts) -> None:
        logs.to_the_standard_library()
        self.settings = settings
        self.repository = repository
        self.clock = parts.clock or SystemClock()
        self.monotonic = parts.monotonic
        self.subscribers = Subscribers()
        self.begin = partial(repository.transaction, self.subscribers.notify)
        self.read = repository.reading
        self.loop = SenderLoop()
        #: Counts what many people look at once for all of them.
        self.figures = Bureau(self.read, parts.monotonic)
        self.webhook_log = WebhookLog(self.begin, parts.monotonic)
        self._parts = parts
        self._closing: weakref.finalize[..., Services] | None = None

    @cached_property
    def transport(self) -> Transport:
        """The way out. Raises `MissingApiKey` when there is no key."""
        transport = self._parts.transport or self._sendgrid()
        # Callers that never close, as in a script's last line, get it done when the program ends.
        self._closing = weakref.finalize(self, _hang_up, self.loop, transport)
        return transport

    def _sendgrid(self) -> Transport:
        key = self.settings.sendgrid_api_key
        if key is None:
            raise errors.MissingApiKey
        from orchestrator.transports.sendgrid import SendGridTransport

        return SendGridTransport(
            key.get_secret_value(),
            self.settings.sendgrid_url,
            sandbox_mode=self.settings.sandbox_mode,
            monotonic=self._parts.monotonic,
        )

    @cached_property
    def renderer(self) -> rendering.Renderer:
        return rendering.Renderer(self.settings.template_dir)

    @cached_property
    def secrets(self) -> Secrets:
        configured = self.settings.secret_key
        return Secrets(self.begin, configured.get_secret_value() if configured else None)

    @cached_property
    def composer(self) -> Composer:
        s = self.settings
        branding = rendering.Branding(
            company_name=s.company_name,
            from_name=s.from_name,
            tagline=s.company_tagline,
            postal_address=s.postal_address,
            logo_url=s.logo_url,
            color=s.brand_color,
        )
        sender = Sender(
            from_email=s.from_email,
            from_name=s.from_name,
            branding=branding,
            base_url=s.base_url,
            inbound_host=s.inbound_host,
        )
        return Composer(sender, self.renderer, lambda: self.secrets.signer)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        parts = self._parts
        return Dispatcher(
            self.begin,
            lambda: self.transport,
            self.loop,
            self.composer,
            pause=parts.pause,
            monotonic=parts.monotonic,
            reached=parts.reached,
            policy=self.policy,
            rate=self.settings.send_rate,
            reconsider=lambda key: self.reconciler.reconsider(key),
        )

    @cached_property
    def templating(self) -> Templating:
        return Templating(self.settings, self.composer, self.read, self.monotonic)

    @property
    def specimens(self) -> Specimens:
        """Sends test mails."""
        parts, way = self._parts, lambda: self.transport
        return Specimens(
            self.begin, self.read, way, self.loop, self.composer, self.compliance, self.settings,
            parts.pause, parts.monotonic,
        )  # fmt: skip

    @property
    def account(self) -> str:
        """Name of the account that mail leaves through; without a key, of the row that speaks for all of them."""
        try:
            return self.transport.account
        except errors.MissingApiKey:
            return accounts.EVERY

    @property
    def policy(self) -> Policy:
        """What holds for all mail that is sent by itself."""
        missed = MissedRule.of(self.settings.missed_schedule, self.settings.missed_after)
        return Policy(missed=missed, gap=timedelta(hours=self.settings.address_gap))

    @cached_property
    def compliance(self) -> Compliance:
        """What the law wants of whoever sends for real."""
        s = self.settings
        key = s.sendgrid_api_key.get_secret_value() if s.sendgrid_api_key else None
        # Without a key nothing can be sent, and that is what has to be said; a transport of one's own may need none.
        can_send = key is not None or self._parts.transport is not None
        return Compliance(
            live=can_send and is_live(s.sendgrid_url, key),
            company_name=s.company_name,
            postal_address=s.postal_address,
            from_email=s.from_email,
        )

    def require_ready(self, *, by_itself: bool) -> None:
        """Find out before anything is claimed whether mail can leave, and may.

        Args:
            by_itself: Whether a dispatcher sends; what a person or a program sends by name is only warned of.

        Raises:
            MissingApiKey, ConfigurationError: There is no key, or no sender address.
            ComplianceError: It may not leave by itself.
        """
        _ = self.transport
        self.composer.require_sender()
        if by_itself:
            self.compliance.require()
        else:
            self.compliance.warn()

    @cached_property
    def webhook_endpoint(self) -> Endpoint:
        """This process's side of the webhook endpoint."""
        return Endpoint(self.begin, self._parts.gap, self._parts.monotonic)

    @cached_property
    def intake(self) -> Intake:
        store, watch = DeliveryEvents(self.begin), self.webhook_log.watching
        return Intake(lambda: self.verifier, self.webhook_endpoint, store, self.opt_out_prefix, watch)

    @cached_property
    def reconciler(self) -> Reconciler:
        s, grace = self.settings, timedelta(seconds=self.settings.in_doubt_grace)
        probe = None
        if s.probe_address:
            prober = Prober(self.begin, lambda: self.transport, self.loop, s.probe_address, s.from_email, grace)
            probe = prober.send
        return Reconciler(self.begin, self.read, Rules(grace, gap=self._parts.gap), probe)

    @cached_property
    def opt_outs(self) -> OptOuts:
        return OptOuts(self.begin, self.read, lambda: self.secrets.signer)

    @cached_property
    def suppressions(self) -> SuppressionLists:
        key, url = self.settings.sendgrid_api_key, self.settings.sendgrid_url
        secret = key.get_secret_value() if key else None
        return SuppressionLists(self.begin, self.read, partial(of_account, secret, url), self.loop)

    @cached_property
    def verifier(self) -> Verifier:
        """Checks webhook signatures. Raises `WebhookNotConfigured` when no key is configured."""
        if not self.settings.webhook_public_key:
            raise errors.WebhookNotConfigured
        return Verifier(self.settings.webhook_public_key)

    @cached_property
    def reply_intake(self) -> ReplyIntake:
        """Takes in what owners answer."""
        return ReplyIntake(
            self.begin, lambda: self.secrets.signer, [m for m in (self.settings.inbound_host, self.opt_out_prefix) if m]
        )

    @cached_property
    def replies(self) -> Replies:
        return Replies(self.begin, self.read)

    @cached_property
    def inbound_verifier(self) -> Verifier | None:
        """Checks signatures of inbound mail; None when no key is configured."""
        keys = self.settings.inbound_public_key
        return Verifier(keys, "OUTREACH_INBOUND_PUBLIC_KEY") if keys else None

    @cached_property
    def inbox(self) -> Inbox:
        """Where SendGrid brings inbound mail."""
        secret = self.settings.inbound_secret
        known = secret.get_secret_value() if secret else None
        return Inbox(lambda: self.inbound_verifier, known, self.reply_intake, self.webhook_log.watching)

    @property
    def opt_out_prefix(self) -> str | None:
        """What every opt-out link of ours begins with; a click on one is no sign of interest."""
        return f"{self.settings.base_url}/u/" if self.settings.base_url else None

    def relay(self, publisher: Publisher | None = None) -> Relay:
        """Return a relay to `publisher`; None publishes to the log."""
        return Relay(self.begin, publisher or LogPublisher())

    def close(self) -> None:
        """Close connections and stop the sender's thread; the database stays open, it is its owner's."""
        self.webhook_log.flush()
        if self._closing is not None:
            self._closing()
            self._closing = None
            del self.transport  # the next send makes a new one
        self.loop.close()


def _hang_up(loop: SenderLoop, transport: Transport) -> None:
    loop.run(transport.aclose())
    loop.close()
