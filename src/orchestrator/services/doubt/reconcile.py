"""Reconciling: what becomes of a mail when nobody knows whether SendGrid took it.

SendGrid cannot be asked, but it reports about every mail it takes. So a report decides, whenever it comes; and silence
decides too, once it is certain that a report would have been heard (`judge`). Each decision is an event in the
campaign's history, with its reason; none is made twice, because it is made under the campaign's lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from orchestrator.domain.message import HELD_IN_DOUBT, MessageState, OutreachMessage
from orchestrator.repository import Transaction, campaigns, endpoint, in_doubt, messages
from orchestrator.repository.endpoint import Watch
from orchestrator.services.doubt.endpoint import GAP
from orchestrator.services.recording import facts
from orchestrator.services.recording.standing import Key, Standings
from orchestrator.services.sending import ledger

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

#: SendGrid's events normally arrive within seconds; it collects them for about half a minute (docs: "Event Webhook").
GRACE = timedelta(minutes=15)
#: SendGrid delivers a batch again for up to 24 hours; with an hour for what was under way, nothing is to come.
HORIZON = timedelta(hours=25)
#: Mails handed over so close to the one in doubt must have been reported about, or its own report may be under way.
BESIDE = timedelta(minutes=1)
#: A mail that was lost so often is not sent again by itself: it may be the mail that SendGrid cannot stand.
MOST_LOST = 5
#: Attempts decided about in one transaction.
AT_ONCE = 50


class Verdict(StrEnum):
    """What is to be done about an attempt in doubt."""

    #: It became doubtful a moment ago.
    EARLY = "early"
    #: Silence means nothing yet.
    WAIT = "waiting"
    #: As `WAIT`, and all that is missing is a report about a later mail.
    LACKS_LATER = "lacks_later"
    #: It never arrived.
    RESEND = "resent"
    #: No report will come any more, and no silence is certain enough: a person decides.
    HOLD = "held"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at the moment of a decision. Times are the database's."""

    now: datetime
    watch: Watch
    #: By account, the hand-over time of the latest mail that SendGrid has reported about.
    reported_through: Mapping[str, datetime]
    #: Hand-over times of mails that SendGrid took and has not reported about, by tenant and account.
    unreported: Mapping[tuple[str, str], Sequence[datetime]]


@dataclass(frozen=True, slots=True)
class Rules:
    """How much silence is evidence; every span follows the grace, so that a scaled one keeps its proportions.

    ``grace`` is how long a report may take that nothing holds up, ``horizon`` how long any may; ``gap`` is
    the longest silence of the webhook endpoint that is none.
    """

    grace: timedelta = GRACE
    horizon: timedelta = HORIZON
    gap: timedelta = GAP

    @property
    def beside(self) -> timedelta:
        """How far from an attempt in doubt a mail is still its neighbour."""
        return min(BESIDE, self.grace / 5)

    def judge(self, attempt: OutreachMessage, known: Known) -> tuple[Verdict, str]:
        """Return what is to be done about an attempt in doubt, and why.

        It is sent again only when all of this is known, so that a report could not have been missed: the grace has
        passed; since the hand-over the webhook endpoint was up without a gap and refused nothing; SendGrid has
        reported about all mails beside it; and about one that was handed over later.
        """
        handed_at = attempt.handed_at or attempt.created_at
        if known.now < (attempt.doubted_at or handed_at) + self.grace:
            return Verdict.EARLY, "SendGrid's reports may take a while"
        missing, reason = self._missing(attempt, handed_at, known)
        if missing is not None and known.now >= handed_at + self.horizon:
            return Verdict.HOLD, reason
        return missing or Verdict.RESEND, reason

    def _missing(self, attempt: OutreachMessage, handed_at: datetime, known: Known) -> tuple[Verdict | None, str]:
        watch, account = known.watch, attempt.account or ""
        if watch.refused_at is not None and watch.refused_at >= handed_at:
            return Verdict.WAIT, f"a batch of events was refused since ({watch.refused_why})"
        up_through = watch.up_through(handed_at)
        if up_through is None or up_through < known.now - self.gap:
            return Verdict.WAIT, "the webhook endpoint was not up all the time since it was handed over"
        if up_through < handed_at + self.grace:
            return Verdict.WAIT, "the webhook endpoint has not been up for long enough since it was handed over"
        beside = known.unreported.get((attempt.tenant_id, account), ())
        if len(beside) >= in_doubt.MOST_NEIGHBOURS or any(abs(at - handed_at) <= self.beside for at in beside):
            return Verdict.WAIT, "SendGrid has not reported about all mails beside it yet"
        reported_through = known.reported_through.get(account)
        # One that lies ahead is of a time before the clock was set back, and tells of an earlier mail.
        if reported_through is None or not handed_at < reported_through <= known.now:
            return Verdict.LACKS_LATER, "SendGrid has not reported about a mail handed over later yet"
        return None, "SendGrid has reported about all mails beside it and about later ones, and never about this one"

    def next_look(self, attempt: OutreachMessage, now: datetime) -> datetime:
        """Return when to look again: after a pause as long as all of the waiting so far, from a minute to an hour."""
        handed_at = attempt.handed_at or attempt.created_at
        first = (attempt.doubted_at or handed_at) + self.grace
        shortest, longest = max(self.grace / 15, timedelta(seconds=0.1)), max(self.grace * 4, timedelta(seconds=1))
        at = now + min(max(now - first, shortest), longest)
        return min(at, handed_at + self.horizon) if now < handed_at + self.horizon else at


class Reconciler:
    """Decides about attempts in doubt; any number may run at once.

    Args:
        begin: Opens a write transaction.
        read: Opens a transaction that only reads.
        rules: How much silence is evidence.
        probe: Sends one mail to the operator through the account it is given, if that is possible and wanted; or None.
    """

    def __init__(self, begin: Begin, read: Begin, rules: Rules, probe: Callable[[str], bool] | None = None) -> None:
        self._begin = begin
        self._read = read
        self._rules = rules
        self._probe = probe

    def run_once(self, limit: int = 500) -> Counter[str]:
        """Look at up to `limit` attempts whose time has come.

        Returns:
            How many were ``resent``, are ``waiting``, were ``held`` for a person, or had been ``accepted`` meanwhile.
        """
        with self._read() as tx:
            due = sorted(set(in_doubt.due(tx, tx.now(), limit)))
        words: Counter[str] = Counter()
        lacking: set[str] = set()
        for start in range(0, len(due), AT_ONCE):
            with self._begin() as tx:
                words += self._decide(tx, due[start : start + AT_ONCE], lacking)
        for account in sorted(lacking):
            if self._probe is not None and self._probe(account):
                words["probes"] += 1
        return words

    def reconsider(self, key: Key) -> bool:
        """Look at one campaign now, whenever its turn would be; True when its mail never arrived and may go again.

        Everything else is left as it is.

        Raises:
            CampaignNotFound: The tenant has no such campaign.
        """
        with self._begin() as tx:
            standings = ledger.locked(tx, key)
            doubtful = [m for m in standings.attempts(key) if m.state is MessageState.IN_DOUBT]
            known = self._known(tx, doubtful)
            judged = [(attempt, *self._rules.judge(attempt, known)) for attempt in doubtful]
            lost = [(attempt, reason) for attempt, verdict, reason in judged if verdict is Verdict.RESEND]
            for attempt, reason in lost:
                give_up(standings, attempt, tx.now(), "lost", reason=reason)
            facts.write(tx, standings)
        return bool(lost)

    def _decide(self, tx: Transaction, keys: Iterable[Key], lacking: set[str]) -> Counter[str]:
        locked = campaigns.lock_many(tx, keys, skip_locked=True)
        standings = Standings(locked, messages.of_campaigns(tx, locked))
        due = [
            attempt
            for key in locked
            for attempt in standings.attempts(key)
            if attempt.check_at is not None and attempt.check_at <= tx.now()
        ]
        known = self._known(tx, [attempt for attempt in due if attempt.state is MessageState.IN_DOUBT])
        words: Counter[str] = Counter()
        for attempt in due:
            if attempt.state is not MessageState.IN_DOUBT:
                standings.change_attempt((attempt.tenant_id, attempt.campaign_id), attempt.id, check_at=None)
                words["accepted"] += attempt.state is MessageState.ACCEPTED
                continue
            verdict, reason = self._rules.judge(attempt, known)
            if verdict is Verdict.RESEND and _lost_before(standings, attempt) >= MOST_LOST:
                verdict, reason = Verdict.HOLD, f"it was lost {MOST_LOST} times before, which is no accident any more"
            self._execute(standings, attempt, verdict, reason, tx.now())
            words[_word(verdict)] += 1
            if verdict is Verdict.LACKS_LATER and attempt.account:
                lacking.add(attempt.account)
        facts.write(tx, standings)
        return words

    def _execute(
        self, standings: Standings, attempt: OutreachMessage, verdict: Verdict, reason: str, now: datetime
    ) -> None:
        key = (attempt.tenant_id, attempt.campaign_id)
        if verdict is Verdict.EARLY:
            at = (attempt.doubted_at or now) + self._rules.grace
            standings.change_attempt(key, attempt.id, check_at=max(at, now))
        elif verdict is Verdict.RESEND:
            give_up(standings, attempt, now, "lost", reason=reason)
        elif verdict is Verdict.HOLD:
            _hold(standings, attempt, reason)
        else:
            standings.change_attempt(key, attempt.id, check_at=self._rules.next_look(attempt, now))
            said = f"in doubt: {reason}"
            if standings.campaign(key).last_error != said:  # said once, not at every look
                standings.change(key, last_error=said)
                standings.tell(key, "waiting", outreach_message_id=attempt.id, reason=reason)

    def _known(self, tx: Transaction, attempts: Sequence[OutreachMessage]) -> Known:
        groups: dict[tuple[str, str], list[OutreachMessage]] = {}
        for attempt in attempts:
            if attempt.account is not None:
                groups.setdefault((attempt.tenant_id, attempt.account), []).append(attempt)
        return Known(
            now=tx.now(),
            watch=endpoint.watched(tx),
            reported_through=in_doubt.reported_through(tx, {account for _, account in groups}),
            unreported={
                (tenant_id, account): in_doubt.unreported_near(tx, tenant_id, account, group, self._rules.beside)
                for (tenant_id, account), group in groups.items()
            },
        )


def give_up(standings: Standings, attempt: OutreachMessage, now: datetime, what: str, **data: str | None) -> None:
    """Call an attempt in doubt lost, and let its campaign go through all gates again for another one."""
    key = (attempt.tenant_id, attempt.campaign_id)
    standings.change_attempt(
        key, attempt.id, state=MessageState.LOST, lease_token=None, lease_until=None, check_at=None
    )
    standings.change(key, last_error=None)
    standings.requeue(key, now)
    standings.tell(key, what, outreach_message_id=attempt.id, **data)
    log.warning("mail was lost", action="reconcile.lost", message_id=attempt.id, reason=data.get("reason"))


def _hold(standings: Standings, attempt: OutreachMessage, reason: str) -> None:
    key = (attempt.tenant_id, attempt.campaign_id)
    standings.change_attempt(key, attempt.id, check_at=None)
    held = standings.campaign(key).hold_reason  # somebody's own reason stays
    standings.change(key, hold_reason=held or HELD_IN_DOUBT, next_send_at=None, last_error=f"in doubt: {reason}")
    standings.tell(key, "held", outreach_message_id=attempt.id, reason=f"{HELD_IN_DOUBT}; {reason}")
    log.error("mail in doubt needs a person", action="reconcile.held", message_id=attempt.id, reason=reason)


def _lost_before(standings: Standings, attempt: OutreachMessage) -> int:
    attempts = standings.attempts((attempt.tenant_id, attempt.campaign_id))
    return sum(other.state is MessageState.LOST and other.step == attempt.step for other in attempts)


def _word(verdict: Verdict) -> str:
    return str(Verdict.WAIT if verdict in (Verdict.EARLY, Verdict.LACKS_LATER) else verdict)
