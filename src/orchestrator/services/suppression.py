"""The suppression list: what must not be written to, why, since when, and how it is taken back."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.repository.suppressions import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether we would write to an address, and everything that stands in the way.

    ``entries`` are those in force, the strongest first; ``ended`` those that were taken back or have run out.
    ``hold`` is why mail to the address waits for a person, or None.
    """

    address: str
    address_key: str
    entries: tuple[Entry, ...]
    ended: tuple[Entry, ...] = ()
    hold: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether nothing on the suppression list stands in the way."""
        return not self.entries
