"""The send ledger's moves for many mails in one transaction, as a dispatcher makes them; the rules are `ledger`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.message import MessageState, OutgoingMail
from orchestrator.repository import Transaction, addresses, campaigns, messages
from orchestrator.services import facts, ledger
from orchestrator.services.ledger import Answer, Claim
from orchestrator.services.standing import Standings


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: attempts to send, and how many campaigns turned out to be suppressed."""

    claims: list[Claim]
    suppressed: int
    #: The tenant whose turn was the last one.
    last_tenant: str | None


def claim_due(tx: Transaction, limit: int, after: str | None) -> Claimed:
    """Reserve up to `limit` campaigns that are due, the tenants in turn, beginning behind tenant `after`.

    Campaigns that somebody else is working on are left to them. Suppression is read without its lock here, to keep
    the suppressed out of the way; `hand` reads it again under the lock.
    """
    due = campaigns.due(tx, tx.now(), limit, after=after)
    known = campaigns.lock_due(tx, due, tx.now())
    standings = Standings(known, messages.of_campaigns(tx, known))
    gates = addresses.get_many(tx, {(c.tenant_id, c.owner_address_key) for c in known.values()})
    decided: list[Claim | Answer] = []
    for key in due:
        if key in standings:
            gate = gates.get((key[0], known[key].owner_address_key))
            decided.append(ledger.decide(tx, standings, key, gate.suppression_reason if gate else None))
    facts.write(tx, standings)
    claimed = [one for one in decided if isinstance(one, Claim)]
    suppressed = sum(isinstance(one, Answer) and one.status == "suppressed" for one in decided)
    return Claimed(claimed, suppressed, due[-1][0] if due else after)


def hand(tx: Transaction, window: Sequence[tuple[Claim, OutgoingMail]], account: str) -> dict[str, Answer]:
    """Mark a window of attempts as given to the network; return {attempt id: why not} for those that must not leave."""
    owners = {(c.campaign.tenant_id, c.campaign.owner_address_key) for c, _ in window}
    addresses.lock(tx, owners)
    gates = addresses.get_many(tx, owners)
    refused = [
        claimed
        for claimed, _ in window
        if gates[claimed.campaign.tenant_id, claimed.campaign.owner_address_key].suppressed_at is not None
    ]
    known = campaigns.lock_many(tx, {(c.campaign.tenant_id, c.campaign.id) for c, _ in window})
    answers = _refuse(tx, refused, known, gates) if refused else {}
    allowed = [(claimed, mail) for claimed, mail in window if claimed.message.id not in answers]
    subjects = {claimed.message.id: mail.subject for claimed, mail in allowed}
    attempts = [claimed.message for claimed, _ in allowed]
    handed = messages.hand_many(tx, attempts, subjects=subjects, until=tx.now() + ledger.LEASE, account=account)
    answers |= {message.id: ledger.WITHDRAWN for message in attempts if message.id not in handed}
    written_to = {(c.campaign.tenant_id, c.campaign.owner_address_key) for c, _ in allowed if c.message.id in handed}
    addresses.note_handed(tx, written_to, tx.now())
    return answers


def _refuse(
    tx: Transaction,
    refused: Sequence[Claim],
    known: dict[campaigns.Key, campaigns.OutreachCampaign],
    gates: dict[addresses.AddressKey, addresses.Address],
) -> dict[str, Answer]:
    """Withdraw attempts to suppressed addresses and take their campaigns off the queue."""
    keys = {(c.campaign.tenant_id, c.campaign.id): known[c.campaign.tenant_id, c.campaign.id] for c in refused}
    standings = Standings(keys, messages.of_campaigns(tx, keys))
    answers: dict[str, Answer] = {}
    for claimed in refused:
        key = (claimed.campaign.tenant_id, claimed.campaign.id)
        reason = str(gates[key[0], claimed.campaign.owner_address_key].suppression_reason)
        now = {message.id: message for message in standings.attempts(key)}[claimed.message.id]
        ours = now.state is MessageState.RESERVED and now.lease_token == claimed.message.lease_token
        if ours or now.state is MessageState.VOIDED:
            standings.suppress(key, reason)
            answers[claimed.message.id] = Answer("suppressed", reason=reason)
        else:
            answers[claimed.message.id] = ledger.WITHDRAWN
    facts.write(tx, standings)
    return answers
