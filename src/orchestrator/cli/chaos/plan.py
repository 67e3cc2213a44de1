"""What will be done to whom: a list of strikes and a weather forecast, both drawn from the seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Steps of sending at which a worker may end (`bootstrap.Parts.reached`).
SENDING = ("claimed", "composed", "handing", "handed", "posting", "posted", "settling", "settled")
#: Steps outside of transactions, where a worker may also be stopped for longer than its lease.
STOPPING = ("claimed", "composed", "handed", "posting", "posted")
#: Transactions of the other loops: cut off just before they commit, or just after.
LOOPS = ("relay.committing", "relay.committed", "reconcile.committing", "reconcile.committed")
#: The same in the service, which takes the webhooks in.
INGESTING = ("ingest.committing", "ingest.committed")

#: How many workers run at the same time.
WORKERS = 3
#: Real seconds after which a step that a process does not reach is given up, and the process killed where it is.
PATIENCE = 5.0
#: How often a step may not be reached before it is no longer tried.
TRIES = 3


@dataclass(frozen=True, slots=True)
class Strike:
    """What will be done to one process in its life; times are real seconds.

    Args:
        kind: How it ends: ``step`` (it kills itself there), ``random`` (it is killed `after` a while) or ``drain``
            (SIGTERM `after` a while: it has to finish and end by itself).
        step: Where it kills itself.
        passage: At which passage of that step.
        after: When it is killed or asked to drain.
        stop_at: Step at which it stops itself (SIGSTOP) before it is asked to drain, or none.
        stop_for: How long it stands still then (until SIGCONT).
        tries: How often this was tried before, and the step not reached.
    """

    kind: str
    step: str = ""
    passage: int = 1
    after: float = 0.0
    stop_at: str = ""
    stop_for: float = 0.0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Phase:
    """Some weather: which faults are on, how strong, for how many real seconds."""

    families: tuple[str, ...]
    knobs: Mapping[str, float | bool]
    length: float


#: Family: the sandbox's knobs it turns, each with the lowest and the highest value.
FAMILIES: dict[str, dict[str, tuple[float, float]]] = {
    "hang": {"hang": (0.05, 0.25)},
    "hang-after-accept": {"hang_after_accept": (0.05, 0.25)},
    "reset": {"reset_before": (0.1, 0.4)},
    "reset-after-accept": {"reset_after_body": (0.1, 0.4)},
    "5xx": {"error_5xx_before": (0.1, 0.4), "status_before": (500, 504)},
    "5xx-after-accept": {"error_5xx_after": (0.1, 0.4)},
    "429": {"error_429": (0.3, 1.0)},
    "429-retry-after": {"error_429": (0.3, 1.0), "retry_after": (5, 40)},
    "429-reset-time": {"error_429": (0.3, 1.0), "rate_limit_reset": (5, 40)},
    "slow": {"latency_ms": (20, 150)},
    "duplicates": {"duplicate_same_id": (0.2, 0.5), "duplicate_new_id": (0.2, 0.5)},
    "reorder": {"reorder": (0.3, 0.7)},
    "late-webhooks": {"delay": (0.3, 1.2)},
    "unknown-events": {"unknown_event": (0.1, 0.3)},
}
#: Families that must be asked for by name. Refused batches of events make silence meaningless, so that mails which
#: SendGrid did not take are held for a person; a refused account pauses everything for minutes.
BY_NAME: dict[str, dict[str, tuple[float, float]]] = {
    "bad-signatures": {"bad_signature": (0.2, 0.6)},
    "refused-account": {"credits": (0.5, 1.0)},
}
_WHOLE = ("status_before", "retry_after", "rate_limit_reset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What was asked for.

    Args:
        kills: How many processes are to be ended by SIGKILL.
        campaigns: How many owners are to be written to.
        seed: Decides every strike and all of the weather.
        families: Which faults are thrown.
        withhold: Whether the sandbox keeps back every webhook until the end and beyond it.
        keep: Folder that keeps the database and the books; None keeps nothing.
    """

    kills: int
    campaigns: int
    seed: int
    families: tuple[str, ...]
    withhold: bool = False
    keep: Path | None = None

    @property
    def deaf(self) -> bool:
        """Whether evidence may be missing, so that a person may have to be asked."""
        return self.withhold or "bad-signatures" in self.families


@dataclass(slots=True)
class Plan:
    """The strikes still to come, for workers and for the service."""

    workers: list[Strike] = field(default_factory=list)
    service: list[Strike] = field(default_factory=list)


def drawn(attack: Attack, lease: float) -> Plan:
    """Return the strikes of `attack`: every step once before any a second time; a lease lasts `lease` real seconds."""
    dice = random.Random(f"{attack.seed}:strikes")  # noqa: S311 - a simulation
    at_service = [Strike("step", step, dice.randint(1, 4)) for step in INGESTING]
    at_service += [Strike("random", after=dice.uniform(0.2, 2.0)) for _ in range(attack.kills // 10)]
    at_service = at_service[: min(attack.kills, max(attack.kills // 5, 1))]
    wanted = max(attack.kills - len(at_service), 0)
    at_workers: list[Strike] = []
    while len(at_workers) < wanted:
        steps = [Strike("step", step, dice.randint(1, 3)) for step in (*SENDING, *LOOPS)]
        dice.shuffle(steps)
        at_workers += steps
        at_workers += [Strike("random", after=dice.uniform(0.1, 1.5)) for _ in range(4)]
    del at_workers[wanted:]
    for _ in range(1 + attack.kills // 20):
        stopped = Strike(
            "drain", after=PATIENCE, stop_at=dice.choice(STOPPING), stop_for=lease * dice.uniform(1.1, 1.5)
        )
        for strike in (Strike("drain", after=dice.uniform(0.2, 1.0)), stopped):
            at_workers.insert(dice.randint(0, len(at_workers)), strike)
    dice.shuffle(at_service)
    return Plan(at_workers, at_service)


def weather(attack: Attack) -> Iterator[Phase]:
    """Yield phases without end: every family in turn, alone or beside others, and calm ones in between."""
    dice = random.Random(f"{attack.seed}:weather")  # noqa: S311 - a simulation
    while True:
        families = list(attack.families)
        dice.shuffle(families)
        while families:
            together = [families.pop() for _ in range(min(len(families), dice.randint(1, 3)))]
            yield Phase(tuple(together), _knobs(together, dice), dice.uniform(0.6, 1.6))
            if dice.random() < 0.25:
                yield Phase((), {}, dice.uniform(0.3, 0.8))
        if not attack.families:
            yield Phase((), {}, 1.0)


def _knobs(families: Sequence[str], dice: random.Random) -> dict[str, float | bool]:
    knobs: dict[str, float | bool] = {}
    for family in families:
        for knob, (lowest, highest) in (FAMILIES | BY_NAME)[family].items():
            value = dice.uniform(lowest, highest)
            knobs[knob] = round(value) if knob in _WHOLE else round(value, 3)
    return knobs
