"""What holds for every mail of an installation, whoever it is from and to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from orchestrator.domain.schedule import USUAL, MissedRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a dispatcher treats mail.

    ``missed`` says what becomes of mail that missed its time, where its tenant has not decided otherwise; ``gap`` is
    the least time between two mails of a tenant to one address, and zero where that does not matter.
    """

    missed: MissedRule = USUAL
    gap: timedelta = timedelta(0)

    @property
    def capped(self) -> bool:
        """Whether there is a least time between two mails to one address."""
        return self.gap > timedelta(0)


#: Nothing is asked of mail but what its campaign, its address and its tenant ask.
LENIENT = Policy()
