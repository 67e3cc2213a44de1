"""Cause and effect: what happened in a mailbox, what carried it here, and what it changed.

Both sides are on record: causes and carriers in the sandbox's books, effects in the campaign's own history, which is
read again here from its beginning. So the strip shows the same to everybody, also after a restart of the browser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.dashboard.mailbox import Carrier, Happening
from orchestrator.domain import lifecycle
from orchestrator.domain.campaign import OutreachStatus as Status
from orchestrator.repository.events import OutreachEvent

#: An effect cannot be older than its cause; clocks of whole seconds make it look so.
_SECOND = timedelta(seconds=1)

#: What a cause is called: (icon, words). "You" is whoever acts as the owner.
_CAUSES = {
    "processed": ("plane", "The provider took it"),
    "delivered": ("envelope", "Delivered"),
    "deferred": ("pause", "Put off by the mailbox"),
    "open": ("eye", "You opened it"),
    "machine_open": ("machine", "A machine opened it"),
    "click": ("pointer", "You clicked a link"),
    "scanner_open": ("machine", "A security scanner opened it"),
    "scanner_click": ("machine", "A security scanner followed a link"),
    "bounce": ("return", "It bounced"),
    "blocked": ("return", "It was blocked"),
    "dropped": ("return", "The provider dropped it"),
    "spamreport": ("flag", "Reported as spam"),
    "unsubscribe": ("stop", "Unsubscribed at the provider"),
    "reply": ("reply", "You replied"),
    "out_of_office": ("machine", "An automatic answer was sent"),
    "bounce_report": ("return", "A delivery report was sent"),
    "receipt": ("check", "A read receipt was sent"),
    "complaint": ("flag", "An abuse report was sent"),
    "one_click": ("stop", "You opted out with one click"),
    "mailto_opt_out": ("stop", "You opted out by mail"),
    "scan": ("machine", "A scanner visited every link"),
}
#: What takes opt-outs back; it names them.
_UNDONE = "opt_out_undone"
#: What makes a mail due again: what had become of the one before counts no more, up to this rank.
_BEGINS_AGAIN = frozenset({"retried", "rescheduled"})
_LASTING = lifecycle.RANK[Status.BOUNCED]
#: Effects whose cause no mailbox knows of.
_OWN_CAUSES = {
    "sent": ("plane", "Your worker sent it"),
    "unsubscribed": ("stop", "You opted out on the page"),
    _UNDONE: ("return", "You took the opt-out back"),
}
#: Which effects a deed may have, which arrives without an event of SendGrid's.
_EFFECTS = {
    "reply": {"responded", "unsubscribed", "auto_reply"},
    "out_of_office": {"auto_reply", "responded"},
    "bounce_report": {"bounced", "auto_reply", "bounce_report"},
    "complaint": {"complained", "auto_reply"},
    "one_click": {"unsubscribed"},
    "mailto_opt_out": {"unsubscribed", "responded"},
}
#: What is counted: (event type, by a machine): words.
_COUNTED = {
    ("opened", False): "Human opens",
    ("opened", True): "Machine opens",
    ("clicked", False): "Clicks",
    ("clicked", True): "Machine clicks",
    ("responded", False): "Replies",
    ("auto_reply", False): "Automatic answers",
    ("unsubscribed", False): "Opt-outs",
    ("complained", False): "Spam reports",
    ("bounced", False): "Bounces",
    ("blocked", False): "Blocks",
    ("deferred", False): "Deferrals",
}
_STATUS = {
    "sent": Status.SENT,
    "processed": Status.SENT,
    "deferred": Status.SENT,
    "delivered": Status.DELIVERED,
    "opened": Status.OPENED,
    "clicked": Status.CLICKED,
    "responded": Status.RESPONDED,
    "unsubscribed": Status.UNSUBSCRIBED,
    "complained": Status.COMPLAINED,
    "bounced": Status.BOUNCED,
    "blocked": Status.FAILED,
    "dropped": Status.FAILED,
    "failed": Status.FAILED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a cause changed, or did not: what, and how."""

    what: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One item of the strip."""

    at: datetime
    icon: str
    title: str
    detail: str
    carriers: tuple[Carrier, ...]
    changes: tuple[Change, ...]
    #: What is to be said instead of changes.
    remark: str


def told(happened: Iterable[Happening], history: Iterable[OutreachEvent]) -> list[Cause]:
    """Return what happened to a mail and what came of it, oldest first.

    Args:
        happened: What the mailbox knows.
        history: The campaign's own history.
    """
    events = sorted(history, key=lambda event: (event.received_at, event.id))
    changes = _replayed(events)
    left = {event.id: event for event in events}
    causes: list[Cause] = []
    for happening in happened:
        effects = list(_effects(happening, left))
        for event in effects:
            del left[event.id]
        # Owners who are simulated live faster than the clock: when something came in is the time everybody shares.
        at = effects[0].received_at if effects else _not_before(happening, causes)
        causes.append(_cause(happening, at, [change for event in effects for change in changes[event.id]], effects))
    causes += [_own_cause(event, changes[event.id]) for event in left.values() if event.event_type in _OWN_CAUSES]
    return sorted(causes, key=lambda cause: cause.at)


def _not_before(happening: Happening, causes: Sequence[Cause]) -> datetime:
    """Return when something happened that has had no effect yet: not before what the mailbox knows came first."""
    return max(happening.at, causes[-1].at) if causes and happening.event_id else happening.at


def _effects(happening: Happening, left: dict[str, OutreachEvent]) -> Iterator[OutreachEvent]:
    """Yield the entries of the history that a happening is the cause of."""
    if happening.event_id is not None:
        yield from (event for event in left.values() if event.sg_event_id == happening.event_id)
        return
    wanted, first = _EFFECTS.get(happening.kind, set[str]()), None
    for event in left.values():
        if event.sg_event_id or event.event_type not in wanted or event.received_at < happening.at - _SECOND:
            continue
        reply = event.event_data.get("reply_id") if isinstance(event.event_data, dict) else None
        if first is None:
            first = (reply,)
        elif reply is None or (reply,) != first:  # an opt-out by answer leaves two entries, of one reply
            return
        yield event


def _replayed(events: Sequence[OutreachEvent]) -> dict[str, list[Change]]:
    """Return what each entry of the history changed, by its id."""
    counts = Counter[str]()
    #: What each entry argues for; what is taken back argues no more.
    argued: dict[str, Status] = {}
    found: dict[str, list[Change]] = {}
    for event in events:
        before = _highest(argued)
        if words := _COUNTED.get((event.event_type, event.machine)):
            found[event.id] = [Change(words, f"{counts[words]} → {counts[words] + 1}")]
            counts[words] += 1
        changes = found.setdefault(event.id, [])
        if event.machine and event.event_type == "opened":
            changes.append(Change("Human opens", f"{counts['Human opens']}, unchanged"))
        if event.event_type == _UNDONE:
            gone = [id_ for id_ in event.event_data.get("voided", ()) if argued.pop(id_, None)]
            changes.append(Change("Opt-outs", f"{counts['Opt-outs']} → {counts['Opt-outs'] - len(gone)}"))
            counts["Opt-outs"] -= len(gone)
        if event.event_type in _BEGINS_AGAIN:
            argued = {id_: status for id_, status in argued.items() if lifecycle.RANK[status] >= _LASTING}
        reached = None if event.machine else _STATUS.get(event.event_type)
        if reached is not None:
            argued[event.id] = reached
        if (after := _highest(argued)) is not before:
            changes.append(Change("Status", f"{before} → {after}"))
    return found


def _highest(argued: Mapping[str, Status]) -> Status:
    return max(argued.values(), key=lifecycle.RANK.__getitem__, default=Status.SCHEDULED)


def _own_cause(event: OutreachEvent, changes: Sequence[Change]) -> Cause:
    icon, title = _OWN_CAUSES[event.event_type]
    return Cause(
        at=event.received_at, icon=icon, title=title, detail="", carriers=(), changes=tuple(changes), remark=""
    )


def _cause(happening: Happening, at: datetime, changes: Sequence[Change], effects: Sequence[OutreachEvent]) -> Cause:
    icon, title = _CAUSES.get(happening.kind, ("clock", happening.kind.replace("_", " ").capitalize()))
    return Cause(
        at=at,
        icon=icon,
        title=title,
        detail=happening.detail,
        carriers=happening.carriers,
        changes=tuple(changes),
        remark="" if changes else _remark(happening, effects),
    )


def _remark(happening: Happening, effects: Sequence[OutreachEvent]) -> str:
    if effects:
        return "Recorded; no figure moves."
    if not happening.carriers:
        return "On its way." if happening.event_id else ""
    if any(carrier.accepted for carrier in happening.carriers):
        return "Taken in; no figure moves."
    return "Not taken in yet. The provider tries again."
