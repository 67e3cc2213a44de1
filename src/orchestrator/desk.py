"""`Desk`: what people look at. One short method per question; the work is in `services`."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from orchestrator import bootstrap, contracts
from orchestrator.domain.specimen import Specimen
from orchestrator.rendering import RenderedMail
from orchestrator.repository import attention, reply_lists, tenants
from orchestrator.repository.events import Latest
from orchestrator.repository.suppression_search import Place, Wanted
from orchestrator.repository.tenants import Tenant
from orchestrator.services.campaigns import tenancy
from orchestrator.services.looking import browse, dispatching, suppression_browse
from orchestrator.services.looking.browse import Dossier, Page
from orchestrator.services.looking.correspondence import Correspondence
from orchestrator.services.looking.dispatching import Board, Recent, Watch
from orchestrator.services.looking.figures import LONGEST_DAYS, Figures
from orchestrator.services.looking.imports import Imports
from orchestrator.services.looking.suppression_browse import Entries
from orchestrator.services.looking.templating import Templating
from orchestrator.services.owners.suppression import parse_kind, parse_reason

#: Tenants that are listed at once.
TENANTS = 500


class Desk:
    """The readers' side of `OutreachOrchestrator`; reached as its `desk`.

    Args:
        services: The wired services.
    """

    def __init__(self, services: bootstrap.Services) -> None:
        self._services = services

    @property
    def templates(self) -> Templating:
        """The templates in use, and edits of them that are only tried out."""
        return self._services.templating

    def test_mails(self, tenant_id: Any, limit: int = 10) -> list[Specimen]:
        """Return a tenant's latest test mails, newest first, and what became of each. Raises `ValidationError`."""
        tenant = contracts.parse_id("tenant_id", tenant_id)
        return self._services.specimens.latest(tenant, contracts.parse_count("limit", limit))

    def test_recipients(self) -> str:
        """Say in words who may get test mails. Raises `ConfigurationError` when OUTREACH_TEST_RECIPIENTS is wrong."""
        return self._services.specimens.recipients().told()

    def tenants(self) -> list[Tenant]:
        """Return up to 500 tenants, those with a name first."""
        with self._services.read() as tx:
            return tenants.known(tx, TENANTS)

    def tenant(self, tenant_id: Any) -> Tenant:
        """Return what was decided for a tenant, its name and its time zone. Raises `ValidationError`."""
        with self._services.read() as tx:
            return tenants.get(tx, contracts.parse_id("tenant_id", tenant_id))

    def describe_tenant(self, tenant_id: Any, *, name: str | None = None, time_zone: str | None = None) -> Tenant:
        """Say how a tenant is called and by which clock it lives; None leaves what there is.

        Args:
            tenant_id: The tenant's UUID.
            name: What people call it.
            time_zone: IANA name, for example ``America/New_York``.

        Raises:
            ValidationError: The id or the name is malformed, or there is no such zone.
        """
        tenant = contracts.parse_id("tenant_id", tenant_id)
        return tenancy.describe(self._services.begin, tenant, name, time_zone)

    def waiting(self, tenant_id: Any) -> dict[str, int]:
        """Return what of a tenant waits for a person, counted up to 1,000: ``held``, ``in_doubt``, ``replies``."""
        tenant = contracts.parse_id("tenant_id", tenant_id)
        with self._services.read() as tx:
            return {
                "held": attention.held(tx, tenant),
                "in_doubt": attention.in_doubt(tx, tenant),
                "replies": reply_lists.waiting(tx, tenant),
            }

    def marks(self, tenant_id: Any) -> dict[str, object]:
        """Return marks that change with what happens: ``campaigns``, ``replies``, ``dispatcher``, ``webhooks``.

        They mean nothing by themselves; asking costs the same at any size. Raises `ValidationError`.
        """
        with self._services.read() as tx:
            return attention.marks(tx, contracts.parse_id("tenant_id", tenant_id))

    def campaigns(
        self, tenant_id: Any, typed: str = "", *, limit: int = 50, before: Any = None, after: Any = None
    ) -> Page:
        """Return one page of campaigns, newest first.

        Args:
            tenant_id: The tenant's UUID.
            typed: What to look for: ``status:bounced owner:@gmail.com batch:spring is:held maple``. What cannot be
                understood is named in the page's ``search.problems``.
            limit: Lines on a page.
            before: Go on with those older than this campaign id.
            after: Go back to those newer than this campaign id.

        Raises:
            ValidationError: An id is malformed, or the limit is no count.
        """
        tenant, most = contracts.parse_id("tenant_id", tenant_id), contracts.parse_count("limit", limit)
        older = None if before is None else contracts.parse_id("before", before)
        newer = None if after is None else contracts.parse_id("after", after)
        return browse.page(self._services.read, tenant, typed, most, before=older, after=newer)

    def count_campaigns(self, tenant_id: Any, typed: str = "") -> int:
        """Return how many campaigns `typed` means, up to 10,000. Raises `ValidationError`."""
        return browse.count(self._services.read, contracts.parse_id("tenant_id", tenant_id), typed)

    def campaign(self, tenant_id: Any, campaign_id: Any) -> Dossier:
        """Return a campaign with its history and its attempts. Raises `ValidationError`, `CampaignNotFound`."""
        key = contracts.parse_id("tenant_id", tenant_id), contracts.parse_id("campaign_id", campaign_id)
        return browse.dossier(self._services.read, key)

    def latest(self, tenant_id: Any, limit: int = 150) -> list[Latest]:
        """Return the last things that happened to a tenant's campaigns, newest first. Raises `ValidationError`."""
        tenant, most = contracts.parse_id("tenant_id", tenant_id), contracts.parse_count("limit", limit)
        return browse.latest(self._services.read, tenant, most)

    def preview(self, tenant_id: Any, campaign_id: Any) -> RenderedMail:
        """Return a campaign's mail as it would be written now; its opt-out link opts nobody out.

        Raises:
            ValidationError, CampaignNotFound: There is no such campaign.
            TemplateError: It cannot be rendered.
        """
        campaign = self.campaign(tenant_id, campaign_id).campaign
        return self._services.composer.preview(campaign)

    @cached_property
    def imports(self) -> Imports:
        """Imports, and how the campaigns of each stand."""
        return Imports(self._services.read, self._services.monotonic)

    def figures(self, tenant_id: Any, days: int = 30) -> Figures:
        """Return the tenant's figures and what happened on each of the last `days` days, by the tenant's clock.

        They are counted at most every few seconds; ``as_of`` says when.

        Raises:
            ValidationError: The id is malformed, or the days are no count; more than 366 are 366.
        """
        tenant = contracts.parse_id("tenant_id", tenant_id)
        return self._services.figures.of(tenant, min(contracts.parse_count("days", days), LONGEST_DAYS))

    @property
    def letters(self) -> Correspondence:
        """What owners answered, to be looked through."""
        return Correspondence(self._services.read)

    def suppressions(
        self, tenant_id: Any, typed: str = "", *, kind: str | None = None, reason: str | None = None, limit: int = 50,
        before: Place | None = None, after: Place | None = None,
    ) -> Entries:  # fmt: skip
        """Return one page of whom and what nobody writes to.

        Args:
            tenant_id: The tenant's UUID.
            typed: Part of an address, a domain or a property's id; empty: all.
            kind: ``address``, ``domain`` or ``property``; None: all.
            reason: One of `SuppressionReason`; None: all.
            limit: Lines on a page.
            before: Go back to those in front of this place.
            after: Go on with those behind this place.

        Raises:
            ValidationError: A value is none of these.
        """
        tenant, most = contracts.parse_id("tenant_id", tenant_id), contracts.parse_count("limit", limit)
        wanted = Wanted(
            contracts.parse_text("typed", typed), parse_kind(kind) if kind else None,
            parse_reason(reason) if reason else None,
        )  # fmt: skip
        return suppression_browse.page(self._services.read, tenant, wanted, most, before=before, after=after)

    @cached_property
    def _watch(self) -> Watch:
        return Watch(self._services.read, self._services.monotonic)

    def board(self, tenant_id: Any) -> Board:
        """Return how a tenant's mail is going: the queue in numbers, holds, doubts, failures. It is bounded."""
        services, tenant = self._services, contracts.parse_id("tenant_id", tenant_id)
        lacking, rate = services.compliance.closed(), services.settings.send_rate
        return dispatching.board(services.read, tenant, services.policy.gap, lacking=lacking, rate=rate)

    def recent(self, tenant_id: Any) -> Recent:
        """Return a tenant's last quarter of an hour: what was due, and what was sent, minute by minute."""
        return self._watch.of(contracts.parse_id("tenant_id", tenant_id))
