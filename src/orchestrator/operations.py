"""`Operations`: what people do who run the product. One short method per use case; the work is in `services`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator import bootstrap, contracts, errors
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.specimen import Specimen
from orchestrator.repository import tenants
from orchestrator.repository.tenants import Tenant
from orchestrator.services.campaigns import batch_commands, tenancy
from orchestrator.services.doubt import resolve
from orchestrator.services.doubt.resolve import Decision
from orchestrator.services.gates import fingerprint
from orchestrator.services.gates import why as asked
from orchestrator.services.gates.why import Installation, Trace
from orchestrator.services.looking import overview
from orchestrator.services.looking.overview import Status
from orchestrator.services.looking.webhook_history import WebhookHistory
from orchestrator.services.owners.replies import Replies
from orchestrator.services.owners.suppression_lists import SuppressionLists
from orchestrator.services.sending import ledger, pausing
from orchestrator.services.upkeep import doctor, health, maintenance
from orchestrator.services.upkeep.doctor import Diagnosis
from orchestrator.services.upkeep.health import Check
from orchestrator.services.upkeep.heartbeats import Pulse


class Operations:
    """The operators' side of `OutreachOrchestrator`; reached as its `operations`.

    Args:
        services: The wired services.
    """

    def __init__(self, services: bootstrap.Services) -> None:
        self._services = services

    # Looking

    def check_ready(self) -> list[Check]:
        """Say whether this installation can work: the database answers, and its schema is current."""
        return health.check(self._services.repository)

    def status(self) -> Status:
        """Say who works and what waits: heartbeats, queues, pauses, the outbox. It costs the same at any size."""
        return overview.look(self._services.read)

    def doctor(self) -> Diagnosis:
        """Look the installation over: database, counters, mails in doubt, duplicates, the webhook endpoint, pauses.

        Never raises for what it finds. It counts all campaigns once, which takes a moment where there are millions.
        """
        s, compliance = self._services.settings, self._services.compliance
        grace = timedelta(seconds=s.in_doubt_grace)
        deaf = bool(s.inbound_host) and not (s.inbound_public_key or s.inbound_secret)
        return doctor.examine(self._services.repository, grace, compliance, keyed=bool(s.webhook_public_key), deaf=deaf)

    @property
    def suppressions(self) -> SuppressionLists:
        """What must not be written to: add, remove, check, list, import, export, sync."""
        return self._services.suppressions

    @property
    def replies(self) -> Replies:
        """What owners answered: list, show, label, release, assign."""
        return self._services.replies

    @property
    def webhooks(self) -> WebhookHistory:
        """What came in by webhook: list, open, find out what is wrong with signatures, take in again."""
        s = self._services
        return WebhookHistory(s.begin, s.read, s.webhook_log, s.intake, lambda: s.inbox)

    # Deciding

    def resolve(
        self, message_id: Any, decision: str, tenant_id: Any = None, *, by: str | None = None, why: str | None = None
    ) -> OutreachCampaign:
        """Decide about a mail in doubt, having found out what no program can; returns its campaign.

        Args:
            message_id: Our id of the attempt, as `doctor` shows it.
            decision: ``sent``: SendGrid took it. ``resend``: it never arrived; another attempt goes through all gates.
            tenant_id: Whose it must be; None: whosever it is.
            by: Who decides; kept in the campaign's history.
            why: What the decision rests on; kept too.

        Raises:
            ValidationError: An id is malformed, or the decision is neither of the two.
            AttemptNotFound: There is no such attempt.
            InvalidState: It is not in doubt.
        """
        if decision not in list(Decision):
            raise errors.ValidationError("decision", f"must be one of {', '.join(Decision)}, not {decision!r}")
        tenant = None if tenant_id is None else contracts.parse_id("tenant_id", tenant_id)
        message = contracts.parse_id("message_id", message_id)
        services = self._services
        return resolve.resolve(
            services.begin, services.read, message, Decision(decision), tenant_id=tenant, by=by, why=why
        )

    def why(self, campaign_id: Any, tenant_id: Any) -> Trace:
        """Say what each gate that a mail passes says of this campaign now, when it can leave, and how it greets.

        Raises:
            CampaignNotFound: The tenant has no such campaign.
        """
        s = self._services
        key = contracts.parse_id("tenant_id", tenant_id), contracts.parse_id("campaign_id", campaign_id)
        installation = Installation(
            account=s.account, policy=s.policy, rate=s.settings.send_rate, compliance=s.compliance.closed()
        )
        return asked.explain(s.read, key, installation)

    def pause(self, reason: str, tenant_id: Any = None) -> bool:
        """Let no worker claim or hand over anything more; what is on its way still arrives.

        Args:
            reason: Why; shown to whoever asks why nothing is sent.
            tenant_id: Pause this tenant only; None: everything.

        Returns:
            False when a person had paused it before.

        Raises:
            ValidationError: No reason, or a malformed id.
        """
        tenant = None if tenant_id is None else contracts.parse_id("tenant_id", tenant_id)
        return pausing.pause(self._services.begin, _reason(reason), tenant)

    def resume(self, tenant_id: Any = None) -> bool:
        """End a pause, whoever made it: of one tenant, or (None) of every account; False when there was none."""
        tenant = None if tenant_id is None else contracts.parse_id("tenant_id", tenant_id)
        return pausing.resume(self._services.begin, tenant)

    # All of an import, or of a tenant

    def hold_batch(self, tenant_id: Any, batch: str, reason: str) -> dict[str, int]:
        """Hold what has not been sent of an import; returns how many are ``held`` now or were so (``unchanged``)."""
        tenant = contracts.parse_id("tenant_id", tenant_id)
        return dict(batch_commands.hold(self._services.begin, tenant, _label(batch), reason))

    def release_batch(self, tenant_id: Any, batch: str) -> dict[str, int]:
        """End every hold in an import; returns how many were ``released`` and how many nobody held (``unchanged``)."""
        tenant = contracts.parse_id("tenant_id", tenant_id)
        return dict(batch_commands.release(self._services.begin, tenant, _label(batch)))

    def cancel_batch(self, tenant_id: Any, batch: str) -> dict[str, int]:
        """Call off what has not been sent of an import; returns how many: ``cancelled``, or ``on_its_way`` already."""
        tenant = contracts.parse_id("tenant_id", tenant_id)
        return dict(batch_commands.cancel(self._services.begin, tenant, _label(batch)))

    def tenant(self, tenant_id: Any) -> Tenant:
        """Return what was decided for a tenant as a whole: its pause, and its policy for missed schedules."""
        with self._services.read() as tx:
            return tenants.get(tx, contracts.parse_id("tenant_id", tenant_id))

    def set_missed_schedule(self, tenant_id: Any, policy: str | None = None, after: int | None = None) -> Tenant:
        """Decide what becomes of the tenant's mail that missed its time.

        Args:
            tenant_id: The tenant's UUID.
            policy: ``send`` (late), ``skip`` (cancelled) or ``hold``; None: as configured.
            after: Seconds after which mail that is due has missed its time; None: as configured.

        Raises:
            ValidationError: A value is none of these.
        """
        tenant = contracts.parse_id("tenant_id", tenant_id)
        return tenancy.set_missed_schedule(self._services.begin, tenant, policy, after)

    def adopt_database(self) -> bool:
        """Let this database, a copy or a restored one, send by itself from now on; False when it did already."""
        return fingerprint.adopt(self._services.begin)

    def send_test(
        self,
        tenant_id: Any,
        to: str,
        *,
        campaign_id: Any = None,
        sample: str | None = None,
        edit: str | None = None,
        template_dir: Path | str | None = None,
        by: str | None = None,
        request_id: Any = None,
    ) -> Specimen:
        """Send a mail to a colleague, to be seen in a real mailbox. No campaign changes, and nothing is counted.

        Args:
            tenant_id: The tenant's UUID.
            to: An address that OUTREACH_TEST_RECIPIENTS names; without it, one at the sender's domain.
            campaign_id: Whose records it is written from; None: a made-up mail.
            sample: The name of the made-up mail; None: the shipped sample.
            edit: The id of templates that were tried out by `desk.templates`; None: those in use.
            template_dir: A folder of templates, instead of those in use.
            by: Who asks; kept with it.
            request_id: A UUID under which asking again sends nothing more.

        Returns:
            The test mail; its ``state`` says what came of it: ``accepted``, ``rejected``, ``not_sent`` or ``unknown``.

        Raises:
            ValidationError: No test mail may go to that address, or a value is malformed; nothing was sent.
            CampaignNotFound, TemplateError: There is no such campaign, or the mail cannot be written.
            MissingApiKey, ConfigurationError, ComplianceError, DatabaseMoved, AccountPaused: Nothing may leave.
            NotSent: More than ten within a minute, or SendGrid asked for a wait.
        """
        tenant, address = contracts.parse_id("tenant_id", tenant_id), contracts.parse_email("to", to)
        campaign = None if campaign_id is None else contracts.parse_id("campaign_id", campaign_id)
        id_ = None if request_id is None else contracts.parse_id("request_id", request_id)
        folder = None if template_dir is None else Path(template_dir)
        write = partial(
            self._services.templating.draft, tenant, campaign_id=campaign, sample=sample, edit=edit, folder=folder
        )
        return self._services.specimens.send(tenant, address, write, by=by, id_=id_)

    # What the loops of a worker do

    def when_due(self, function: Callable[[], object]) -> Callable[[], None]:
        """Call `function` after each commit of this process that made something due; return what ends that."""
        return self._services.repository.when_due(function)

    def pulse(self, kind: str) -> Pulse:
        """Return the heartbeat of this process, a ``worker`` or a ``service``."""
        return Pulse(self._services.begin, kind)

    def recover(self) -> tuple[int, int]:
        """Deal with up to 500 attempts whose worker died: (put back into the queue, put in doubt)."""
        with self._services.begin() as tx:
            return ledger.recover(tx)

    def reconcile(self, limit: int = 500) -> Counter[str]:
        """Look at up to `limit` attempts in doubt whose time has come.

        Returns:
            How many mails were ``resent``, are ``waiting``, were ``held`` for a person or had been ``accepted``; and
            how many ``probes`` were sent.
        """
        return self._services.reconciler.run_once(limit)

    def maintain(self) -> Counter[str]:
        """Delete what is too old, and forget suppressions whose time is over; return how many rows of each table.

        Beside the tables, ``unsuppressed`` counts the campaigns that are due again.
        """
        return maintenance.run(self._services.begin, end_over=self._services.suppressions.end_over)


def _label(batch: str) -> str:
    label = contracts.parse_label("batch", batch)
    if label is None:
        raise errors.ValidationError("batch", "is required", fix="Name the import by the label it was given.")
    return label


def _reason(text: str) -> str:
    reason = contracts.parse_text("reason", text).strip()
    if not reason:
        raise errors.ValidationError("reason", "must say why, for those who find nothing sent")
    return reason
