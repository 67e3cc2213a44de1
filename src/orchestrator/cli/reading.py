"""The work of ``campaign list|show|events`` and ``stats``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator import contracts, errors
from orchestrator.cli import session
from orchestrator.cli.output import Output, as_json
from orchestrator.repository import campaigns
from orchestrator.services.looking.statistics import Funnel

_LIST = ("id", "status", "owner_name", "owner_email", "subject", "batch", "sent_at", "last_error")
_EVENTS = ("occurred_at", "event_type", "machine", "sg_event_id", "reason")


def list_campaigns(
    tenant: str, output: Output, *, status: str | None, batch: str | None, limit: int, before: str | None
) -> None:
    """Write a page of campaigns, newest first. Raises `ValidationError`."""
    tenant_id = contracts.parse_id("--tenant", tenant)
    wanted = None if status is None else contracts.parse_status("--status", status)
    older = None if before is None else contracts.parse_id("--before", before)
    with session.opened() as orchestrator, orchestrator.services.read() as tx:
        found = campaigns.page(tx, tenant_id, limit, before=older, batch=batch, status=wanted)
    output.records("Campaigns", _LIST, (_flat(asdict(campaign)) for campaign in found))
    if len(found) == limit:
        output.say(f"→ older ones: outreach campaign list --limit {limit} --before {found[-1].id}")


def show_campaign(campaign_id: str, tenant: str, output: Output) -> None:
    """Write one campaign. Raises `ValidationError`, `CampaignNotFound`."""
    with session.opened() as orchestrator:
        campaign = orchestrator.get_campaign(campaign_id, tenant)
    if campaign is None:
        raise errors.CampaignNotFound(campaign_id)
    known = {name: value for name, value in asdict(campaign).items() if value is not None}
    if output.structured:
        output.document(known)
        return
    rows = ((name, as_json(value) if isinstance(value, dict) else value) for name, value in known.items())
    output.rows(campaign.subject, ("field", "value"), rows)


def list_events(campaign_id: str, tenant: str, output: Output) -> None:
    """Write a campaign's history. Raises `ValidationError`, `CampaignNotFound`."""
    with session.opened() as orchestrator:
        if orchestrator.get_campaign(campaign_id, tenant) is None:
            raise errors.CampaignNotFound(campaign_id)
        found = orchestrator.get_events(campaign_id, tenant)
    output.records("Events", _EVENTS, ({**asdict(e), "reason": e.event_data.get("reason")} for e in found))


def show_statistics(tenant: str, batch: str | None, output: Output) -> None:
    """Write statistics and funnel. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        counts = orchestrator.get_statistics(tenant)
        funnel = orchestrator.get_funnel(tenant, batch)
    if output.structured:
        output.document({"statistics": counts, "funnel": {"counts": funnel.counts, "rates": _rates(funnel)}})
        return
    output.rows("Campaigns by status now", ("status", "campaigns"), counts.items())
    output.write("")
    output.rows("How far campaigns ever got", ("reached", "campaigns"), funnel.counts.items())
    output.write("")
    rows = (
        (name, _percent(rate["value"]), f"{rate['numerator']}/{rate['denominator']}")
        for name, rate in _rates(funnel).items()
    )
    output.rows("Rates", ("rate", "value", "fraction"), rows)


def _rates(funnel: Funnel) -> dict[str, dict[str, Any]]:
    return {name: {**asdict(rate), "value": rate.value} for name, rate in funnel.rates.items()}


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _flat(campaign: dict[str, Any]) -> dict[str, Any]:
    """A campaign without the records it was made from; `show` has them."""
    return {name: value for name, value in campaign.items() if name not in ("property_record", "score_result")}
