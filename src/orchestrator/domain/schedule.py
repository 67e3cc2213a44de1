"""What happens to mail whose time went by unused: after long down-time, or a long pause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: Ten years: longer than anything waits, and short enough for every database's calendar.
LONGEST_SECONDS = 315_360_000


class MissedPolicy(StrEnum):
    """What becomes of a campaign that should have gone out long ago."""

    #: It goes out late, as if nothing had been.
    SEND = "send"
    #: It is cancelled, with that reason.
    SKIP = "skip"
    #: It waits for a person, with that reason.
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class MissedRule:
    """A tenant's policy: ``policy`` is applied to what is due for longer than ``after``."""

    policy: MissedPolicy = MissedPolicy.SEND
    after: timedelta = timedelta(days=1)

    @classmethod
    def of(cls, policy: str, seconds: int) -> MissedRule:
        """Return the rule that settings write as a word and a number of seconds."""
        return cls(MissedPolicy(policy), timedelta(seconds=seconds))

    def missed(self, due_at: datetime, now: datetime) -> bool:
        """Tell whether mail that was due at `due_at` has missed its time."""
        return self.policy is not MissedPolicy.SEND and now - due_at > self.after


#: What holds where nobody has decided otherwise.
USUAL = MissedRule()
