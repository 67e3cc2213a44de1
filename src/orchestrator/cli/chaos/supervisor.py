"""One run: processes are killed while the weather changes, then everything may settle, and then it is judged."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import wait

from orchestrator.cli.chaos import plan, processes
from orchestrator.cli.chaos.cast import Play, Role, Toll
from orchestrator.cli.chaos.plan import Attack
from orchestrator.cli.chaos.stage import Stage
from orchestrator.services.sending.ledger import LEASE

#: Real seconds between looks at the processes, and at the books.
LOOK, COUNT = 0.05, 0.3
#: Real seconds that a killed process is away.
OUTAGE = (0.0, 0.6)
#: After so much of the run's time without any change it will not settle by itself any more.
STANDSTILL = timedelta(minutes=10)
#: How long evidence may be missing before a person is asked, and a little more.
HORIZON = timedelta(hours=26)


@dataclass(slots=True)
class Course:
    """How a run went, apart from the books."""

    toll: Toll = field(default_factory=Toll)
    #: How many phases each family of faults was thrown in.
    thrown: Counter[str] = field(default_factory=Counter)
    #: Most attempts in doubt at the same time.
    doubted_at_once: int = 0
    settled: bool = False
    attacked_for: float = 0.0
    settled_in: float = 0.0
    #: Workers that did not end by themselves when they were asked to.
    undrained: int = 0
    #: Whether nobody took webhooks in for a while; mails that were in doubt then may have to be held.
    deaf: bool = False


def attack(ordered: Attack, on: Stage) -> Course:
    """Carry `ordered` out, let everything settle, and say how it went."""
    course = Course()
    dice = random.Random(f"{ordered.seed}:outages")  # noqa: S311 - a simulation
    strikes = plan.drawn(ordered, LEASE.total_seconds() / on.clock.speed)

    def role(play: Play, name: str, its: list[plan.Strike]) -> Role:
        return Role(on.context, on.site, play, name, its, course.toll, lambda: dice.uniform(*OUTAGE))

    # Only one of the services is ever struck. If both were away, silence about a mail would mean nothing any more.
    services = [role(processes.serve, "service", strikes.service), role(processes.serve, "service", [])]
    workers = [role(processes.work, "worker", strikes.workers) for _ in range(plan.WORKERS)]
    cast = [*services, *workers]
    try:
        while not on.ledger.heard():  # what leaves before somebody listens is doubted for ever
            _look_after(services)
        _rage(ordered, on, cast, course, total=len(strikes.workers) + len(strikes.service))
        _settle(ordered, on, cast, course)
        course.undrained = sum(not worker.ask_to_end(processes.DRAIN + plan.PATIENCE) for worker in workers)
    finally:
        for one in cast:
            one.end()
    return course


def _rage(ordered: Attack, on: Stage, cast: list[Role], course: Course, total: int) -> None:
    """Strike until there is nothing left to strike with, and until there is something the attack can prove."""
    began = time.monotonic()
    forecast, phase_ends, count_at = plan.weather(ordered), 0.0, 0.0
    first = ordered.campaigns // 4
    while any(role.struck or role.strikes for role in cast) or _proves_nothing(ordered, on, course):
        now = time.monotonic()
        if now >= phase_ends:
            phase = next(forecast)
            on.provider.throw(phase.knobs)
            course.thrown.update(phase.families)
            phase_ends = now + phase.length
        done = course.toll.kills + course.toll.drains
        on.importer.want(first + (ordered.campaigns - first) * min(done, total) // max(total, 1))
        if now >= count_at:
            course.doubted_at_once = max(course.doubted_at_once, on.ledger.count().in_doubt)
            count_at = now + COUNT
        _look_after(cast)
    course.attacked_for = time.monotonic() - began


def _proves_nothing(ordered: Attack, on: Stage, course: Course) -> bool:
    """Tell whether evidence is withheld and no mail needs any so far, while some are still to be sent.

    Where workers are struck before they get to send anything, all mail would leave after the attack.
    """
    wanting = ordered.withhold and bool(ordered.families) and not course.doubted_at_once
    return wanting and on.ledger.count().accepted < ordered.campaigns


def _settle(ordered: Attack, on: Stage, cast: list[Role], course: Course) -> None:
    """Stop the faults, keep everybody alive, and wait until nothing is open or nothing moves any more.

    What is then still in doubt gets the time in which the product asks a person about it.
    """
    on.provider.throw({})
    on.importer.want(ordered.campaigns)
    began, leapt, seen = time.monotonic(), False, None
    moved_at = on.clock.now()
    while not course.settled:
        _look_after(cast, COUNT)
        counted, pending = on.ledger.count(), on.provider.pending()
        course.doubted_at_once = max(course.doubted_at_once, counted.in_doubt)
        if (present := (counted, pending, len(on.importer.created))) != seen:
            seen, moved_at = present, on.clock.now()
        quiet = on.importer.caught_up() and not pending and not counted.open
        course.settled = quiet and not counted.undecided
        still = on.clock.now() - moved_at >= STANDSTILL
        if not leapt and quiet and counted.undecided and (still or ordered.withhold):
            course.deaf = on.ledger.deaf()
            on.clock.leap(HORIZON)
            leapt, moved_at = True, on.clock.now()
        elif still:
            break
    course.deaf = course.deaf if leapt else on.ledger.deaf()
    course.settled_in = time.monotonic() - began


def _look_after(cast: list[Role], patience: float = LOOK) -> None:
    """Wait for news of anybody, a moment at most, and see to everybody."""
    wait([door for role in cast for door in role.doors], patience)
    for role in cast:
        role.look_after()
