"""`OutreachOrchestrator`: the façade. One short method per use case; the work is in `services`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Self

from orchestrator import bootstrap, contracts, settings
from orchestrator.desk import Desk
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.operations import Operations
from orchestrator.publishers.base import Publisher
from orchestrator.repository import OutreachRepository, campaigns, events
from orchestrator.services.campaigns import commands, creating
from orchestrator.services.campaigns.creating import Created
from orchestrator.services.incoming.delivery_events import Receipt
from orchestrator.services.looking import statistics
from orchestrator.services.looking.statistics import Funnel
from orchestrator.services.upkeep.health import Check


class OutreachOrchestrator:
    """Writes to property owners, once and well, and knows what happened.

    Args:
        repository: Where campaigns are kept; None opens ``$DB_DSN`` or the embedded database.
        sendgrid_api_key: SendGrid API key; default ``$SENDGRID_API_KEY``. Needed by the first send, not before.
        from_email: Sender address; default ``$SENDGRID_FROM_EMAIL``.
        from_name: Sender name; default ``$SENDGRID_FROM_NAME``.
        parts: Replacements for transport and clock, for tests.
        **configuration: Any other setting by its field name, for example ``base_url=…`` or ``sandbox_mode=True``; the
            list is in docs/configuration.md. Each wins over its environment variable.

    Raises:
        ConfigurationError: A setting cannot be used; the message names the variable.

    Every id is accepted as ``str`` or ``UUID`` and comes back as ``str``. Safe for many threads. Errors about the
    caller's input are `ValueError`s.
    """

    def __init__(
        self,
        repository: OutreachRepository | None = None,
        sendgrid_api_key: str | None = None,
        from_email: str | None = None,
        from_name: str | None = None,
        *,
        parts: bootstrap.Parts | None = None,
        **configuration: Any,
    ) -> None:
        configured = settings.load(
            sendgrid_api_key=sendgrid_api_key, from_email=from_email, from_name=from_name, **configuration
        )
        self._owns_repository = repository is None
        self.repository = repository or OutreachRepository(configured.dsn)
        self.services = bootstrap.Services(configured, self.repository, parts or bootstrap.Parts())
        #: What people do who run the product: look, pause, resolve.
        self.operations = Operations(self.services)
        #: What people look at: lists, figures, one campaign with all that is known of it.
        self.desk = Desk(self.services)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and threads; a repository that was passed in stays open for its owner."""
        self.services.close()
        if self._owns_repository:
            self.repository.close()

    # Creating

    def create_campaign(
        self,
        tenant_id: Any,
        property_record: Any,
        score_result: Any,
        memo_url: str,
        scheduled_at: datetime | str | None = None,
        *,
        batch: str | None = None,
        context: dict[str, Any] | None = None,
        greeting: str | None = None,
        country: str | None = None,
        consent_basis: str | None = None,
        consent_source: str | None = None,
    ) -> OutreachCampaign:
        """Create the campaign of a property, or return the one it already has, unchanged.

        Args:
            tenant_id: The tenant's UUID.
            property_record: dict or Pydantic object with ``id``, ``owner.email``, ``address``; kept with the campaign.
            score_result: dict or Pydantic object with ``score`` (0–100) and ``reasons``; kept with the campaign.
            memo_url: http(s) address of the memo.
            scheduled_at: When to send: aware datetime or ISO text with an offset; None means now.
            batch: Label of an import, to look at its campaigns as a whole.
            context: Anything of yours to keep; ``context["correlation_id"]`` appears in published events.
            greeting: How the mail begins, instead of what the owner's name gives.
            country: Where the owner lives, as ISO 3166-1 alpha-2; default ``owner.country``, then the United States.
            consent_basis, consent_source: Why the owner may be written to, and where that is known from.

        Returns:
            The campaign; its status is ``suppressed`` when the owner's address must not be written to.

        Raises:
            ValidationError: A field is missing or wrong (a ValueError that names it); nothing was stored.
        """
        item = {"property_record": property_record, "score_result": score_result, "memo_url": memo_url}
        item |= {"scheduled_at": scheduled_at, "batch": batch, "context": context, "greeting": greeting}
        item |= {"country": country, "consent_basis": consent_basis, "consent_source": consent_source}
        return creating.create_one(self.services.begin, contracts.parse_id("tenant_id", tenant_id), item)

    def create_campaigns(self, tenant_id: Any, items: Iterable[Mapping[str, Any]]) -> Iterator[Created]:
        """Create many campaigns; lazily, in order, with one result per item, each after its commit.

        Args:
            tenant_id: The tenant's UUID.
            items: ``{property_record, score_result, memo_url}`` each, and any of the others of `create_campaign`.

        Yields:
            A `Created` with the campaign, or with the error of this item and its index; a bad item stops nothing.
        """
        tenant, notify = contracts.parse_id("tenant_id", tenant_id), self.services.subscribers.notify
        return creating.create_many(self.repository.transaction, tenant, items, notify)

    # Sending

    def send_campaign(
        self, campaign_id: Any, tenant_id: Any, property_record: Any = None, score_result: Any = None
    ) -> dict[str, Any]:
        """Send a campaign's mail now; it ignores schedule and caps, never a suppression.

        Args:
            campaign_id: The campaign's UUID.
            tenant_id: The tenant's UUID.
            property_record: Replaces the stored record for this rendering; must be of the same property.
            score_result: Replaces the stored score for this rendering.

        Returns:
            ``{"status", "message_id", "campaign_id"}``, with ``reason`` where there is one. Status is ``sent``,
            ``already_sent`` (same message id), ``suppressed``, ``sending`` (another worker has it) or ``withdrawn``.

        Raises:
            ValueError: No such campaign for this tenant, a record of another property, or no API key.
            InvalidState: It was cancelled.
            TemplateError: It could not be rendered.
            SendRejected, NotSent: It failed; a later call tries again.
            SendInDoubt: Nobody knows whether it went out; no later call sends it blindly.
        """
        key = self._key(campaign_id, tenant_id)
        rendering = creating.replacements(self.services.read, key, property_record, score_result)
        self.services.require_ready(by_itself=False)
        answer = self.services.dispatcher.send(key, rendering)
        result = {"status": answer.status, "message_id": answer.message_id, "campaign_id": key[1]}
        return result | ({"reason": answer.reason} if answer.reason else {})

    def send_due(
        self, limit: int = 500, concurrency: int = 200, stop: Callable[[], bool] | None = None
    ) -> dict[str, int]:
        """Send up to `limit` campaigns that are due, of all tenants in turn, or until `stop` says so; for cron jobs.

        Returns how many: ``sent``, ``failed``, ``in_doubt``, ``suppressed``, ``held``, ``skipped``, ``postponed``,
        ``requeued``. Raises `DatabaseMoved`, or `ComplianceError` (docs/compliance.md): then nothing was claimed.
        """
        most, at_once = contracts.parse_count("limit", limit), contracts.parse_count("concurrency", concurrency)
        self.services.require_ready(by_itself=True)
        return dict(self.services.dispatcher.send_due(most, at_once, stop))

    # Commands

    def cancel_campaign(self, campaign_id: Any, tenant_id: Any) -> OutreachCampaign:
        """Call a campaign off. Raises `CampaignNotFound`, or `InvalidState` when it was or is being sent."""
        return commands.cancel(self.services.begin, self._key(campaign_id, tenant_id))

    def reschedule_campaign(
        self, campaign_id: Any, tenant_id: Any, scheduled_at: datetime | str | None
    ) -> OutreachCampaign:
        """Give a campaign another time (None: now). Raises `CampaignNotFound`, `InvalidState`, `ValidationError`."""
        when = None if scheduled_at is None else contracts.parse_time("scheduled_at", scheduled_at)
        return commands.reschedule(self.services.begin, self._key(campaign_id, tenant_id), when)

    def hold_campaign(self, campaign_id: Any, tenant_id: Any, reason: str) -> OutreachCampaign:
        """Keep a campaign from going out by itself until it is released. Raises as `reschedule_campaign`."""
        return commands.hold(self.services.begin, self._key(campaign_id, tenant_id), reason)

    def release_campaign(self, campaign_id: Any, tenant_id: Any) -> OutreachCampaign:
        """End a hold: due at its time, or now. Raises `CampaignNotFound`, `InvalidState`."""
        return commands.release(self.services.begin, self._key(campaign_id, tenant_id))

    def update_campaign(self, campaign_id: Any, tenant_id: Any, **changes: Any) -> OutreachCampaign:
        """Change anything `create_campaign` takes but the schedule and ``context``. Raises as above."""
        return commands.update(self.services.begin, self._key(campaign_id, tenant_id), changes)

    def retry_failed(self, tenant_id: Any, limit: int = 1000) -> int:
        """Make up to `limit` failed campaigns due again, except to suppressed addresses; return how many."""
        tenant, most = contracts.parse_id("tenant_id", tenant_id), contracts.parse_count("limit", limit)
        return commands.retry_failed(self.services.begin, tenant, most)

    def record_reply(
        self,
        campaign_id: Any,
        tenant_id: Any,
        text: str,
        *,
        is_interested: bool | None = None,
        occurred_at: datetime | str | None = None,
        label: str | None = None,
    ) -> str:
        """Record an answer, labelled by rule unless by you. Raises `CampaignNotFound`, `ValidationError`.

        The same text counts once at the same `occurred_at`, and once for ever without one.
        """
        key, record = self._key(campaign_id, tenant_id), self.services.reply_intake.record
        return record(key, text, is_interested=is_interested, occurred_at=occurred_at, label=label)

    # Webhooks

    def handle_webhook(self, data: Any) -> Any:
        """Store what SendGrid reports, one event or its list of events, unchecked; `receive_webhook` checks.

        Returns ``{"campaign_id", "event_type", "status"}`` with SendGrid's own word as the type, or None for an event
        that belongs to no campaign of the tenant it names; a list of those for a list.
        Raises `MalformedPayload` for what is neither a dict nor a list.
        """
        return self.services.intake.handle(data)

    def verify_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> None:
        """Check that SendGrid signed exactly these bytes. Raises `WebhookNotConfigured` or a signature error."""
        self.services.intake.verify(raw_body, headers)

    def receive_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Verify and store one POST of the event webhook; when this returns, everything is committed.

        Raises:
            WebhookNotConfigured, SignatureMissing, SignatureInvalid, MalformedPayload: Nothing was stored.
            DatabaseUnreachable: Nothing was stored; SendGrid will send it again.
        """
        return self.services.intake.receive(raw_body, headers)

    def unsubscribe(self, token: str, choice: str | None = None) -> bool:
        """Execute an opt-out link (``all``, ``property``, ``sold``, ``wrong_person``); False: the token is not ours."""
        return self.services.opt_outs.opt_out(token, choice)

    def undo_unsubscribe(self, token: str) -> bool:
        """Take back what was chosen on the opt-out page within ten minutes; False: the token is not ours."""
        return self.services.opt_outs.undo(token)

    # Reading

    def get_campaign(self, campaign_id: Any, tenant_id: Any) -> OutreachCampaign | None:
        """Return one campaign of the tenant, or None."""
        key = self._key(campaign_id, tenant_id)
        with self.services.read() as tx:
            return campaigns.get(tx, key)

    def get_campaigns_by_status(self, status: str, tenant_id: Any, limit: int = 100) -> list[OutreachCampaign]:
        """Return up to `limit` campaigns that have `status` now, newest first. Raises `ValidationError`."""
        wanted, most = contracts.parse_status("status", status), contracts.parse_count("limit", limit)
        tenant = contracts.parse_id("tenant_id", tenant_id)
        with self.services.read() as tx:
            return campaigns.with_status(tx, tenant, wanted, most)

    def get_events(self, campaign_id: Any, tenant_id: Any) -> list[events.OutreachEvent]:
        """Return a campaign's history in the order things happened; empty for an unknown campaign."""
        key = self._key(campaign_id, tenant_id)
        with self.services.read() as tx:
            return events.of_campaign(tx, *key)

    def get_statistics(self, tenant_id: Any) -> dict[str, int]:
        """Return how many campaigns have each status now; statuses nobody has are left out."""
        return statistics.by_status(self.services.read, contracts.parse_id("tenant_id", tenant_id))

    def get_funnel(self, tenant_id: Any, batch: str | None = None) -> Funnel:
        """Return how far campaigns ever got, and the rates with their fractions."""
        tenant, label = contracts.parse_id("tenant_id", tenant_id), contracts.parse_label("batch", batch)
        return statistics.funnel(self.services.read, tenant, label)

    # Events out

    def subscribe(self, type_: str, function: Callable[[dict[str, Any]], object]) -> Callable[[], None]:
        """Call `function` with each CloudEvent of `type_` (``*``: all) right after its commit, in the same thread.

        Errors of `function` are logged, never raised into the caller. Returns a function that ends the subscription.
        """
        return self.services.subscribers.subscribe(type_, function)

    def relay_events(self, publisher: Publisher | None = None, limit: int = 500) -> int:
        """Publish up to `limit` events of the outbox (to the log by default); return how many left."""
        return self.services.relay(publisher).run_once(contracts.parse_count("limit", limit))

    def check_ready(self) -> list[Check]:
        """Say whether this installation can work: the database answers, and its schema is current."""
        return self.operations.check_ready()

    def _key(self, campaign_id: Any, tenant_id: Any) -> tuple[str, str]:
        return contracts.parse_id("tenant_id", tenant_id), contracts.parse_id("campaign_id", campaign_id)
