"""What people make of replies: look at them, correct their labels, let the owner's other mail go, find whose one is."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from orchestrator import contracts, errors
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.reply import ReplyKind, ReplyLabel, interest
from orchestrator.repository import Transaction, addresses, campaigns, messages
from orchestrator.repository import replies as kept
from orchestrator.repository.replies import Judged, Reply
from orchestrator.services.campaigns import commands
from orchestrator.services.owners import reply_acts
from orchestrator.services.owners.reply_intake import reply_label
from orchestrator.services.recording import facts, holds
from orchestrator.services.recording.standing import Standings

Begin = Callable[[], AbstractContextManager[Transaction]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A reply with its new label, the one it had before, and the suppressed address that a correction does not free."""

    reply: Reply
    before: str | None
    still_suppressed: str | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """A released reply, how many campaigns may go out again, and the replies that still keep them waiting."""

    reply: Reply
    campaigns: int
    still_held_by: tuple[str, ...] = ()


class Replies:
    """The people's side of replies; reached as ``operations.replies``.

    Args:
        begin: Opens a write transaction.
        read: Opens a transaction that only reads.
    """

    def __init__(self, begin: Begin, read: Begin) -> None:
        self._begin = begin
        self._read = read

    def list(
        self,
        tenant_id: Any,
        limit: int = 50,
        *,
        before: Any = None,
        waiting: bool = False,
        label: str | None = None,
        kind: str | None = None,
    ) -> builtins.list[Reply]:
        """Return up to `limit` replies, newest first.

        Args:
            tenant_id: Whose; None: what came in and belongs to nobody.
            limit: Most replies returned.
            before: Only older ones than the reply with this id, the last one of a page.
            waiting: Only those that somebody has to read: a question, interest, a threat, or what no rule knew.
            label: Only those with this label now.
            kind: Only those of this kind: ``human``, ``automatic``, ``bounce``, ``receipt``, ``complaint``,
                ``opt_out`` or ``unreadable``.

        Raises:
            ValidationError: A value is of the wrong kind.
        """
        tenant = None if tenant_id is None else contracts.parse_id("tenant_id", tenant_id)
        older = None if before is None else contracts.parse_id("before", before)
        wanted = None if label is None else reply_label("label", label)
        chosen = None if kind is None else _kind(kind)
        most = contracts.parse_count("limit", limit)
        with self._read() as tx:
            return kept.page(tx, tenant, most, before=older, waiting=waiting, label=wanted, kind=chosen)

    def get(self, reply_id: Any, tenant_id: Any = None) -> Reply:
        """Return one reply, of the tenant or of nobody; `tenant_id` None: whosever it is.

        Raises:
            ValidationError: An id is malformed.
            ReplyNotFound: There is no such reply.
        """
        wanted, tenant = _ids(reply_id, tenant_id)
        with self._read() as tx:
            return _required(kept.get(tx, wanted), wanted, tenant)

    def judgements(self, tenant_id: Any = None) -> Sequence[Judged]:
        """Return how each rule's judgements fared: its name, its label, the label now, and how many; None: of all."""
        tenant = None if tenant_id is None else contracts.parse_id("tenant_id", tenant_id)
        with self._read() as tx:
            return kept.judged(tx, tenant)

    def label(self, reply_id: Any, label: str, tenant_id: Any = None, *, by: str | None = None) -> Labelled:
        """Say what a person's reply really says, and do what that demands. What the rule said is kept beside it.

        The new label acts as if the rule had found it: `opt_out` suppresses at once. What the old one did is not taken
        back, because nobody can tell what else rests on it: `still_suppressed` names the address to look at.

        Args:
            reply_id: Our id of the reply.
            label: One of `ReplyLabel`.
            tenant_id: Whose it must be; None: whosever it is.
            by: Who says so; kept.

        Raises:
            ValidationError: There is no such label, or an id is malformed.
            ReplyNotFound: There is no such reply.
            InvalidState: No person wrote it.
        """
        wanted, tenant = _ids(reply_id, tenant_id)
        new = reply_label("label", label)
        with self._begin() as tx:
            known = _required(kept.lock(tx, wanted), wanted, tenant)
            if known.kind != ReplyKind.HUMAN:
                raise errors.InvalidState(
                    f"Reply {known.id} was not written by a person (it is {known.kind}), so it has no label."
                )
            columns = {"label": str(new), "labelled_at": tx.now(), "labelled_by": by}
            kept.update(tx, known.id, **columns)
            reply = replace(known, **columns)
            if reply.matched is None or new == known.label:
                return Labelled(reply, known.label)
            reply_acts.relabelled(tx, reply, known.label, by)
            return Labelled(reply, known.label, None if new in reply_acts.SUPPRESSES else _suppressed(tx, reply))

    def release(self, reply_id: Any, tenant_id: Any = None) -> Released:
        """Note that somebody has read a reply; when all of an owner's are, the owner's other mail may go out again.

        Args:
            reply_id: Our id of the reply.
            tenant_id: Whose it must be; None: whosever it is.

        Raises:
            ValidationError: An id is malformed.
            ReplyNotFound: There is no such reply.
        """
        wanted, tenant = _ids(reply_id, tenant_id)
        with self._begin() as tx:
            reply = _required(kept.lock(tx, wanted), wanted, tenant)
            if reply.released_at is None:
                kept.update(tx, reply.id, released_at=tx.now())
                reply = replace(reply, released_at=tx.now())
            if reply.tenant_id is None or reply.address_key is None:
                return Released(reply, 0)
            owner = (reply.tenant_id, reply.address_key)
            addresses.lock(tx, [owner])
            # Behind the lock: another reply of this owner may have been released, or have come in, while we waited.
            others = kept.holding(tx, *owner)
            return Released(reply, 0, tuple(others)) if others else Released(reply, _let_go(tx, owner))

    def assign(self, reply_id: Any, campaign_id: Any, tenant_id: Any, *, by: str | None = None) -> Reply:
        """Give a mail of nobody to the campaign it answers, and do what it demands, as if it had been found.

        Args:
            reply_id: Our id of the reply.
            campaign_id: The campaign's UUID.
            tenant_id: The tenant's UUID.
            by: Who says so; kept.

        Raises:
            ValidationError: An id is malformed.
            ReplyNotFound: There is no such reply.
            CampaignNotFound: The tenant has no such campaign.
            InvalidState: It belongs to a campaign already, or is no mail.
        """
        wanted = contracts.parse_id("reply_id", reply_id)
        key = contracts.parse_id("tenant_id", tenant_id), contracts.parse_id("campaign_id", campaign_id)
        with self._begin() as tx:
            known = _required(kept.lock(tx, wanted), wanted, None)
            if known.matched is not None or known.kind == kept.UNREADABLE:
                what = "is no mail" if known.matched is None else f"belongs to campaign {known.campaign_id} already"
                raise errors.InvalidState(f"Reply {known.id} {what}.", fix="`outreach reply show` says what it is.")
            owner = reply_acts.owner_key(tx, key, None)
            if owner is None:
                raise errors.CampaignNotFound(key[1])
            columns = {
                "tenant_id": key[0], "campaign_id": key[1], "matched_by": "person",
                "address_key": owner if known.kind == ReplyKind.HUMAN else None,
                "details": known.details | ({"assigned_by": by} if by else {}),
            }  # fmt: skip
            kept.update(tx, known.id, **columns)
            reply = replace(known, **columns)
            wants = None if reply.label is None else interest(ReplyLabel(reply.label))
            reply_acts.answer(tx, replace(reply, address_key=owner), reply.received_at, wants)
            return reply


def _ids(reply_id: Any, tenant_id: Any) -> tuple[str, str | None]:
    tenant = None if tenant_id is None else contracts.parse_id("tenant_id", tenant_id)
    return contracts.parse_id("reply_id", reply_id), tenant


def _kind(value: str) -> str:
    known = [*map(str, ReplyKind), kept.UNREADABLE]
    if value not in known:
        raise errors.ValidationError("kind", f"{str(value)[:40]!r} is no kind", fix=f"Use one of {', '.join(known)}.")
    return value


def _required(reply: Reply | None, reply_id: str, tenant_id: str | None) -> Reply:
    if reply is None or (tenant_id is not None and reply.tenant_id not in (None, tenant_id)):
        raise errors.ReplyNotFound(reply_id)
    return reply


def _suppressed(tx: Transaction, reply: Reply) -> str | None:
    """Return the owner's address where it is suppressed."""
    owner = (str(reply.tenant_id), str(reply.address_key))
    known = addresses.get_many(tx, [owner]).get(owner)
    return owner[1] if known is not None and known.suppressed(tx.now()) is not None else None


def _let_go(tx: Transaction, owner: addresses.AddressKey) -> int:
    """End the hold on a locked address and on its campaigns; return how many campaigns that lets go."""
    addresses.hold(tx, owner, None)
    # Whatever has become of them since: one that is suppressed, or has failed, must not be held once it returns.
    locked = campaigns.lock_many(tx, campaigns.held_to(tx, *owner, holds.OWNER_HELD))
    standings = Standings(locked, messages.of_campaigns(tx, locked))
    held = [key for key, one in locked.items() if (one.hold_reason or "").startswith(holds.OWNER_HELD)]
    for key in held:
        holds.release(standings, key, commands.due_at(tx, standings.campaign(key).scheduled_at))
    facts.write(tx, standings)
    return sum(locked[key].status is OutreachStatus.SCHEDULED for key in held)
