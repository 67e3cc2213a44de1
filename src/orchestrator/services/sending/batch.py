"""The send ledger's moves for many mails in one transaction, as a dispatcher makes them; the rules are `ledger`'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import MessageState, OutgoingMail, OutreachMessage
from orchestrator.domain.policy import LENIENT, Policy
from orchestrator.repository import Transaction, addresses, campaigns, due, messages
from orchestrator.services.gates import fingerprint, rules
from orchestrator.services.recording import facts, suppressing
from orchestrator.services.recording.standing import Standings
from orchestrator.services.sending import ledger
from orchestrator.services.sending.ledger import Answer, Claim


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: attempts to send, and how many campaigns left the queue as their gates said."""

    claims: list[Claim]
    #: Of ``suppressed``, ``held``, ``skipped`` and ``postponed``.
    refused: Counter[str]
    #: The tenant whose turn was the last one.
    last_tenant: str | None
    #: Whether others were faster with all that was found due, so that more may be due behind it.
    contested: bool = False

    @property
    def suppressed(self) -> int:
        """How many turned out to be suppressed."""
        return self.refused["suppressed"]


def claim_due(tx: Transaction, limit: int, after: str | None, policy: Policy = LENIENT) -> Claimed:
    """Reserve up to `limit` campaigns that are due, the tenants in turn, beginning behind tenant `after`.

    Campaigns that somebody else is working on are left to them. What is known of addresses is read without its lock
    here, to keep the suppressed out of the way; `hand` reads it again under the lock.

    Raises:
        DatabaseMoved: The database is a copy; nothing was claimed.
    """
    fingerprint.require_same(tx)
    found = due.find(tx, tx.now(), limit, after=after)
    known = campaigns.lock_due(tx, found, tx.now())
    people = addresses.get_many(tx, {(c.tenant_id, c.owner_address_key) for c in known.values()})
    refused = rules.refusals(tx, {key: known[key] for key in found if key in known}, people, policy)
    attempts = messages.of_campaigns(tx, known)
    plain = {key for key, c in known.items() if key not in refused and _is_plain(c, attempts[key], people)}
    claims = _reserve_plain(tx, [known[key] for key in found if key in plain])
    standings = Standings({key: campaign for key, campaign in known.items() if key not in plain}, attempts)
    decided: list[Claim | Answer] = []
    for key in found:
        if key in standings:
            decided.append(ledger.decide(tx, standings, key, refused.get(key)))
    facts.write(tx, standings)
    claims += [one for one in decided if isinstance(one, Claim)]
    words = Counter(one.status for one in decided if isinstance(one, Answer) and one.status in rules.MOVES)
    return Claimed(claims, words, found[-1][0] if found else after, contested=bool(found) and not known)


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


def hand(
    tx: Transaction, window: Sequence[tuple[Claim, OutgoingMail]], account: str, gap: timedelta = timedelta(0)
) -> dict[str, Answer]:
    """Mark a window of attempts as given to the network; return {attempt id: why not} for those that must not leave.

    Args:
        tx: The transaction.
        window: Attempts with their mails.
        account: What they leave through.
        gap: The least time between two mails to one address; zero: any.
    """
    people, closed = _closed(tx, [claimed for claimed, _ in window], gap)
    answers = _refuse(tx, window, closed) if closed else {}
    allowed = [(claimed, mail) for claimed, mail in window if claimed.message.id not in answers]
    subjects = {claimed.message.id: mail.subject for claimed, mail in allowed}
    attempts = [claimed.message for claimed, _ in allowed]
    handed = messages.hand_many(tx, attempts, subjects=subjects, until=tx.now() + ledger.LEASE, account=account)
    stays = [claimed for claimed, _ in window if claimed.message.id not in handed]
    noted = {_owner(c): c.campaign.id for c in stays if people[_owner(c)].last_campaign_id == c.campaign.id}
    addresses.forget_last(tx, noted)  # as for what was withdrawn, or may not be written to for its property or domain
    return dict.fromkeys((claimed.message.id for claimed in stays), ledger.WITHDRAWN) | answers


def _closed(
    tx: Transaction, window: Sequence[Claim], gap: timedelta
) -> tuple[dict[addresses.AddressKey, addresses.Gate], dict[str, rules.Refusal]]:
    """Lock the addresses of `window`; return what they say, and {attempt id: refusal} of those whose gate is closed."""
    firsts: dict[addresses.AddressKey, str] = {}
    for claimed in window:
        firsts.setdefault(_owner(claimed), claimed.campaign.id)
    people = addresses.lock_to_write(tx, firsts, tx.now(), gap)
    if gap and len(firsts) < len(window):
        _prefer_retries(tx, window, people, gap)
    covered = suppressing.covered(tx, [claimed.campaign for claimed in window])
    closed: dict[str, rules.Refusal] = {}
    for claimed in window:
        gate, key = people[_owner(claimed)], (claimed.campaign.tenant_id, claimed.campaign.id)
        refusal = rules.at_hand(gate, claimed.campaign.id, gap, covered.get(key))
        if refusal is not None and refusal.effect is rules.Effect.LATER and gate.last_handed_at == tx.now():
            refusal = rules.after_sibling(tx.now())
        if refusal is not None:
            closed[claimed.message.id] = refusal
    return people, closed


def _prefer_retries(
    tx: Transaction, window: Sequence[Claim], people: dict[addresses.AddressKey, addresses.Gate], gap: timedelta
) -> None:
    """Let a campaign that wrote to an address last try again, where another one of the window was asked for first."""
    again = {
        _owner(claimed): claimed.campaign.id
        for claimed in window
        if people[_owner(claimed)].last_campaign_id == claimed.campaign.id
    }
    people |= addresses.lock_to_write(tx, again, tx.now(), gap)


def _owner(claimed: Claim) -> addresses.AddressKey:
    return (claimed.campaign.tenant_id, claimed.campaign.owner_address_key)


def _refuse(
    tx: Transaction,
    window: Sequence[tuple[Claim, OutgoingMail]],
    closed: Mapping[str, rules.Refusal],
) -> dict[str, Answer]:
    """Withdraw attempts whose gate is closed, by their ids, and do to their campaigns what the refusals say."""
    # All of the window in one order: locked in two goes, they could wait in a circle with somebody else.
    known = campaigns.lock_many(tx, {(c.campaign.tenant_id, c.campaign.id) for c, _ in window})
    refused = [c for c, _ in window if c.message.id in closed]
    keys = {(c.campaign.tenant_id, c.campaign.id): known[c.campaign.tenant_id, c.campaign.id] for c in refused}
    standings = Standings(keys, messages.of_campaigns(tx, keys))
    answers: dict[str, Answer] = {}
    for claimed in refused:
        key = (claimed.campaign.tenant_id, claimed.campaign.id)
        refusal = closed[claimed.message.id]
        now = {message.id: message for message in standings.attempts(key)}[claimed.message.id]
        ours = now.state is MessageState.RESERVED and now.lease_token == claimed.message.lease_token
        same = standings.campaign(key).owner_address_key == claimed.campaign.owner_address_key  # or it was corrected
        voided = now.state is MessageState.VOIDED and refusal.effect is not rules.Effect.LATER
        if ours or (voided and same):
            rules.apply(standings, key, refusal)
            answers[claimed.message.id] = Answer(str(refusal.effect), reason=refusal.reason)
        else:
            answers[claimed.message.id] = ledger.WITHDRAWN
    facts.write(tx, standings)
    return answers
