"""What happened to a campaign, told so that nobody needs to know SendGrid's words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.dashboard import words
from orchestrator.domain.text import numbered
from orchestrator.repository.events import OutreachEvent

#: Silences longer than this are shown as rows of their own, in seconds.
_GAP = 60
_LONGEST_TEXT = 2_000
_LONGEST_RAW = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: an event, or (with ``gap``) the silence before the next one."""

    at: datetime | None = None
    gap: str | None = None
    icon: str = "clock"
    tone: str = ""
    title: str = ""
    detail: str = ""
    quote: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class _Kind:
    icon: str
    tone: str
    title: str
    detail: str = ""


_KINDS = {
    "scheduled": _Kind("plus", "", "Created"),
    "suppressed": _Kind("stop", "", "Not sent: the address must not be written to"),
    "sent": _Kind("plane", "", "Handed to SendGrid and accepted"),
    "processed": _Kind("plane", "", "SendGrid prepared the mail"),
    "deferred": _Kind("pause", "watch", "Deferred", "The mailbox puts it off; SendGrid keeps trying. No status moves."),
    "delivered": _Kind("envelope", "good", "Delivered"),
    "opened": _Kind("eye", "info", "Opened by a person"),
    "clicked": _Kind("pointer", "info", "Clicked"),
    "bounced": _Kind("return", "stop", "Bounced"),
    "blocked": _Kind("return", "watch", "Blocked", "The address is not to blame, and may be written to again."),
    "dropped": _Kind("return", "stop", "SendGrid dropped it"),
    "failed": _Kind("warning", "stop", "Not sent"),
    "responded": _Kind("reply", "good", "The owner replied", "Nothing more goes out by itself."),
    "auto_reply": _Kind("machine", "", "An automatic answer", "Recorded, and no reply."),
    "reply_labelled": _Kind("reply", "", "A person said what the answer says"),
    "unsubscribed": _Kind("stop", "", "Opted out", "No further mail goes to this owner."),
    "unsuppressed": _Kind("play", "", "Taken off the suppression list"),
    "opt_out_undone": _Kind("return", "", "The owner took the opt-out back"),
    "resubscribed": _Kind("return", "", "The opt-out was taken back"),
    "complained": _Kind("flag", "stop", "Marked as spam", "No further mail goes to this owner."),
    "in_doubt": _Kind("question", "watch", "Nobody knows whether it was sent"),
    "resolved": _Kind("check", "good", "A person decided about the doubt"),
    "duplicate": _Kind("warning", "stop", "Arrived twice"),
    "held": _Kind("pause", "watch", "Held"),
    "released": _Kind("play", "", "Released"),
    "rescheduled": _Kind("clock", "", "Given another time"),
    "retried": _Kind("play", "", "To be tried again"),
    "cancelled": _Kind("cross", "", "Cancelled"),
    "updated": _Kind("plus", "", "Changed"),
}
_MACHINE = _Kind("machine", "", "Machine open", "Stored and flagged. Does not move the status.")


def named(event_type: str, *, machine: bool) -> tuple[str, str, str]:
    """Return what a kind of event is called: (icon, tone, words)."""
    unknown = _Kind("clock", "", event_type.replace("_", " ").capitalize())
    kind = _MACHINE if machine else _KINDS.get(event_type, unknown)
    return kind.icon, kind.tone, kind.title


def told(events: Iterable[OutreachEvent]) -> Iterator[Entry]:
    """Yield a row for each event, oldest first, with rows for long silences between them."""
    before: datetime | None = None
    for event in sorted(events, key=_moment):
        if before is not None and (silence := (event.occurred_at - before).total_seconds()) >= _GAP:
            yield Entry(gap=f"{words.span(silence)} later")
        before = event.occurred_at
        yield _entry(event)


def _moment(event: OutreachEvent) -> tuple[datetime, datetime, int]:
    """Where an event stands: SendGrid's times are whole seconds, and its batches are in no order."""
    rank = _COURSE.index(event.event_type) if event.event_type in _COURSE else len(_COURSE)
    return event.occurred_at.replace(microsecond=0), event.received_at, rank


#: The course of a mail, which decides where the times do not.
_COURSE = ("scheduled", "sent", "processed", "deferred", "delivered", "blocked", "bounced", "opened", "clicked")


def _entry(event: OutreachEvent) -> Entry:
    data: Mapping[str, Any] = event.event_data if isinstance(event.event_data, dict) else {}
    unknown = _Kind("clock", "", event.event_type.replace("_", " ").capitalize())
    kind = _MACHINE if event.machine else _KINDS.get(event.event_type, unknown)
    return Entry(
        at=event.occurred_at,
        icon=kind.icon,
        tone=kind.tone,
        title=kind.title,
        detail=" ".join(filter(None, (_said(data), kind.detail))),
        quote=_text(data.get("text")) if event.event_type == "responded" else "",
        raw=_raw(data) if data else "",
    )


def _raw(data: Mapping[str, Any]) -> str:
    text = numbered(json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True))
    return text if len(text) <= _LONGEST_RAW else f"{text[:_LONGEST_RAW]}\n… “Download JSON” has all of it."


def _said(data: Mapping[str, Any]) -> str:
    """The one line that matters: what was answered, the reason, the link, or who decided."""
    for name in ("reason", "response", "url", "evidence"):
        if said := _text(data.get(name)):
            return said if said.endswith((".", "!", "?")) or name == "url" else f"{said}."
    by = _text(data.get("by"))
    return f"By {by}." if by else ""


def _text(value: Any) -> str:
    return value.strip()[:_LONGEST_TEXT] if isinstance(value, str) else ""
