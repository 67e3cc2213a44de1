"""What has happened lately, in a few lines: what happens to many campaigns at once is one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orchestrator.dashboard import timeline
from orchestrator.repository.events import Latest

#: Lines that are shown.
MOST = 8
#: What a campaign only passes through: no line is made of it.
_IN_PASSING = frozenset({"processed"})
#: What happens to many at once: neighbours of one batch share a line.
_TOGETHER = frozenset({"scheduled", "sent", "deferred", "delivered", "held", "released", "cancelled", "rescheduled"})


@dataclass(slots=True, kw_only=True)
class Line:
    """Something that happened, to one campaign or to some of one batch."""

    at: datetime
    icon: str
    tone: str
    words: str
    campaign: str
    place: str
    batch: str | None
    campaigns: int = 1


def told(latest: Iterable[Latest]) -> list[Line]:
    """Return the newest lines.

    Args:
        latest: What happened, newest first.
    """
    lines: list[Line] = []
    open_lines: dict[tuple[str, str | None], Line] = {}
    for one in latest:
        if one.event_type in _IN_PASSING:
            continue
        kind = one.event_type, one.batch
        if one.event_type in _TOGETHER and (line := open_lines.get(kind)) is not None:
            line.campaigns += 1
            continue
        if len(lines) == MOST:
            continue  # later ones may still belong to a line that is shown
        icon, tone, words = timeline.named(one.event_type, machine=one.machine)
        line = Line(
            at=one.received_at, icon=icon, tone=tone, words=words, campaign=one.campaign_id,
            place=one.line1 or "Property", batch=one.batch,
        )  # fmt: skip
        lines.append(line)
        open_lines[kind] = line
    return lines
