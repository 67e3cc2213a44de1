"""Test mails: a mail that belongs to no campaign, to a colleague, so that it can be seen in a real mailbox.

It changes no campaign, no counter and no history, and nobody is told of it. A row is written before it leaves and
completed afterwards, as in the ledger; a crash in between leaves a mail of which nobody knows whether it went out, and
the row says so. See docs/adr/0021-test-mails.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.domain import teammates
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail
from orchestrator.domain.specimen import Origin, Specimen, SpecimenState
from orchestrator.domain.suppression import Kind, address_key, domain_of, stands_against
from orchestrator.domain.teammates import Teammates
from orchestrator.domain.text import header_line
from orchestrator.rendering import RenderedMail
from orchestrator.repository import Transaction, accounts, specimens, suppressions, tenants
from orchestrator.repository.suppressions import Subject
from orchestrator.services.composing.compose import Composer
from orchestrator.services.gates import fingerprint
from orchestrator.services.gates.compliance import Compliance
from orchestrator.services.sending.pacing import Pacer
from orchestrator.services.sending.settling import insist
from orchestrator.services.sending.turns import Turn
from orchestrator.settings import Settings
from orchestrator.transports.base import Transport
from orchestrator.transports.loop import SenderLoop

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Test mails of a tenant that may be asked for in `SPAN`.
MOST = 10
SPAN = timedelta(minutes=1)
#: Seconds that somebody waits for a slot of the account's rate.
PATIENCE = 10.0
#: Seconds after it was written down within which the request must begin; later nothing is sent.
LATEST_START = 45.0
#: When a test mail whose outcome was never written down is said to be unknown.
GIVEN_UP = timedelta(seconds=90)
_INTERRUPTED = "what came of it was never written down: the program ended, or lost its database"
_VALIDATED = "SendGrid only checked it and delivers nothing: OUTREACH_SANDBOX_MODE is on"
_MOST_BY = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A written mail, and what it was written from; the fields are those of `Specimen`."""

    mail: RenderedMail
    templates: str
    origin: Origin
    campaign_id: str | None = None
    sample: str | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was written down, and the mail to send; None: it was asked for before."""

    specimen: Specimen
    mail: OutgoingMail | None


class Specimens:
    """Sends test mails, and remembers them.

    Args:
        begin: Opens a write transaction.
        read: Opens a reading transaction.
        transport: Returns the way out; may raise `MissingApiKey`.
        loop: Runs the transport.
        composer: Puts mails into envelopes.
        compliance: Who sends, and whether for real.
        settings: Who may get test mails, and how fast the account may send.
        pause: Waits the given seconds.
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(
        self,
        begin: Begin,
        read: Begin,
        transport: Callable[[], Transport],
        loop: SenderLoop,
        composer: Composer,
        compliance: Compliance,
        settings: Settings,
        pause: Callable[[float], object],
        monotonic: Callable[[], float],
    ) -> None:
        self._begin = begin
        self._read = read
        self._transport = transport
        self._loop = loop
        self._composer = composer
        self._compliance = compliance
        self._settings = settings
        self._pause = pause
        self._monotonic = monotonic

    def recipients(self) -> Teammates:
        """Return who may get test mails.

        Raises:
            ConfigurationError: OUTREACH_TEST_RECIPIENTS cannot be used.
        """
        s = self._settings
        if s.test_recipients is None:
            return teammates.usual([s.from_email, s.probe_address], sandbox=not self._compliance.live)
        try:
            return teammates.listed(s.test_recipients)
        except teammates.NotATeam as problem:
            fix = "List addresses and domains with commas between them: ann@yourcompany.com,@team.yourcompany.com"
            raise errors.ConfigurationError(f"OUTREACH_TEST_RECIPIENTS is wrong: {problem}.", fix=fix) from None

    def send(
        self,
        tenant_id: str,
        to_email: str,
        write: Callable[[], Draft],
        *,
        by: str | None = None,
        id_: str | None = None,
    ) -> Specimen:
        """Send a test mail, once, and return what became of it; what SendGrid says raises nothing.

        Args:
            tenant_id: Whose it is; its pause, its suppression list and its ten a minute hold.
            to_email: A colleague's address.
            write: Writes the mail; called when nothing stands against it so far.
            by: Who asks.
            id_: The request's own id: asked again under it, nothing more is sent.

        Raises:
            ValidationError: The address is nobody's who may get test mails, an owner's, or on the suppression list.
            MissingApiKey, ConfigurationError, ComplianceError, DatabaseMoved: Nothing may leave from here.
            AccountPaused: The account or the tenant is paused.
            NotSent: Ten were asked for within a minute, or SendGrid asked for a wait.
            TemplateError: The mail cannot be written.
        """
        transport = self._transport()
        self._composer.require_sender()
        self._compliance.require()
        self._require_teammate(to_email)
        with self._read() as tx:
            known = specimens.get(tx, tenant_id, id_) if id_ else None
            if known is not None:
                return _honest(known, tx.now())
            _require_open(tx, tenant_id, transport.account, to_email)
        asked = self._open(tenant_id, transport.account, write(), to_email, by, id_ or new_id())
        if asked.mail is None:
            return asked.specimen
        outcome = self._post(asked.mail, transport)
        return self._settle(asked.specimen, outcome)

    def latest(self, tenant_id: str, limit: int) -> list[Specimen]:
        """Return up to `limit` test mails of a tenant, newest first."""
        with self._read() as tx:
            return [_honest(one, tx.now()) for one in specimens.latest(tx, tenant_id, limit)]

    def _require_teammate(self, to_email: str) -> None:
        allowed = self.recipients()
        if not allowed.include(to_email):
            raise errors.ValidationError(
                "to",
                f"No test mail may go to {to_email}: it is not known as an address of your team",
                fix=f"Those that may get test mails: {allowed.told()}. OUTREACH_TEST_RECIPIENTS names others.",
            )

    def _open(self, tenant_id: str, account: str, draft: Draft, to_email: str, by: str | None, id_: str) -> _Asked:
        mail = self._composer.compose_specimen(draft.mail, id_, tenant_id, to_email)
        with self._begin() as tx:
            _require_open(tx, tenant_id, account, to_email)
            accounts.lock(tx, account)  # so that nobody counts beside us
            known = specimens.get(tx, tenant_id, id_)
            if known is not None:
                return _Asked(_honest(known, tx.now()), None)
            if specimens.since(tx, tenant_id, tx.now() - SPAN) >= MOST:
                raise errors.NotSent(
                    f"Nothing was sent: {MOST} test mails were asked for within a minute.", fix="Wait a minute."
                )
            specimen = Specimen(
                id=id_,
                tenant_id=tenant_id,
                asked_at=tx.now(),
                asked_by=header_line(by)[:_MOST_BY] if by else None,
                to_email=to_email,
                campaign_id=draft.campaign_id,
                sample=draft.sample,
                subject=header_line(mail.subject),
                templates=draft.templates,
                origin=draft.origin,
            )
            specimens.add(tx, specimen)
        return _Asked(specimen, mail)

    def _post(self, mail: OutgoingMail, transport: Transport) -> Outcome:
        latest = self._monotonic() + LATEST_START
        pacer = Pacer(self._begin, transport.account, self._settings.send_rate, self._monotonic, random.random)
        turn = Turn(pacer, self._monotonic, self._pause)
        if not (turn.take(PATIENCE) and turn.wait(PATIENCE)):
            return NotSent(f"the account's rate (OUTREACH_SEND_RATE) leaves no room within {PATIENCE:g} seconds")
        began = self._monotonic()
        outcome = self._loop.run(transport.post(mail, latest))
        wait = pacer.learn(outcome, began)
        if wait is not None:  # what SendGrid asks for holds for all; a refusal is for owners' mail to find out
            pacer.tell(outcome, wait, trying=False)
        return outcome

    def _settle(self, specimen: Specimen, outcome: Outcome) -> Specimen:
        reason = None if isinstance(outcome, Accepted) else header_line(outcome.reason)
        if isinstance(outcome, Accepted) and self._settings.sandbox_mode:
            reason = _VALIDATED
        key = specimen.tenant_id, specimen.id

        def store(tx: Transaction) -> Specimen:
            specimens.settle(tx, *key, outcome, reason)
            return specimens.get(tx, *key) or specimen

        stored = insist(self._begin, self._pause, store)
        log.info(
            "test mail settled", action="send.test_mail", state=str(stored.state), test_mail=specimen.id, reason=reason
        )
        return stored


def _honest(specimen: Specimen, now: datetime) -> Specimen:
    """Say of a mail whose outcome should be known by now, and is not, that it is unknown."""
    if specimen.state is SpecimenState.SENDING and specimen.asked_at < now - GIVEN_UP:
        return replace(specimen, state=SpecimenState.UNKNOWN, reason=_INTERRUPTED)
    return specimen


def _require_open(tx: Transaction, tenant_id: str, account: str, to_email: str) -> None:
    """Let nothing pass from a copy of the database, under any pause, to an owner, or to who must not be written to."""
    if not fingerprint.is_same(tx):
        raise errors.DatabaseMoved
    tenant, known = tenants.get(tx, tenant_id), accounts.get(tx, account)
    if tenant.paused_at is not None:
        fix = f"When the reason is gone: outreach resume --tenant {tenant_id}"
        raise errors.AccountPaused(f"Tenant {tenant_id} is paused: {tenant.pause_reason}", fix=fix)
    if known.pause_kind is not None:
        raise errors.AccountPaused(f"Sending is paused ({known.pause_kind}): {known.pause_reason}")
    if known.not_before is not None and known.not_before > tx.now():
        until = f"{known.not_before:%H:%M:%S} UTC"
        raise errors.NotSent(f"Nothing was sent: SendGrid asked for a wait until {until}.", fix="Try again then.")
    _require_no_owner(tx, tenant_id, to_email)


def _require_no_owner(tx: Transaction, tenant_id: str, to_email: str) -> None:
    key = address_key(to_email)
    about = [Subject(tenant_id, Kind.ADDRESS, key), Subject(tenant_id, Kind.DOMAIN, domain_of(key))]
    standing = suppressions.strongest(suppressions.about(tx, about), tx.now())
    against = next((standing[one] for one in about if one in standing), None)
    if against is not None:
        why = str(against.reason) if against.kind is Kind.ADDRESS else f"{against.kind}: {against.reason}"
        raise errors.ValidationError(
            "to",
            f"{to_email} is on the suppression list ({stands_against(why)}), which holds for test mails too",
            fix="Choose another address, or take that entry back on the page Suppressions.",
        )
    campaign = specimens.owned(tx, tenant_id, key)
    if campaign is not None:
        raise errors.ValidationError(
            "to",
            f"{to_email} is the address of an owner (campaign {campaign}), and owners get no test mails",
            fix="Choose an address of your team that stands in no campaign.",
        )
