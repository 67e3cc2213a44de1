"""Sending: claim → render → hand → POST → settle. One mail for `send`, whatever is due for `send_due`."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from orchestrator import errors
from orchestrator.domain.message import Accepted, NotSent, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.domain.pacing import backoff
from orchestrator.domain.policy import LENIENT, Policy
from orchestrator.repository import Transaction
from orchestrator.services.composing.compose import Composer, Replacements
from orchestrator.services.sending import ledger, settle
from orchestrator.services.sending.claiming import Claiming
from orchestrator.services.sending.due import LATEST_START, Round
from orchestrator.services.sending.ledger import Answer, Claim
from orchestrator.services.sending.pacing import Pacer
from orchestrator.services.sending.settling import insist
from orchestrator.services.sending.turns import Turn
from orchestrator.transports.base import Transport
from orchestrator.transports.loop import SenderLoop

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]
Key = tuple[str, str]

#: How long `send` goes on trying a mail that certainly was not sent, in seconds.
RETRY_BUDGET = 30.0
NO_ROOM = "the account's rate (OUTREACH_SEND_RATE) leaves no room for it within 30 seconds"


class Dispatcher:
    """Sends mails.

    Args:
        begin: Opens a write transaction.
        transport: Returns the way out; called at the first send, so that reading needs no API key.
        loop: Runs the transport.
        composer: Writes the mails.
        pause: Waits the given seconds between tries.
        monotonic: Seconds by a clock that is never set.
        reached: Called with the name of each step of a mail, in the order they stand in docs/sending.md.
        policy: What holds for all mail that is sent by itself.
        rate: Mails per second that the account may send, by all workers together; None: as fast as it goes.
        reconsider: Looks at a campaign in doubt; True when its mail never arrived, and another attempt may be made.
    """

    def __init__(
        self,
        begin: Begin,
        transport: Callable[[], Transport],
        loop: SenderLoop,
        composer: Composer,
        pause: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        reached: Callable[[str], object] = lambda _: None,
        policy: Policy = LENIENT,
        rate: float | None = None,
        reconsider: Callable[[Key], bool] = lambda _: False,
    ) -> None:
        self._begin = begin
        self._transport = transport
        self._loop = loop
        self._composer = composer
        self._pause = pause
        self._monotonic = monotonic
        self._reached = reached
        self._policy = policy
        self._rate = rate
        self._reconsider = reconsider
        self._pacer: Pacer | None = None
        self._last_tenant: str | None = None

    def send(self, key: Key, replacements: Replacements | None = None) -> Answer:
        """Send one campaign's mail now, whatever its schedule says; trying again for up to 30 s if it was not sent.

        Returns:
            ``sent``, ``already_sent`` (both with SendGrid's message id), ``suppressed`` (with the reason), ``sending``
            (another worker has it) or ``withdrawn`` (it was cancelled meanwhile).

        Raises:
            MissingApiKey, ConfigurationError: There is no key, or no sender address.
            CampaignNotFound, InvalidState: No such campaign, or it was cancelled.
            TemplateError: It cannot be rendered; the campaign failed, nothing was sent.
            AccountPaused: A person or SendGrid has paused the account, or the tenant; nothing was tried.
            SendRejected, NotSent: The campaign failed; calling again tries again.
            SendInDoubt: Nobody knows whether it went out; calling again does not send it again.
        """
        transport = self._ready()
        pacer = self._pacer_of(transport)
        claimed = self._claim(key, pacer)
        if isinstance(claimed, Answer):
            return claimed
        mail = self._compose(claimed, replacements or Replacements())
        self._reached("composed")
        deadline = self._monotonic() + RETRY_BUDGET
        tries = 0
        while True:
            began = self._monotonic()
            outcome = self._hand_and_post(claimed, mail, transport, pacer)
            if isinstance(outcome, Answer):
                return outcome
            tries += 1
            pacer.tell(outcome, pacer.learn(outcome, began), trying=pacer.refusing)
            if not isinstance(outcome, NotSent) or outcome.account:
                return self._settle(claimed, outcome)
            wait = backoff(tries, retry_after=outcome.retry_after, random=random.random)
            if self._monotonic() + wait >= deadline:
                return self._settle(claimed, outcome)
            log.info("mail not sent, trying again", action="send.retry", reason=outcome.reason, wait=round(wait, 2))
            if not self._take_back(claimed):
                return self._look(claimed)
            self._pause(wait)

    def send_due(
        self, limit: int = 500, concurrency: int = 200, stop: Callable[[], bool] | None = None
    ) -> Counter[str]:
        """Send up to `limit` campaigns that are due, `concurrency` at a time; the unsent go back into the queue.

        Args:
            limit: Most campaigns claimed.
            concurrency: Most mails on their way at the same time.
            stop: Asked again and again; as soon as it says True nothing more is claimed or handed over, and what is
                on its way is waited for.

        Returns:
            How many ended as ``sent``, ``failed``, ``in_doubt``, ``suppressed``, ``requeued``; or, as their gates said,
            ``held``, ``skipped`` or ``postponed``.

        Raises:
            MissingApiKey, ConfigurationError: Nothing can be sent; nothing was touched.
        """
        transport = self._ready()
        with self._begin() as tx:
            recovered = ledger.recover(tx)
        if any(recovered):
            log.warning("found attempts of dead workers", action="send.recovered", requeued_in_doubt=recovered)
        pacer = self._pacer_of(transport)
        claiming = Claiming(self._begin, pacer, self._last_tenant, self._policy, self._pause)
        sending = Round(
            self._begin,
            transport,
            self._compose_or_fail,
            pacer,
            concurrency,
            monotonic=self._monotonic,
            pause=self._pause,
            reached=self._reached,
            stop=stop,
            gap=self._policy.gap,
        )
        try:
            return +self._loop.run(sending.run(claiming, limit))
        except KeyboardInterrupt:
            self._loop.run(sending.drain())  # whoever asks twice gets out at once
            raise
        finally:
            self._last_tenant = claiming.last_tenant

    def _pacer_of(self, transport: Transport) -> Pacer:
        if self._pacer is None or self._pacer.account != transport.account:
            self._pacer = Pacer(self._begin, transport.account, self._rate, self._monotonic, random.random)
        return self._pacer

    def _compose_or_fail(self, claimed: Claim) -> OutgoingMail | None:
        try:
            return self._compose(claimed, Replacements())
        except errors.TemplateError:
            return None  # written down and logged

    def _ready(self) -> Transport:
        """Return the way out, before anything is claimed for a sender that is not there."""
        transport = self._transport()
        self._composer.require_sender()
        return transport

    def _claim(self, key: Key, pacer: Pacer) -> Claim | Answer:
        claimed = self._claim_open(key, pacer)
        if isinstance(claimed, Answer) and claimed.status == "in_doubt" and self._reconsider(key):
            claimed = self._claim_open(key, pacer)
        self._reached("claimed")
        return _undoubted(claimed, key[1]) if isinstance(claimed, Answer) else claimed

    def _claim_open(self, key: Key, pacer: Pacer) -> Claim | Answer:
        with self._begin() as tx:
            claimed = ledger.claim(tx, key, due_only=False)
            if isinstance(claimed, Claim):
                pacer.require_open(tx, key[0])  # when it raises, nothing was claimed
        return claimed

    def _compose(self, claimed: Claim, replacements: Replacements) -> OutgoingMail:
        try:
            return self._composer.compose(claimed.campaign, claimed.message.id, replacements)
        except errors.TemplateError as error:
            self._cannot_compose(claimed, error)
            raise
        except (errors.OrchestratorError, KeyboardInterrupt, SystemExit) as error:
            # Not this campaign's fault: what was reserved goes back as it was.
            with self._begin() as tx:
                settle.give_back(tx, claimed, f"it could not be composed: {error}")
            raise
        except Exception as error:
            # A defect met by this campaign's data. It would meet it again at the head of the queue, for ever.
            self._cannot_compose(claimed, error)
            raise errors.TemplateError(f"The mail could not be composed: {type(error).__name__}: {error}") from error

    def _cannot_compose(self, claimed: Claim, error: Exception) -> None:
        with self._begin() as tx:
            settle.failed(tx, claimed, Rejected(str(error) or type(error).__name__))
        log.error(
            "mail cannot be composed", action="send.uncomposable", campaign_id=claimed.campaign.id, exc_info=error
        )

    def _hand_and_post(
        self, claimed: Claim, mail: OutgoingMail, transport: Transport, pacer: Pacer
    ) -> Answer | Outcome:
        turn = Turn(pacer, self._monotonic, self._pause)
        if not turn.take(RETRY_BUDGET):
            with self._begin() as tx:
                settle.give_back(tx, claimed, NO_ROOM)
            raise errors.NotSent(f"The mail was not sent: {NO_ROOM}", fix="Call again later, or leave it to a worker.")
        latest = self._monotonic() + LATEST_START
        try:
            with self._begin() as tx:
                refusal = ledger.hand(tx, claimed, mail, transport.account)
                self._reached("handing")
                if (
                    refusal is None
                ):  # asked last: somebody may have paused it since, between two tries or while we waited
                    pacer.require_open(tx, mail.tenant_id)
        except errors.AccountPaused as pause:
            with self._begin() as tx:
                settle.give_back(tx, claimed, str(pause))
            raise
        self._reached("handed")
        if refusal:
            return refusal
        return self._loop.run(self._post(mail, transport, latest)) if turn.wait(RETRY_BUDGET) else NotSent(NO_ROOM)

    def _take_back(self, claimed: Claim) -> bool:
        # A crash during the pause must not leave in doubt what certainly was not sent.
        with self._begin() as tx:
            return ledger.take_back(tx, claimed)

    async def _post(self, mail: OutgoingMail, transport: Transport, latest: float) -> Outcome:
        self._reached("posting")
        outcome = await transport.post(mail, latest)
        self._reached("posted")
        return outcome

    def _settle(self, claimed: Claim, outcome: Outcome) -> Answer:
        """Write the outcome down and answer, or raise what it means."""
        message = claimed.message

        def store(tx: Transaction) -> bool:
            ours = _store(tx, claimed, outcome)
            self._reached("settling")
            return ours

        ours = insist(self._begin, self._pause, store)
        self._reached("settled")
        if isinstance(outcome, Accepted):
            return Answer("sent", outcome.message_id)
        if not ours:  # a webhook was faster: it has proved that the mail was accepted
            return self._look(claimed)
        log.error("mail failed", action="send.failed", message_id=message.id, reason=outcome.reason)
        raise _error(outcome)

    def _look(self, claimed: Claim) -> Answer:
        with self._begin() as tx:
            answer = ledger.look(tx, claimed)
        return _undoubted(answer, claimed.message.campaign_id)


def _store(tx: Transaction, claimed: Claim, outcome: Outcome) -> bool:
    if isinstance(outcome, Accepted):
        settle.accepted(tx, [(claimed, outcome)])
        return True
    return settle.unknown(tx, claimed, outcome) if isinstance(outcome, Unknown) else settle.failed(tx, claimed, outcome)


def _undoubted(answer: Answer, campaign_id: str) -> Answer:
    if answer.status == "in_doubt":
        raise errors.SendInDoubt(f"Nobody knows whether campaign {campaign_id} was sent: {answer.reason}")
    return answer


def _error(outcome: NotSent | Rejected | Unknown) -> errors.SendError:
    if isinstance(outcome, Rejected):
        return errors.SendRejected(f"SendGrid refused the mail: {outcome.reason}", status=outcome.status)
    if isinstance(outcome, NotSent):
        return errors.NotSent(f"The mail was not sent: {outcome.reason}")
    return errors.SendInDoubt(f"Nobody knows whether the mail was sent: {outcome.reason}")
