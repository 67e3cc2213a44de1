"""Replies as people look through them: each with what it answers, what followed from it, and what may be meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from orchestrator import contracts, errors
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.suppression import address_key
from orchestrator.repository import Transaction, addresses, reply_lists
from orchestrator.repository import replies as kept
from orchestrator.repository.replies import Reply
from orchestrator.repository.reply_lists import NOBODYS, PARTS, Agreed, Answered
from orchestrator.services.recording import holds

Read = Callable[[], AbstractContextManager[Transaction]]

#: Campaigns that are offered for a mail of nobody.
_GUESSES = 5
#: Replies to one campaign that its page shows.
_OF_CAMPAIGN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One reply with what stands around it.

    ``campaign`` is what it answers; None: nobody knows. ``suppressed`` is why its owner must not be written to, and
    ``held`` how many campaigns to the same owner wait until somebody has read what the owner wrote. ``guesses`` are
    campaigns that a mail of nobody may answer, because the address it came from was written to.
    """

    reply: Reply
    campaign: Answered | None = None
    suppressed: SuppressionReason | None = None
    held: int = 0
    guesses: tuple[Answered, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """A page of replies, newest first; `older` and `newer` are the ids to go on from, or None at an end."""

    letters: list[Letter]
    older: str | None
    newer: str | None
    #: How many each part holds, each counted up to 1,000.
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What people made of the rules' labels: how many they looked at, how many they left, and the change made most."""

    looked_at: int
    left: int
    most_changed: Agreed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What owner and campaign have to do with each other: what was answered, and what is in the way of more mail."""

    letters: list[Letter]
    suppressed: SuppressionReason | None
    #: Replies, oldest first, that keep the owner's other mail waiting, and how many campaigns wait for that.
    holding: list[str]
    held: int


class Correspondence:
    """Replies of all tenants, to be looked at; reached as ``desk.letters``.

    Args:
        read: Opens a transaction that only reads.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def page(
        self, tenant_id: Any, part: str = "waiting", *, limit: int = 20, before: Any = None, after: Any = None
    ) -> Letters:
        """Return one page of replies without their whole mails.

        Args:
            tenant_id: The tenant's UUID.
            part: ``waiting`` for a person, ``latest``, a label, ``automatic``, or ``nobodys``: mail of no campaign.
            limit: Replies on a page.
            before: Go on with those older than this reply id.
            after: Go back to those newer than this reply id; not together with `before`.

        Raises:
            ValidationError: An id is malformed, there is no such part, or the limit is no count.
        """
        tenant, most = contracts.parse_id("tenant_id", tenant_id), contracts.parse_count("limit", limit)
        if part not in PARTS and part != NOBODYS:
            raise errors.ValidationError("part", f"must be one of {', '.join([*PARTS, NOBODYS])}")
        older = None if before is None else contracts.parse_id("before", before)
        newer = None if after is None else contracts.parse_id("after", after)
        with self._read() as tx:
            found = reply_lists.page(tx, tenant, part, most + 1, before=older, after=newer)
            more = len(found) > most
            shown = (found[1:] if more else found) if newer is not None else found[:most]
            letters = _letters(tx, tenant, shown)
            counts = reply_lists.counts(tx, tenant)
        has_older = shown and (more or newer is not None)
        has_newer = shown and (more if newer is not None else older is not None)
        return Letters(
            letters=letters, counts=counts,
            older=shown[-1].id if has_older else None, newer=shown[0].id if has_newer else None,
        )  # fmt: skip

    def letter(self, tenant_id: Any, reply_id: Any) -> Letter:
        """Return one reply of the tenant or of nobody, whole. Raises `ValidationError`, `ReplyNotFound`."""
        tenant, wanted = contracts.parse_id("tenant_id", tenant_id), contracts.parse_id("reply_id", reply_id)
        with self._read() as tx:
            reply = kept.get(tx, wanted)
            if reply is None or reply.tenant_id not in (None, tenant):
                raise errors.ReplyNotFound(wanted)
            return _letters(tx, tenant, [reply])[0]

    def agreement(self, tenant_id: Any) -> Agreement:
        """Return what people made of the labels that rules had given. Raises `ValidationError`."""
        with self._read() as tx:
            judged = reply_lists.agreement(tx, contracts.parse_id("tenant_id", tenant_id))
        changed = [one for one in judged if one.label != one.rule_label]
        return Agreement(
            looked_at=sum(one.n for one in judged),
            left=sum(one.n for one in judged if one.label == one.rule_label),
            most_changed=max(changed, key=lambda one: (one.n, one.rule_label, one.label), default=None),
        )

    def standing(self, tenant_id: Any, campaign_id: Any, owner_address_key: str) -> Standing:
        """Return what the owner of a campaign answered, and what that keeps from leaving. Raises `ValidationError`."""
        tenant, wanted = contracts.parse_id("tenant_id", tenant_id), contracts.parse_id("campaign_id", campaign_id)
        owner = (tenant, owner_address_key)
        with self._read() as tx:
            letters = _letters(tx, tenant, reply_lists.of_campaign(tx, tenant, wanted, _OF_CAMPAIGN))
            known = addresses.get_many(tx, [owner]).get(owner)
            return Standing(
                letters=letters,
                suppressed=known.suppressed(tx.now()) if known else None,
                holding=kept.holding(tx, *owner) if known and known.hold_reason else [],
                held=reply_lists.held_for(tx, tenant, [owner_address_key], holds.OWNER_HELD).get(owner_address_key, 0),
            )


def _letters(tx: Transaction, tenant_id: str, replies: Sequence[Reply]) -> list[Letter]:
    """Put around `replies` what belongs to them, in as many statements for one as for a page."""
    campaigns = reply_lists.answered(tx, tenant_id, {one.campaign_id for one in replies if one.campaign_id})
    owners = {one.id: _owner(one, campaigns) for one in replies if one.matched}
    people = addresses.get_many(tx, {(tenant_id, key) for key in owners.values() if key})
    held = reply_lists.held_for(tx, tenant_id, {key for _, key in people}, holds.OWNER_HELD)
    writers = {one.id: key for one in replies if one.matched is None and (key := _writer(one))}
    offered = reply_lists.written_to(tx, tenant_id, set(writers.values()), _GUESSES * max(1, len(writers)))
    letters = []
    for one in replies:
        owner, writer = owners.get(one.id), writers.get(one.id)
        known = people.get((tenant_id, owner)) if owner else None
        letters.append(
            Letter(
                reply=one,
                campaign=campaigns.get(one.campaign_id or ""),
                suppressed=known.suppressed(tx.now()) if known else None,
                held=held.get(owner, 0) if owner else 0,
                guesses=tuple(c for c in offered if c.owner_address_key == writer)[:_GUESSES] if writer else (),
            )
        )
    return letters


def _owner(reply: Reply, campaigns: dict[str, Answered]) -> str | None:
    campaign = campaigns.get(reply.campaign_id or "")
    return reply.address_key or (campaign.owner_address_key if campaign else None)


def _writer(reply: Reply) -> str | None:
    try:
        return address_key(contracts.parse_email("from", reply.from_email))
    except errors.ValidationError:
        return None
