"""The sandbox's books against the product's: who was written to, how often, and whether the product knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from orchestrator.cli.chaos.importing import BATCH
from orchestrator.domain.message import MessageState, OutreachMessage
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.repository import campaigns, events, messages, statistics
from orchestrator.repository.campaigns import OutreachCampaign
from orchestrator.services.looking import statistics as numbers

Key = tuple[str, str]
PAGE = 500


@dataclass(slots=True)
class Verdict:
    """What the comparison found; all but the first block must be zero.

    ``held`` are attempts in doubt that wait for a person, ``open`` those in doubt that nobody has been asked about.
    """

    campaigns: int = 0
    accepted: int = 0
    doubted: int = 0
    resent: int = 0
    by_evidence: int = 0
    held: int = 0
    #: How many of them the doctor lists.
    listed: int = 0

    open: int = 0
    duplicates: int = 0
    losses: int = 0
    #: Campaigns whose status is not what happened to their mail.
    wrong_status: int = 0
    #: Counters that a recount contradicts.
    wrong_counters: int = 0
    #: Campaigns of which the platform was not told that they were sent, or told under more than one id.
    wrong_announcements: int = 0
    #: The campaigns behind any of these, with the reason.
    guilty: dict[str, str] = field(default_factory=dict)

    @property
    def wrong(self) -> int:
        """How many things are not as they must be; rows in doubt are judged by the caller."""
        return self.duplicates + self.losses + self.wrong_status + self.wrong_counters + self.wrong_announcements


def judge(
    orchestrator: OutreachOrchestrator,
    created: Sequence[Key],
    truth: Mapping[str, Any],
    published: Sequence[Mapping[str, Any]],
    *,
    withheld: bool,
) -> Verdict:
    """Compare.

    Args:
        orchestrator: The product.
        created: (tenant, campaign) of everybody who is to be written to, once.
        truth: The sandbox's books.
        published: What the platform was told, repetitions included.
        withheld: Whether events were kept back: then a status says no more than that a mail was sent.
    """
    tenants = sorted({tenant for tenant, _ in created})
    known, attempts = _ledger(orchestrator, tenants)
    verdict = Verdict(campaigns=len(created), accepted=_accepted(created, truth))
    announced = _announced(published)
    for key in created:
        mailed = truth["campaigns"].get(key[1], {"accepted": 0, "status": "never sent"})
        fault = _fault_of(known.get(key), attempts[key], mailed, verdict, withheld=withheld)
        if fault is None and mailed["accepted"] and known[key].sent_at and len(announced.get(key[1], ())) != 1:
            verdict.wrong_announcements += 1
            fault = f"announced as sent under {len(announced.get(key[1], ()))} ids"
        if fault is not None:
            verdict.guilty[key[1]] = fault
    _count(orchestrator, tenants, attempts, verdict)
    return verdict


def _accepted(created: Sequence[Key], truth: Mapping[str, Any]) -> int:
    """Return how many mails to owners were accepted; probes are nobody's."""
    return sum(truth["campaigns"].get(campaign, {"accepted": 0})["accepted"] for _, campaign in created)


def evidence(orchestrator: OutreachOrchestrator, key: Key) -> dict[str, Any]:
    """Return everything the store knows of one campaign: itself, its ledger, its history."""
    with orchestrator.services.read() as tx:
        return {
            "campaign": campaigns.get(tx, key),
            "ledger": messages.of_campaigns(tx, [key])[key],
            "history": events.of_campaign(tx, *key),
        }


def _ledger(
    orchestrator: OutreachOrchestrator, tenants: Sequence[str]
) -> tuple[dict[Key, OutreachCampaign], dict[Key, list[OutreachMessage]]]:
    known: dict[Key, OutreachCampaign] = {}
    attempts: dict[Key, list[OutreachMessage]] = {}
    with orchestrator.services.read() as tx:
        for tenant in tenants:
            before: str | None = None
            while page := campaigns.page(tx, tenant, PAGE, before, BATCH):
                known |= {(tenant, campaign.id): campaign for campaign in page}
                before = page[-1].id
        attempts |= messages.of_campaigns(tx, known)
    return known, attempts


def _fault_of(
    campaign: OutreachCampaign | None,
    attempts: Sequence[OutreachMessage],
    mailed: Mapping[str, Any],
    verdict: Verdict,
    *,
    withheld: bool,
) -> str | None:
    """Return what is wrong with a campaign, or None; counts it."""
    if campaign is None:
        verdict.losses += 1
        return "the store does not know it"
    doubted = any(attempt.state is MessageState.IN_DOUBT for attempt in attempts)
    if doubted:
        verdict.held += campaign.hold_reason is not None
        verdict.open += campaign.hold_reason is None
    if mailed["accepted"] > 1:
        verdict.duplicates += mailed["accepted"] - 1
        return f"{mailed['accepted']} mails were accepted"
    if doubted:
        return None
    if not mailed["accepted"]:
        verdict.losses += 1
        return f"no mail was accepted, and the store says {campaign.status}"
    if str(campaign.status) != ("sent" if withheld else mailed["status"]):
        verdict.wrong_status += 1
        return f"the mail came to {mailed['status']}, and the store says {campaign.status}"
    return None


def _announced(published: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return {campaign: ids of the events that told that it was sent}."""
    announced: dict[str, set[str]] = {}
    for event in published:
        if event["type"] == "event.outreach.sent":
            announced.setdefault(event["data"]["campaign_id"], set()).add(event["id"])
    return announced


def _count(
    orchestrator: OutreachOrchestrator,
    tenants: Sequence[str],
    attempts: Mapping[Key, Sequence[OutreachMessage]],
    verdict: Verdict,
) -> None:
    states = Counter(attempt.state for rows in attempts.values() for attempt in rows)
    with orchestrator.services.read() as tx:
        verdict.doubted = statistics.history_by_type(tx, tenants).get("in_doubt", 0)
    verdict.resent = states[MessageState.LOST]
    verdict.by_evidence = verdict.doubted - verdict.resent - states[MessageState.IN_DOUBT]
    verdict.listed = orchestrator.operations.doctor().held
    for tenant in tenants:
        recounted = numbers.recounted(orchestrator.services.read, tenant)
        verdict.wrong_counters += len(recounted.items() ^ orchestrator.get_statistics(tenant).items())


def read_lines(path: Any) -> list[dict[str, Any]]:
    """Return the events that were published; a line that a kill cut off is left out."""
    found: list[dict[str, Any]] = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            found.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return found
