"""The work of ``campaign hold|release|cancel``, ``batch``, ``tenant`` and ``why``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict

from orchestrator.cli import session
from orchestrator.cli.output import Output
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.repository.tenants import Tenant

_COLUMNS = ("id", "status", "next_send_at", "hold_reason")


def hold(campaign_id: str, tenant: str, reason: str, output: Output) -> None:
    """Hold one campaign. Raises `ValidationError`, `CampaignNotFound`, `InvalidState`."""
    with session.opened() as orchestrator:
        campaign = orchestrator.hold_campaign(campaign_id, tenant, reason)
    _write(campaign, output)
    output.say(f"→ outreach campaign release {campaign.id}")


def release(campaign_id: str, tenant: str, output: Output) -> None:
    """Release one campaign. Raises `ValidationError`, `CampaignNotFound`, `InvalidState`."""
    with session.opened() as orchestrator:
        campaign = orchestrator.release_campaign(campaign_id, tenant)
    _write(campaign, output)
    output.say(f"→ outreach why {campaign.id}")


def cancel(campaign_id: str, tenant: str, output: Output) -> None:
    """Cancel one campaign. Raises `ValidationError`, `CampaignNotFound`, `InvalidState`."""
    with session.opened() as orchestrator:
        campaign = orchestrator.cancel_campaign(campaign_id, tenant)
    _write(campaign, output)


def consent(
    campaign_id: str, tenant: str, output: Output, *, basis: str, source: str | None, country: str | None
) -> None:
    """Record a consent. Raises `ValidationError`, `CampaignNotFound`, `InvalidState`."""
    changes = {"consent_basis": basis, "consent_source": source, "country": country}
    with session.opened() as orchestrator:
        campaign = orchestrator.update_campaign(campaign_id, tenant, **changes)
    _write(campaign, output)
    output.say(f"→ outreach why {campaign.id}")


def hold_batch(label: str, tenant: str, reason: str, output: Output) -> None:
    """Hold an import. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        counts = orchestrator.operations.hold_batch(tenant, label, reason)
    _count(label, counts, ("held", "unchanged"), output)


def release_batch(label: str, tenant: str, output: Output) -> None:
    """Release an import. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        counts = orchestrator.operations.release_batch(tenant, label)
    _count(label, counts, ("released", "unchanged"), output)


def cancel_batch(label: str, tenant: str, output: Output) -> None:
    """Cancel an import. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        counts = orchestrator.operations.cancel_batch(tenant, label)
    _count(label, counts, ("cancelled", "on_its_way"), output)


def show_tenant(tenant: str, output: Output) -> None:
    """Write what is decided for a tenant. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        decided = orchestrator.operations.tenant(tenant)
    _show(decided, output)


def set_tenant(tenant: str, missed: str | None, after: int | None, output: Output) -> None:
    """Set a tenant's policy for missed schedules. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        decided = orchestrator.operations.set_missed_schedule(tenant, missed, after)
    _show(decided, output)


def describe_tenant(tenant: str, name: str | None, time_zone: str | None, output: Output) -> None:
    """Say how a tenant is called, and its clock. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        _show(orchestrator.desk.describe_tenant(tenant, name=name, time_zone=time_zone), output)


def why(campaign_id: str, tenant: str, output: Output) -> None:
    """Write what every gate says of a campaign. Raises `ValidationError`, `CampaignNotFound`."""
    with session.opened() as orchestrator:
        trace = orchestrator.operations.why(campaign_id, tenant)
    if output.structured:
        output.document({"leaves": trace.leaves, **asdict(trace)})
        return
    rows = ((v.gate, "open" if v.open else "closed", v.words) for v in trace.gates)
    output.rows("", ("gate", "now", "why"), rows)
    output.write("")
    output.rows("", ("greeting", "why"), [(trace.greeting.text, trace.greeting.reason)])
    closed = [verdict for verdict in trace.gates if not verdict.open]
    if trace.leaves:
        output.say("Nothing is in its way: it leaves with the next round of a worker.")
        return
    output.say(f"It does not leave now: {closed[0].words}.".replace("[", r"\["))
    if trace.leaves_at is not None:
        output.say(f"It can leave by itself at {trace.leaves_at:%Y-%m-%d %H:%M:%S} UTC.")


def _write(campaign: OutreachCampaign, output: Output) -> None:
    told = {name: getattr(campaign, name) for name in _COLUMNS}
    if output.structured:
        output.document(told)
    else:
        output.rows("", _COLUMNS, [tuple(told.values())])


def _count(label: str, counts: Mapping[str, int], words: tuple[str, ...], output: Output) -> None:
    told = {word: counts.get(word, 0) for word in words}
    if output.structured:
        output.document(told)
    else:
        output.rows("", tuple(told), [tuple(told.values())])
    if not any(told.values()):
        look = f"outreach campaign list --batch {shlex.quote(label)}"
        output.say(f"There is nothing to change in an import labelled {label!r}. → {look}")


def _show(decided: Tenant, output: Output) -> None:
    if output.structured:
        output.document(asdict(decided))
    else:
        rows = ((name, _unless_given(name) if value is None else value) for name, value in asdict(decided).items())
        output.rows("", ("field", "value"), ((name, value) for name, value in rows if not name.startswith("pause")))
        output.say(f"Paused: {decided.pause_reason}" if decided.paused_at else "Not paused.")


def _unless_given(name: str) -> str:
    """What to show for a value nobody gave: only the policy for missed mail has a setting behind it."""
    return "as configured" if name.startswith("missed") else "not given"
