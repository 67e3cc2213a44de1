"""The probe: a mail to the operator's own address, so that the last mail in doubt has a later one to be judged by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from orchestrator import errors
from orchestrator.clock import new_id
from orchestrator.domain.message import NOBODY, Accepted, OutgoingMail
from orchestrator.repository import Transaction, probes
from orchestrator.services.gates import fingerprint
from orchestrator.transports.base import Transport
from orchestrator.transports.loop import SenderLoop

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

SUBJECT = "Outreach probe: nothing to do"
TEXT = """This mail asks SendGrid for a sign of life; it needs no answer.

An outreach mail was given to SendGrid and the answer was lost. SendGrid reports about every mail it takes. When it has
reported about this later one and not about that one, that one never arrived, and is sent again.

It went to this address because OUTREACH_PROBE_ADDRESS names it.
"""


@dataclass(frozen=True, slots=True)
class Prober:
    """Sends probes.

    Args:
        begin: Opens a write transaction.
        transport: Returns the way out; may raise `MissingApiKey`.
        loop: Runs the transport.
        to_email: The operator's own address.
        from_email: Sender address, or None.
        every: Shortest time between two probes of one account.
    """

    begin: Begin
    transport: Callable[[], Transport]
    loop: SenderLoop
    to_email: str
    from_email: str | None
    every: timedelta

    def send(self, account: str) -> bool:
        """Send one probe through `account`; False when this process cannot or one is out already; or from a copy.

        Raises:
            DatabaseUnreachable: Nothing was sent.
        """
        try:
            transport = self.transport()
        except errors.MissingApiKey:
            return False
        if transport.account != account or not self.from_email:
            return False
        probe_id = new_id()
        with self.begin() as tx:
            if not fingerprint.is_same(tx) or not probes.open_one(tx, account, probe_id, self.every):
                return False
        outcome = self.loop.run(transport.post(self._mail(probe_id, self.from_email)))
        log.info("probe sent", action="reconcile.probe", taken=isinstance(outcome, Accepted), probe_id=probe_id)
        return True

    def _mail(self, probe_id: str, from_email: str) -> OutgoingMail:
        return OutgoingMail(
            message_id=probe_id,
            campaign_id=NOBODY,
            tenant_id=NOBODY,
            property_id=NOBODY,
            to_email=self.to_email,
            to_name=None,
            from_email=from_email,
            from_name=None,
            subject=SUBJECT,
            text=TEXT,
            html=f"<pre>{TEXT}</pre>",
            categories=("outreach-probe",),
        )
