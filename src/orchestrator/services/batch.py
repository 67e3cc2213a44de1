"""The send ledger's moves for many mails in one transaction, as a dispatcher makes them; the rules are `ledger`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import MessageState, OutgoingMail, OutreachMessage
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
    gates = addresses.get_many(tx, {(c.tenant_id, c.owner_address_key) for c in known.values()})
    attempts = messages.of_campaigns(tx, known)
    plain = {key for key, campaign in known.items() if _is_plain(campaign, attempts[key], gates)}
    claims = _reserve_plain(tx, [known[key] for key in due if key in plain])
    standings = Standings({key: campaign for key, campaign in known.items() if key not in plain}, attempts)
    decided: list[Claim | Answer] = []
    for key in due:
        if key in standings:
            gate = gates.get((key[0], known[key].owner_address_key))
            decided.append(ledger.decide(tx, standings, key, gate.suppression_reason if gate else None))
    facts.write(tx, standings)
    claims += [one for one in decided if isinstance(one, Claim)]
    suppressed = sum(isinstance(one, Answer) and one.status == "suppressed" for one in decided)
    return Claimed(claims, suppressed, due[-1][0] if due else after)


def _is_plain(
    campaign: OutreachCampaign,
    attempts: Sequence[OutreachMessage],
    gates: Mapping[addresses.AddressKey, addresses.Address],
) -> bool:
    """Say whether nothing has ever happened to a due campaign or its address: then there is nothing to decide."""
    return not attempts and (campaign.tenant_id, campaign.owner_address_key) not in gates


def _reserve_plain(tx: Transaction, due: Sequence[OutreachCampaign]) -> list[Claim]:
    """Reserve the first attempt of each of `due`, as `ledger.decide` would."""
    claims = [Claim(campaign, ledger.first_attempt(tx, campaign), campaign.next_send_at) for campaign in due]
    messages.write(tx, [], [claimed.message for claimed in claims])
    campaigns.take(tx, [(campaign.tenant_id, campaign.id) for campaign in due])
    return claims


def hand(tx: Transaction, window: Sequence[tuple[Claim, OutgoingMail]], account: str) -> dict[str, Answer]:
    """Mark a window of attempts as given to the network; return {attempt id: why not} for those that must not leave."""
    owners = {(c.campaign.tenant_id, c.campaign.owner_address_key) for c, _ in window}
    gates = addresses.lock_to_write(tx, owners, tx.now())
    refused = [
        claimed
        for claimed, _ in window
        if gates[claimed.campaign.tenant_id, claimed.campaign.owner_address_key].suppression is not None
    ]
    answers = _refuse(tx, window, refused, gates) if refused else {}
    allowed = [(claimed, mail) for claimed, mail in window if claimed.message.id not in answers]
    subjects = {claimed.message.id: mail.subject for claimed, mail in allowed}
    attempts = [claimed.message for claimed, _ in allowed]
    handed = messages.hand_many(tx, attempts, subjects=subjects, until=tx.now() + ledger.LEASE, account=account)
    return answers | {message.id: ledger.WITHDRAWN for message in attempts if message.id not in handed}


def _refuse(
    tx: Transaction,
    window: Sequence[tuple[Claim, OutgoingMail]],
    refused: Sequence[Claim],
    gates: Mapping[addresses.AddressKey, addresses.Gate],
) -> dict[str, Answer]:
    """Withdraw attempts to suppressed addresses and take their campaigns off the queue."""
    # All of the window in one order: locked in two goes, they could wait in a circle with somebody else.
    known = campaigns.lock_many(tx, {(c.campaign.tenant_id, c.campaign.id) for c, _ in window})
    keys = {(c.campaign.tenant_id, c.campaign.id): known[c.campaign.tenant_id, c.campaign.id] for c in refused}
    standings = Standings(keys, messages.of_campaigns(tx, keys))
    answers: dict[str, Answer] = {}
    for claimed in refused:
        key = (claimed.campaign.tenant_id, claimed.campaign.id)
        reason = str(gates[key[0], claimed.campaign.owner_address_key].suppression)
        now = {message.id: message for message in standings.attempts(key)}[claimed.message.id]
        ours = now.state is MessageState.RESERVED and now.lease_token == claimed.message.lease_token
        if ours or now.state is MessageState.VOIDED:
            standings.suppress(key, reason)
            answers[claimed.message.id] = Answer("suppressed", reason=reason)
        else:
            answers[claimed.message.id] = ledger.WITHDRAWN
    facts.write(tx, standings)
    return answers
