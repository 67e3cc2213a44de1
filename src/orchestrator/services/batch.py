"""The send ledger's moves for many mails in one transaction, as a dispatcher makes them; the rules are `ledger`'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import MessageState, OutgoingMail, OutreachMessage
from orchestrator.domain.schedule import USUAL, MissedRule
from orchestrator.repository import Transaction, addresses, campaigns, messages
from orchestrator.services import facts, fingerprint, gates, ledger
from orchestrator.services.ledger import Answer, Claim
from orchestrator.services.standing import Standings


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: attempts to send, and how many campaigns left the queue as their gates said."""

    claims: list[Claim]
    #: Of ``suppressed``, ``held``, ``skipped`` and ``later``.
    refused: Counter[str]
    #: The tenant whose turn was the last one.
    last_tenant: str | None
    #: Whether others were faster with all that was found due, so that more may be due behind it.
    contested: bool = False

    @property
    def suppressed(self) -> int:
        """How many turned out to be suppressed."""
        return self.refused["suppressed"]


def claim_due(tx: Transaction, limit: int, after: str | None, missed: MissedRule = USUAL) -> Claimed:
    """Reserve up to `limit` campaigns that are due, the tenants in turn, beginning behind tenant `after`.

    Campaigns that somebody else is working on are left to them. What is known of addresses is read without its lock
    here, to keep the suppressed out of the way; `hand` reads it again under the lock. `missed` says what becomes of
    mail that missed its time, where its tenant has not decided otherwise.

    Raises:
        DatabaseMoved: The database is a copy; nothing was claimed.
    """
    fingerprint.require_same(tx)
    due = campaigns.due(tx, tx.now(), limit, after=after)
    known = campaigns.lock_due(tx, due, tx.now())
    people = addresses.get_many(tx, {(c.tenant_id, c.owner_address_key) for c in known.values()})
    refused = gates.refusals(tx, known, people, missed)
    attempts = messages.of_campaigns(tx, known)
    plain = {key for key, c in known.items() if key not in refused and _is_plain(c, attempts[key], people)}
    claims = _reserve_plain(tx, [known[key] for key in due if key in plain])
    standings = Standings({key: campaign for key, campaign in known.items() if key not in plain}, attempts)
    decided: list[Claim | Answer] = []
    for key in due:
        if key in standings:
            decided.append(ledger.decide(tx, standings, key, refused.get(key)))
    facts.write(tx, standings)
    claims += [one for one in decided if isinstance(one, Claim)]
    words = Counter(one.status for one in decided if isinstance(one, Answer) and one.status in gates.MOVES)
    return Claimed(claims, words, due[-1][0] if due else after, contested=bool(due) and not known)


def _is_plain(
    campaign: OutreachCampaign,
    attempts: Sequence[OutreachMessage],
    people: Mapping[addresses.AddressKey, addresses.Address],
) -> bool:
    """Say whether nothing has ever happened to a due campaign or its address: then there is nothing to decide."""
    return not attempts and (campaign.tenant_id, campaign.owner_address_key) not in people


def _reserve_plain(tx: Transaction, due: Sequence[OutreachCampaign]) -> list[Claim]:
    """Reserve the first attempt of each of `due`, as `ledger.decide` would."""
    claims = [Claim(campaign, ledger.first_attempt(tx, campaign), campaign.next_send_at) for campaign in due]
    messages.write(tx, [], [claimed.message for claimed in claims])
    campaigns.take(tx, [(campaign.tenant_id, campaign.id) for campaign in due])
    return claims


def hand(tx: Transaction, window: Sequence[tuple[Claim, OutgoingMail]], account: str) -> dict[str, Answer]:
    """Mark a window of attempts as given to the network; return {attempt id: why not} for those that must not leave."""
    owners = {(c.campaign.tenant_id, c.campaign.owner_address_key) for c, _ in window}
    people = addresses.lock_to_write(tx, owners, tx.now())
    closed = {owner: refusal for owner, gate in people.items() if (refusal := gates.at_hand(gate)) is not None}
    answers = _refuse(tx, window, closed) if closed else {}
    allowed = [(claimed, mail) for claimed, mail in window if claimed.message.id not in answers]
    subjects = {claimed.message.id: mail.subject for claimed, mail in allowed}
    attempts = [claimed.message for claimed, _ in allowed]
    handed = messages.hand_many(tx, attempts, subjects=subjects, until=tx.now() + ledger.LEASE, account=account)
    return answers | {message.id: ledger.WITHDRAWN for message in attempts if message.id not in handed}


def _refuse(
    tx: Transaction,
    window: Sequence[tuple[Claim, OutgoingMail]],
    closed: Mapping[addresses.AddressKey, gates.Refusal],
) -> dict[str, Answer]:
    """Withdraw attempts to addresses whose gate is closed, and take their campaigns off the queue."""
    # All of the window in one order: locked in two goes, they could wait in a circle with somebody else.
    known = campaigns.lock_many(tx, {(c.campaign.tenant_id, c.campaign.id) for c, _ in window})
    refused = [c for c, _ in window if (c.campaign.tenant_id, c.campaign.owner_address_key) in closed]
    keys = {(c.campaign.tenant_id, c.campaign.id): known[c.campaign.tenant_id, c.campaign.id] for c in refused}
    standings = Standings(keys, messages.of_campaigns(tx, keys))
    answers: dict[str, Answer] = {}
    for claimed in refused:
        key = (claimed.campaign.tenant_id, claimed.campaign.id)
        refusal = closed[key[0], claimed.campaign.owner_address_key]
        now = {message.id: message for message in standings.attempts(key)}[claimed.message.id]
        ours = now.state is MessageState.RESERVED and now.lease_token == claimed.message.lease_token
        same = standings.campaign(key).owner_address_key == claimed.campaign.owner_address_key  # or it was corrected
        if ours or (now.state is MessageState.VOIDED and same):
            gates.apply(standings, key, refusal)
            answers[claimed.message.id] = Answer(str(refusal.effect), reason=refusal.reason)
        else:
            answers[claimed.message.id] = ledger.WITHDRAWN
    facts.write(tx, standings)
    return answers
