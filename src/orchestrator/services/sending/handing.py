"""Handing a window of mails over, unless somebody has paused what they leave through, or whose they are.

The pause is looked up last of all, when every lock has been waited for: whoever paused before is obeyed, and what is
handed over commits at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from orchestrator.domain.message import OutgoingMail
from orchestrator.repository import Transaction
from orchestrator.services.sending import batch
from orchestrator.services.sending.ledger import Answer, Claim
from orchestrator.services.sending.pacing import Pacer

Begin = Callable[[], AbstractContextManager[Transaction]]

PAUSED = Answer("paused")


class _ClosedMeanwhile(Exception):
    """Takes back what was handed over in a transaction."""


def hand_over(
    begin: Begin,
    pacer: Pacer,
    window: Sequence[tuple[Claim, OutgoingMail]],
    reached: Callable[[str], object],
    *,
    probing: bool,
    gap: timedelta = timedelta(0),
) -> dict[str, Answer] | None:
    """Mark a window as given to the network.

    Args:
        begin: Opens a write transaction.
        pacer: The account's.
        window: The mails, with their claims.
        reached: Called with the name of each step.
        probing: Whether they try if a refusal of the account is over.
        gap: The least time between two mails to one address.

    Returns:
        Why not, by the ids of those attempts that must not leave; None: the account may not send any more.
    """
    tenants = {mail.tenant_id for _, mail in window}
    paused: set[str] = set()
    while True:
        open_ = [(claimed, mail) for claimed, mail in window if mail.tenant_id not in paused]
        closed: set[str] | None = None
        try:
            with begin() as tx:
                refused = batch.hand(tx, open_, pacer.account, gap) if open_ else {}
                reached("handing")
                closed = pacer.closed_to(tx, tenants, probing=probing)
                if closed is None or not closed <= paused:
                    raise _ClosedMeanwhile
        except _ClosedMeanwhile:
            if closed is None:
                return None
            paused |= closed
        else:
            reached("handed")
            return refused | {mail.message_id: PAUSED for _, mail in window if mail.tenant_id in paused}
