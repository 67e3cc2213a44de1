"""The processes of a run, each started from a clean parent, watched, struck, and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from orchestrator.cli.chaos.plan import PATIENCE, TRIES, Strike
from orchestrator.cli.chaos.processes import DRAIN, Site, Telling

#: Real seconds that a process goes on after it was stopped, before it is asked to drain.
AFTERWARDS = 1.0

Play = Callable[[Site, Strike | None, Telling], None]


@dataclass(slots=True)
class Toll:
    """What was done, by name.

    ``crashes`` are processes that ended by themselves, which none may.
    """

    steps: Counter[str] = field(default_factory=Counter)
    random: int = 0
    #: Processes that ended, whatever way, by what they were.
    ends: Counter[str] = field(default_factory=Counter)
    stops: int = 0
    drains: int = 0
    crashes: int = 0
    #: What became of each process, in order.
    story: list[str] = field(default_factory=list)
    #: Steps that were never reached in time; the process was killed where it was, each time.
    missed: int = 0

    @property
    def kills(self) -> int:
        """How many processes ended by SIGKILL."""
        return self.steps.total() + self.random


class Role:
    """One place in the cast: a process at a time, and the strikes it has still to take.

    Args:
        context: Starts processes.
        site: What they must know.
        play: What they run.
        name: What it is called in the report.
        strikes: What is done to them, one strike to a process.
        toll: Where it is counted.
        outages: Draws how many real seconds pass until the next process is started.
    """

    def __init__(
        self,
        context: ForkServerContext,
        site: Site,
        play: Play,
        name: str,
        strikes: list[Strike],
        toll: Toll,
        outages: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._context = context
        self._site = site
        self._play = play
        self._name = name
        self.strikes = strikes
        self._toll = toll
        self._outages = outages
        self._process: ForkServerProcess | None = None
        self._told: Any = None
        self._strike: Strike | None = None
        self._since = self._born = 0.0
        self._pid: int | None = None
        self._given: Strike | None = None
        self._stopped = False
        self._asked = False
        self._again_at = 0.0
        self.ready = False

    @property
    def doors(self) -> list[Any]:
        """What becomes ready when there is news of the process."""
        return [] if self._process is None or self._told is None else [self._process.sentinel, self._told]

    @property
    def struck(self) -> bool:
        """Whether something is still to be done to the present process."""
        return self._strike is not None

    def start(self) -> None:
        """Start a process with the next strike, if there is one."""
        hearing, telling = self._context.Pipe(duplex=False)
        self._strike = self.strikes.pop(0) if self.strikes else None
        self._process = self._context.Process(target=self._play, args=(self._site, self._strike, telling), daemon=True)
        self._process.start()
        telling.close()
        self._told = hearing
        self._since = self._born = time.monotonic()
        self._pid, self._given = self._process.pid, self._strike
        self._stopped = self._asked = self.ready = False

    def look_after(self) -> None:
        """Strike when it is time to; start the next process when this one has ended."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._again_at:
                self.start()
            return
        self._listen()
        if self._process.exitcode is not None:
            self._ended(self._process.exitcode)
        elif self._strike is not None and self.ready:
            self._act(self._strike, now - self._since)

    def end(self) -> None:
        """Kill the present process, if there is one, and start no other."""
        if self._process is not None:
            self._process.kill()
            self._let_go()

    def ask_to_end(self, patience: float) -> bool:
        """Ask the process to finish its work and end; kill it after `patience` seconds. Return whether it did."""
        if self._process is None or self._process.pid is None:
            return True
        self._signal(signal.SIGTERM)
        self._process.join(patience)
        orderly = self._process.exitcode == 0
        self.end()
        return orderly

    def _act(self, strike: Strike, elapsed: float) -> None:
        if self._stopped:
            if elapsed >= strike.stop_for:
                self._signal(signal.SIGCONT)
                self._toll.stops += 1
                self._strike = replace(strike, stop_at="", after=AFTERWARDS)
                self._since, self._stopped = time.monotonic(), False
        elif strike.kind == "drain":
            self._drain(strike, elapsed)
        elif elapsed >= (PATIENCE if strike.kind == "step" else strike.after):
            self._signal(signal.SIGKILL)

    def _drain(self, strike: Strike, elapsed: float) -> None:
        if not self._asked and elapsed >= strike.after:
            self._signal(signal.SIGTERM)
            self._asked = True
            if strike.stop_at and strike.tries + 1 < TRIES:  # it did not get there: another one shall
                self.strikes.append(replace(strike, tries=strike.tries + 1))
        elif elapsed >= strike.after + DRAIN + PATIENCE:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.pid is not None and self._process.exitcode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self._process.pid, number)

    def _listen(self) -> None:
        """Hear what the process has to say: that it is ready, or at which step it has just ended itself."""
        while self._told is not None and self._told.poll():
            try:
                word = self._told.recv()
            except (EOFError, OSError):  # it ended, perhaps in the middle of a word
                return
            if word == "ready":
                self.ready = True
                self._since = time.monotonic()
            elif word == "stopped":
                self._since, self._stopped = time.monotonic(), True
            elif self._strike is not None:
                self._toll.steps[word] += 1
                self._strike = None

    def _ended(self, code: int) -> None:
        self._listen()
        lived = f"lived {time.monotonic() - self._born:.2f} s, ended with {code}"
        self._toll.story.append(f"{self._name} {self._pid}: {self._given}, {lived}")
        if self._strike is None and code == -signal.SIGKILL:
            pass  # it ended itself, as it was told to
        elif self._strike is not None and code == -signal.SIGKILL:
            self._toll.random += 1
            if self._strike.kind == "step" and self._strike.tries + 1 < TRIES:
                self.strikes.append(Strike("step", self._strike.step, tries=self._strike.tries + 1))
            elif self._strike.kind == "step":
                self._toll.missed += 1
        elif self._strike is not None and self._asked and code == 0:
            self._toll.drains += 1
        else:
            self._toll.crashes += 1
        self._toll.ends[self._name] += 1
        self._let_go()
        self._again_at = time.monotonic() + self._outages()

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.join()
            self._process.close()
        if self._told is not None:
            self._told.close()
        self._process = self._told = None
