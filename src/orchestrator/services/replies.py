"""An owner's answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from orchestrator import contracts, errors
from orchestrator.domain.events import Fact
from orchestrator.repository import Transaction
from orchestrator.services import facts

Begin = Callable[[], AbstractContextManager[Transaction]]


def record(
    begin: Begin,
    key: tuple[str, str],
    text: str,
    *,
    is_interested: bool | None = None,
    occurred_at: datetime | str | None = None,
) -> str:
    """Record that the owner answered; nothing further is due. The same answer at the same time is recorded once.

    Args:
        key: (tenant_id, campaign_id).
        text: What the owner wrote, without quotes.
        is_interested: Whether the owner wants to go on talking; None when nobody has judged it.
        occurred_at: When the answer was written: aware datetime or ISO text with an offset; None means now.

    Returns:
        The campaign's status afterwards.

    Raises:
        CampaignNotFound: The tenant has no such campaign.
        ValidationError: A value is of the wrong kind.
    """
    text = contracts.parse_text("text", text)
    is_interested = contracts.parse_flag("is_interested", is_interested)
    at = None if occurred_at is None else contracts.parse_time("occurred_at", occurred_at)
    fills = {"response_text": text} | ({} if is_interested is None else {"is_interested": is_interested})
    report = facts.Report(
        tenant_id=key[0],
        campaign_id=key[1],
        fact=Fact.RESPONDED,
        event_type="responded",
        dedupe_key=facts.own_key("responded", *key, text, at or ""),
        data={"text": text, "is_interested": is_interested},
        occurred_at=at,
        fills=fills,
    )
    with begin() as tx:
        statuses = facts.record(tx, [report]).statuses
    if key not in statuses:
        raise errors.CampaignNotFound(key[1])
    return str(statuses[key])
