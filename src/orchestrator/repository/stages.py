"""How far a campaign has come: what figures count, charts draw and searches find, in the same words everywhere.

Reports come late or never, so a stage rests on whatever proves it. Who opens, answers, opts out or complains has the
mail, whether or not SendGrid told of its delivery. A bounce takes back what was delivered, opened and clicked (a
filter may have looked at the mail before it was returned), but not that its owner answered. So every stage lies within
the one before it, and sent is delivered, bounced, given up and in flight together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.repository.tables import campaigns

_c = campaigns.c
#: What only the owner can have done, having the mail.
_OWNERS_ACTS = (_c.responded_at, _c.unsubscribed_at, _c.complained_at)
_OWNER_ACTED = sa.or_(*(column.is_not(None) for column in _OWNERS_ACTS))
_ARRIVED_AT = sa.func.coalesce(_c.delivered_at, _c.opened_at, _c.clicked_at, *_OWNERS_ACTS)
_SENT_AT = sa.func.coalesce(_c.sent_at, _ARRIVED_AT, _c.bounced_at)
_BOUNCED = sa.and_(_c.bounced_at.is_not(None), ~_OWNER_ACTED)
_DELIVERED = sa.and_(_ARRIVED_AT.is_not(None), ~_BOUNCED)
_OPEN = sa.and_(_SENT_AT.is_not(None), _ARRIVED_AT.is_(None), _c.bounced_at.is_(None))
#: What a person has to release before it goes out. The hold of a campaign that has failed, or was called off, stays
#: for its return, and keeps nothing waiting meanwhile.
#: Said so that no index of statuses is used: few of all that is scheduled is held, and an index knows just these.
HELD = sa.and_(_c.hold_reason.is_not(None), _c.status.concat("") == OutreachStatus.SCHEDULED)


class Stage(NamedTuple):
    """Which campaigns have come to a stage, and when they did."""

    reached: sa.ColumnElement[bool]
    at: sa.ColumnElement[Any]


#: Stages that have a time.
TIMED: Mapping[str, Stage] = {
    "sent": Stage(_SENT_AT.is_not(None), _SENT_AT),
    "delivered": Stage(_DELIVERED, _ARRIVED_AT),
    "opened": Stage(sa.and_(_DELIVERED, _c.opened_at.is_not(None)), _c.opened_at),
    "clicked": Stage(sa.and_(_DELIVERED, _c.clicked_at.is_not(None)), _c.clicked_at),
    "responded": Stage(_c.responded_at.is_not(None), _c.responded_at),
    "bounced": Stage(_BOUNCED, _c.bounced_at),
    "complained": Stage(_c.complained_at.is_not(None), _c.complained_at),
}
#: All stages: which campaigns are counted.
COUNTED: Mapping[str, sa.ColumnElement[bool]] = {
    "targeted": sa.true(),
    "sent": TIMED["sent"].reached,
    "delivered": _DELIVERED,
    "engaged": sa.and_(_DELIVERED, sa.func.coalesce(_c.opened_at, _c.clicked_at, _c.responded_at).is_not(None)),
    "opened": TIMED["opened"].reached,
    "machine_opened": _c.machine_opened_at.is_not(None),
    "clicked": TIMED["clicked"].reached,
    "responded": TIMED["responded"].reached,
    "bounced": _BOUNCED,
    "failed": _c.status == OutreachStatus.FAILED,
    "undelivered": sa.and_(_OPEN, _c.status == OutreachStatus.FAILED),
    "in_flight": sa.and_(_OPEN, _c.status != OutreachStatus.FAILED),
    "unsubscribed": _c.unsubscribed_at.is_not(None),
    "complained": TIMED["complained"].reached,
    "suppressed": _c.status == OutreachStatus.SUPPRESSED,
    "cancelled": _c.status == OutreachStatus.CANCELLED,
}
