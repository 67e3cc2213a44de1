"""The doctor: looks the installation over and says what is wrong, what needs a person, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator import errors
from orchestrator.repository import OutreachRepository, Transaction, accounts, diagnosis, endpoint, replies, schema
from orchestrator.repository.diagnosis import Doubt
from orchestrator.repository.queues import MOST
from orchestrator.services.doubt.endpoint import GAP
from orchestrator.services.gates import fingerprint
from orchestrator.services.gates.compliance import Compliance

Read = Callable[[], AbstractContextManager[Transaction]]

#: Attempts in doubt that are listed one by one.
LISTED = 100

#: Twilio SendGrid, "Email Opt-in and Opt-out Requirements".
_CONSENT = (
    "SendGrid wants affirmative consent for all mail that is not transactional, also where the law does not;"
    " it may suspend an account that writes to owners found in records"
)


class Level(StrEnum):
    """How a finding is to be taken, from the best to the worst."""

    OK = "ok"
    #: Worth knowing.
    NOTE = "note"
    #: Somebody has to decide or do something; everything else goes on.
    PERSON = "person"
    #: Something is broken.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``fix`` says what to do, where there is something to do."""

    name: str
    level: Level
    detail: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found: every check, and the attempts in doubt (up to 100, those that wait for a person first)."""

    findings: tuple[Finding, ...]
    in_doubt: tuple[Doubt, ...] = ()
    waiting: int = 0
    held: int = 0
    duplicates: int = 0

    @property
    def level(self) -> Level:
        """The worst of its findings."""
        return max((finding.level for finding in self.findings), key=list(Level).index)


def examine(
    repository: OutreachRepository, grace: timedelta, compliance: Compliance, *, keyed: bool, deaf: bool = False
) -> Diagnosis:
    """Look everything over; never raises for what it finds.

    Args:
        repository: What is looked over.
        grace: How long an attempt is in doubt before anything is decided about it.
        compliance: Who it sends as.
        keyed: Whether a webhook verification key is configured.
        deaf: Whether mails ask for replies that nothing here is configured to take.
    """
    try:
        database = Finding("database", Level.OK, repository.server_version())
        current = Finding("schema", Level.OK, f"revision {schema.HEAD}")
        with repository.reading() as tx:
            found = (database, current, _compliance(compliance), _replies(tx, deaf))
            return _diagnose(tx, found, grace, keyed)
    except errors.SchemaOutOfDate as error:
        return Diagnosis((Finding("schema", Level.FAILED, str(error), error.fix),))
    except errors.OrchestratorError as error:
        return Diagnosis((Finding("database", Level.FAILED, str(error), error.fix),))


def _diagnose(tx: Transaction, known: tuple[Finding, ...], grace: timedelta, keyed: bool) -> Diagnosis:
    waiting, held = diagnosis.count_doubts(tx)
    duplicates = diagnosis.count_duplicates(tx)
    findings = [
        *known,
        *_copy(tx),
        _counters(tx),
        _in_doubt(waiting, held, grace),
        _duplicates(duplicates),
        _endpoint(tx, waiting, keyed),
        *_pauses(tx),
        Finding("consent", Level.NOTE, _CONSENT),
    ]
    listed = tuple(diagnosis.doubts(tx, LISTED)) if waiting or held else ()
    return Diagnosis(tuple(findings), listed, waiting, held, duplicates)


def _compliance(compliance: Compliance) -> Finding:
    lacks = compliance.lacks()
    if not lacks:
        return Finding("compliance", Level.OK, "nothing is missing that the law wants of the sender")
    what, fix = "; ".join(lack.what for lack in lacks), " ".join(lack.fix for lack in lacks)
    if compliance.live:
        return Finding("compliance", Level.PERSON, f"nothing is sent by itself: {what}", fix)
    return Finding("compliance", Level.NOTE, f"nothing is sent for real now; before that: {what}", fix)


def _replies(tx: Transaction, deaf: bool) -> Finding:
    if deaf:
        detail = "mails ask for replies to OUTREACH_INBOUND_HOST, and every mail that comes in is refused"
        return Finding("replies", Level.PERSON, detail, errors.InboundNotConfigured.fix)
    waiting, unmatched = replies.count_waiting(tx, MOST), replies.count_unmatched(tx, MOST)
    if not waiting and not unmatched:
        return Finding("replies", Level.OK, "none waits for a person")
    detail = f"{_most(waiting)} wait for a person, {_most(unmatched)} belong to no campaign"
    return Finding("replies", Level.NOTE, detail, "outreach reply list --waiting; outreach reply list --unmatched")


def _most(n: int) -> str:
    return f"{n} or more" if n == MOST else str(n)


def _copy(tx: Transaction) -> Iterator[Finding]:
    if not fingerprint.is_same(tx):
        detail = "it is a copy, or was restored or moved: nothing is sent from it by itself"
        yield Finding("copy", Level.PERSON, detail, errors.DatabaseMoved.fix)


def _counters(tx: Transaction) -> Finding:
    wrong = diagnosis.miscounted(tx)
    if not wrong:
        return Finding("counters", Level.OK, "equal to a count of all campaigns")
    tenant_id, status, n = wrong[0]
    detail = f"{len(wrong)} counters differ; the first: {status} of tenant {tenant_id} by {n:+d}"
    return Finding("counters", Level.FAILED, detail, "This is a defect: please report it with this line.")


def _in_doubt(waiting: int, held: int, grace: timedelta) -> Finding:
    if held:
        detail = f"{held} mails wait for a person, {waiting} are still being looked into"
        fix = "Look each one up in SendGrid's Activity feed, then: outreach resolve MESSAGE --sent or --resend"
        return Finding("in doubt", Level.PERSON, detail, fix)
    if waiting:
        return Finding(
            "in doubt", Level.NOTE, f"{waiting} mails are being looked into; grace {grace.total_seconds():g} s"
        )
    return Finding("in doubt", Level.OK, "nobody wonders about any mail")


def _duplicates(n: int) -> Finding:
    if not n:
        return Finding("duplicates", Level.OK, "no mail was reported twice")
    return Finding("duplicates", Level.NOTE, f"{n} mails had been given up and arrived beside a second one")


def _endpoint(tx: Transaction, waiting: int, keyed: bool) -> Finding:
    watch = endpoint.watched(tx)
    up = [span for span in watch.spans if span[1] >= tx.now() - GAP]
    refused = f"; last refused a batch at {_shown(watch.refused_at)} ({watch.refused_why})" if watch.refused_at else ""
    if up:
        since = _shown(min(start for start, _ in up))
        if watch.refused_at is not None and watch.refused_at >= tx.now() - timedelta(days=1):
            fix = "If that was SendGrid, compare its verification key with OUTREACH_WEBHOOK_PUBLIC_KEY."
            return Finding("webhook endpoint", Level.NOTE, f"up since {since}{refused}", fix)
        return Finding("webhook endpoint", Level.OK, f"up since {since}{refused}")
    last = max((end for _, end in watch.spans), default=None)
    detail = f"`outreach serve` does not run; last seen {_shown(last) if last else 'never'}{refused}"
    fix = "Run `outreach serve` where SendGrid reaches it; without it no mail in doubt is sent again by itself."
    if not keyed:
        fix += " It needs OUTREACH_WEBHOOK_PUBLIC_KEY."
    return Finding("webhook endpoint", Level.PERSON if waiting else Level.NOTE, detail, fix)


def _pauses(tx: Transaction) -> Iterator[Finding]:
    for pause in diagnosis.pauses(tx):
        level = Level.NOTE if pause.kind == "operator" else Level.PERSON
        yield Finding(pause.what, level, f"paused since {_shown(pause.since)} ({pause.kind}): {pause.reason}")
    for name, until in accounts.holding_off(tx):
        detail = f"held off: SendGrid asked for nothing before {_shown(until)}"
        fix = "It goes on by itself then. Should that time be absurd: outreach resume"
        yield Finding(accounts.spoken(name), Level.NOTE, detail, fix)


def _shown(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
