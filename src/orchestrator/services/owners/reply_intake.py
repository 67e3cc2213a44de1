"""Mail that comes back: stored once, given to the campaign it answers, judged by rule, and obeyed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog

from orchestrator import contracts, errors
from orchestrator.clock import new_id
from orchestrator.domain.reply import (
    Automatic,
    InboundMail,
    ReplyKind,
    ReplyLabel,
    automatic,
    classify,
    interest,
    new_text,
)
from orchestrator.domain.text import header_line, storable
from orchestrator.repository import Transaction, campaigns, messages
from orchestrator.repository import replies as kept
from orchestrator.repository.replies import UNREADABLE, Reply
from orchestrator.services.composing import reply_address
from orchestrator.services.owners import reply_acts
from orchestrator.services.recording import facts
from orchestrator.tokens import Signer

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Characters that are kept of an answer's new text, of the whole mail, and of its headers.
MOST_TEXT, MOST_BODY, MOST_HEADERS = 20_000, 200_000, 65_536
#: Characters of a line, such as the subject (RFC 5322 §2.1.1).
_LINE = 998
#: Mails that one mail may name as its ancestors; the nearest come first.
_MOST_ANCESTORS = 50
_MOST_LISTED = 50
#: Until the database's clock says when.
_UNKNOWN = datetime(1, 1, 1, tzinfo=UTC)
_SENDGRID_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Received(NamedTuple):
    """What became of one inbound mail: ``duplicate``, ``unmatched``, ``test``, or its kind (``human``, …)."""

    outcome: str
    reply_id: str | None = None


class ReplyIntake:
    """Takes in what owners answer.

    Args:
        begin: Opens a write transaction.
        signer: Returns the signer that made the reply addresses.
        own_markers: Words that only our own mails hold: a line with one of them is quoted.
    """

    def __init__(self, begin: Begin, signer: Callable[[], Signer], own_markers: Sequence[str] = ()) -> None:
        self._begin = begin
        self._signer = signer
        self._own_markers = tuple(own_markers)

    def receive(self, mail: InboundMail) -> Received:
        """Store one mail and do what it demands; when this returns, everything is committed.

        The campaign is found by the signed address the mail came to, else by the mails it says it answers; never by
        who wrote it. A mail of nobody is kept for a person, one that answers a test mail is not kept. Repeating it
        changes nothing.

        Raises:
            DatabaseUnreachable: Nothing was stored; whoever brought the mail is to bring it again.
        """
        address = reply_address.read(mail, self._signer())
        if address is not None and address.of_test:
            log.info("answer to a test mail dropped", action="reply.of_test", opts_out=address.opts_out)
            return Received("test")
        reply = self._reply(mail, opts_out=address is not None and address.opts_out)
        with self._begin() as tx:
            reply = replace(_matched(tx, reply, mail, address), received_at=tx.now())
            # Whose other mail waits is written down only where it does wait.
            if not kept.keep_first(tx, reply if reply.kind == ReplyKind.HUMAN else replace(reply, address_key=None)):
                return Received("duplicate")
            if reply.matched is not None:
                at = mail.date if mail.date is not None and mail.date <= tx.now() else None
                reply_acts.answer(tx, reply, at, _interest(reply))
        return Received("unmatched" if reply.matched is None else reply.kind, reply.id)

    def keep_unreadable(self, head: bytes, size: int, dedupe_key: str, why: str) -> Received:
        """Keep the beginning of `size` bytes that are no mail, for a person. Raises like `receive`."""
        text = storable(head.decode("utf-8", "replace"))
        with self._begin() as tx:
            reply = Reply(
                id=new_id(), dedupe_key=dedupe_key, kind=UNREADABLE, received_at=tx.now(), body=text,
                details={"unmatched": why, "bytes": size},
            )  # fmt: skip
            new = kept.keep_first(tx, reply)
        return Received("unmatched", reply.id) if new else Received("duplicate")

    def record(
        self,
        key: tuple[str, str],
        text: str,
        *,
        is_interested: bool | None = None,
        occurred_at: datetime | str | None = None,
        label: str | None = None,
    ) -> str:
        """Record an answer that came by another way, as if it had come in here; the same one at the same time once.

        Args:
            key: (tenant_id, campaign_id).
            text: What the owner wrote, without quotes.
            is_interested: Whether the owner wants to go on talking; None: the label says it, or nobody knows.
            occurred_at: When the answer was written: aware datetime or ISO text with an offset; None means now, and
                that the same text of this campaign is the same answer whenever it is recorded again.
            label: What it says, one of `ReplyLabel`; None: the rules judge.

        Returns:
            The campaign's status afterwards.

        Raises:
            CampaignNotFound: The tenant has no such campaign.
            ValidationError: A value is of the wrong kind.
        """
        text = contracts.parse_text("text", text)
        is_interested = contracts.parse_flag("is_interested", is_interested)
        at = None if occurred_at is None else contracts.parse_time("occurred_at", occurred_at)
        given = None if label is None else reply_label("label", label)
        cut: dict[str, int] = {}
        reply = Reply(
            id=new_id(),
            dedupe_key=facts.own_key("responded", *key, text, at or ""),
            kind=ReplyKind.HUMAN,
            received_at=_UNKNOWN,
            tenant_id=key[0],
            campaign_id=key[1],
            matched_by="library",
            text=_cut(text, MOST_TEXT, "text", cut),
            body=_cut(text, MOST_BODY, "body", cut),
            details={"characters_before_cutting": cut} if cut else {},
        )
        reply = _judged(reply) if given is None else replace(reply, label=given)
        interested = _interest(reply) if is_interested is None else is_interested
        with self._begin() as tx:
            reply = replace(reply, received_at=tx.now(), address_key=reply_acts.owner_key(tx, key, None))
            if reply.address_key is None:
                raise errors.CampaignNotFound(key[1])
            if kept.keep_first(tx, reply):
                return str(reply_acts.answer(tx, reply, at, interested))
            known = campaigns.get(tx, key)
        if known is None:
            raise errors.CampaignNotFound(key[1])
        return str(known.status)

    def _reply(self, mail: InboundMail, *, opts_out: bool) -> Reply:
        """Return `mail` as it is stored, as far as that can be told without the database."""
        machine = None if opts_out else automatic(mail)
        kind = ReplyKind.OPT_OUT if opts_out else machine.kind if machine else ReplyKind.HUMAN
        cut: dict[str, int] = {}
        body = _cut(mail.text, MOST_BODY, "body", cut)
        reply = Reply(
            id=new_id(),
            dedupe_key=mail.dedupe_key,
            kind=kind,
            received_at=_UNKNOWN,
            from_email=_line(mail.from_email),
            to_email=_line(next(iter(mail.envelope_to), mail.to_email)),
            subject=_line(mail.subject),
            body=body,
            headers=_cut(mail.raw_headers, MOST_HEADERS, "headers", cut),
        )
        text = _cut(new_text(body, own_markers=self._own_markers), MOST_TEXT, "text", cut)
        reply = replace(reply, text=text, details=_details(mail, machine, cut))
        return _judged(reply) if kind is ReplyKind.HUMAN else reply


def reply_label(field: str, value: Any) -> ReplyLabel:
    """Return the label that `value` names. Raises `ValidationError`, which lists them."""
    try:
        return ReplyLabel(value)
    except ValueError:
        fix = f"Use one of {', '.join(ReplyLabel)}."
        raise errors.ValidationError(field, f"{str(value)[:40]!r} is no label of a reply", fix=fix) from None


def _judged(reply: Reply) -> Reply:
    """Return a person's reply with what the rules make of it."""
    found = classify(reply.text)
    words = [storable(word) for word in found.words[:_MOST_LISTED]]
    return replace(reply, rule=found.rule, rule_label=found.label, rule_words=words, label=found.label)


def _interest(reply: Reply) -> bool | None:
    return None if reply.label is None else interest(ReplyLabel(reply.label))


def _matched(tx: Transaction, reply: Reply, mail: InboundMail, address: reply_address.Address | None) -> Reply:
    """Return `reply` with whose it is, or with the reason why nobody knows."""
    found, why = _find(tx, mail, address)
    if found is None:
        return replace(reply, details=reply.details | {"unmatched": why})
    tenant_id, campaign_id, message_id = found
    return replace(
        reply,
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        message_id=message_id,
        matched_by=why,
        address_key=reply_acts.owner_key(tx, (tenant_id, campaign_id), message_id),
    )


def _find(
    tx: Transaction, mail: InboundMail, address: reply_address.Address | None
) -> tuple[tuple[str, str, str | None] | None, str]:
    """Return (tenant, campaign, attempt) that `mail` answers and by what that is known; or None, and why not."""
    if address is not None:
        key = kept.campaign_of(tx, address.message_id) if address.message_id else None
        if key is not None:
            return (*key, address.message_id), "token"
        if address.campaign is not None and campaigns.address_keys(tx, [address.campaign]):
            return (*address.campaign, None), "token"
    named = [id_.partition("@")[0].lstrip("<") for id_ in mail.in_reply_to[:_MOST_ANCESTORS]]
    named = [id_ for id_ in named if _SENDGRID_ID.fullmatch(id_)]
    known = messages.by_sendgrid_id(tx, dict.fromkeys(named))
    nearest = next((known[id_] for id_ in named if id_ in known), None)
    if nearest is not None:
        return nearest, "references"
    if address is not None:
        return None, "it answers a mail that this database does not know"
    return None, "it came to no address of ours, and names no mail of ours"


def _details(mail: InboundMail, machine: Automatic | None, cut: dict[str, int]) -> dict[str, Any]:
    """Return what is kept of a mail beside its columns; what is empty is left out."""
    told: dict[str, Any] = {
        "message_id": _line(mail.message_id),
        "in_reply_to": [_line(id_) for id_ in mail.in_reply_to[:_MOST_LISTED]],
        "from_name": _line(mail.from_name),
        "envelope_from": _line(mail.envelope_from),
        "envelope_to": [_line(one) for one in mail.envelope_to[:_MOST_LISTED]],
        "date": mail.date.isoformat() if mail.date else None,
        "attachments": [
            {"name": _line(one.name), "type": _line(one.type), "size": one.size}
            for one in mail.attachments[:_MOST_LISTED]
        ],
        "characters_before_cutting": cut,
    }
    if machine is not None:
        told |= {
            "evidence": _line(machine.evidence),
            "returns_on": machine.returns_on.isoformat() if machine.returns_on else None,
            "status": _line(machine.status),
            "recipient": _line(machine.recipient),
        }
    return {name: value for name, value in told.items() if value}


def _cut(text: str, most: int, name: str, cut: dict[str, int]) -> str:
    """Return `text` as databases can keep it, at most `most` characters; note in `cut` how many there were."""
    if len(text) > most:
        cut[name] = len(text)
    return storable(text[:most])


def _line(text: str | None) -> str | None:
    return header_line(text[:_LINE]) if text else None
