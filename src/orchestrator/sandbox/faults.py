"""What can be made to go wrong: one table of knobs, thread-safe, and repeatable by seed.

A *chance* is a probability 0..1 that one request (or one event, or one batch) is hit. Every chance draws from its own
seeded sequence, so the n-th request meets the same fate in every run and turning one knob does not disturb another.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator import errors

CHANCES = (
    # mail/send, the mail is NOT accepted
    "reset_before",  # connection reset, nothing accepted
    "hang",  # never answers
    "credits",  # 401 Maximum credits exceeded
    "error_429",
    "error_5xx_before",
    # mail/send, the mail IS accepted
    "error_5xx_after",
    "reset_after_body",
    "hang_after_accept",
    # event webhook
    "duplicate_same_id",
    "duplicate_new_id",
    "reorder",  # an event is held back behind later ones
    "drop_processed",
    "withhold",  # an event is never posted
    "unknown_event",
    "bad_signature",
    # inbound mail
    "inbound_duplicate",  # a mail is posted again although it was taken
    "inbound_bad_signature",
)
SWITCHES = ("non_json_5xx",)
SECONDS = ("delay", "retry_after", "rate_limit_reset")
NUMBERS: dict[str, Callable[[Any], bool]] = {
    "latency_ms": lambda value: value >= 0,
    "status_before": lambda value: value in range(500, 600),
    "status_after": lambda value: value in (*range(500, 600), 0),
    **dict.fromkeys(SECONDS, lambda value: value >= 0),
}
DEFAULTS: dict[str, float | bool] = {
    **dict.fromkeys(CHANCES, 0.0),
    **dict.fromkeys(SWITCHES, False),
    **dict.fromkeys(NUMBERS, 0),
    "status_before": 503,  # status_after 0: 500, 502 and 504 in turn; retry_after, rate_limit_reset 0: header absent
}


def _problem(knob: str, value: object) -> str | None:
    if knob not in DEFAULTS:
        return f"no such fault; there are: {', '.join(sorted(DEFAULTS))}"
    if knob in SWITCHES:
        return None if isinstance(value, bool) else "must be true or false"
    if not isinstance(value, int | float):
        return "must be a number"
    if knob in CHANCES:
        return None if 0 <= value <= 1 else "must be a probability between 0 and 1"
    return None if NUMBERS[knob](value) else "is out of range"


class Faults:
    """The knobs of one sandbox.

    Args:
        seed: Seed of every chance's own random sequence.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._values: dict[str, Any] = dict(DEFAULTS)
        self._dice: dict[str, random.Random] = {}
        self.active = False

    def set(self, **knobs: float | bool) -> None:
        """Turn the named knobs, leaving the others as they are.

        Raises:
            errors.ValidationError: a knob does not exist or its value is out of range; then nothing was changed.
        """
        for knob, value in knobs.items():
            if problem := _problem(knob, value):
                raise errors.ValidationError(knob, problem)
        with self._lock:
            self._values = {**self._values, **knobs}
            self.active = self._values != DEFAULTS

    def clear(self) -> None:
        """Turn every knob back and restart the random sequences."""
        with self._lock:
            self._values = dict(DEFAULTS)
            self._dice = {}
            self.active = False

    def as_dict(self) -> Mapping[str, Any]:
        """Return every knob with its present value."""
        return dict(self._values)

    def __getitem__(self, knob: str) -> Any:
        return self._values[knob]

    def hits(self, chance: str) -> bool:
        """Draw once from the chance's sequence and say whether it strikes."""
        probability = self._values[chance]
        return probability > 0 and self.draw(chance) < probability

    def draw(self, chance: str) -> float:
        """Return the next number 0..1 of the chance's sequence."""
        with self._lock:
            dice = self._dice.get(chance)
            if dice is None:
                dice = self._dice[chance] = random.Random(f"{self._seed}:{chance}")  # noqa: S311 - a simulation
            return dice.random()
