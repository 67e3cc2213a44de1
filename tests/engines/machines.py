"""Workers in processes of their own, to be stopped, continued, asked to end and killed; and a sandbox that counts.

``python -m tests.engines.machines ARGUMENTS`` is ``outreach ARGUMENTS`` that dies with the test. With SPEED set it is a
worker whose clocks, the database's and the monotonic one, run that many times faster, so that a lease ends in seconds;
with STOP_AT it stops itself (SIGSTOP) at the third time it reaches that step of sending.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
SPEED = "TEST_SPEED"
EPOCH = "TEST_EPOCH"
STOP_AT = "TEST_STOP_AT"
TIMES = 3


class FastClock:
    """A clock for all processes of one host: from `epoch`, in seconds since 1970, on it runs `speed` times faster."""

    def __init__(self, epoch: float, speed: float) -> None:
        self._epoch, self._speed = epoch, speed

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._epoch, UTC) + timedelta(seconds=(time.time() - self._epoch) * self._speed)

    def monotonic(self) -> float:
        return time.monotonic() * self._speed


class Machine:
    """One process and what it says."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.log: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._listeners = [threading.Thread(target=self._listen), threading.Thread(target=self._drop)]
        for listener in self._listeners:
            listener.start()

    def says(self, words: str) -> str:
        """Wait for a line of its log that holds `words`, and return it."""
        with contextlib.suppress(queue.Empty):
            while words not in (line := self._lines.get(timeout=PATIENCE)):
                pass
            return line
        raise AssertionError(f"it did not say {words!r}:\n" + "".join(self.log[-30:]))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def is_stopped(self) -> bool:
        """Tell whether it is stopped, as by SIGSTOP."""
        status = Path("/proc", str(self.process.pid), "stat").read_text("ascii")
        return status.rpartition(") ")[2].startswith("T")

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for listener in self._listeners:
            listener.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            self.log.append(raw.decode("utf-8", "replace"))
            self._lines.put(self.log[-1])

    def _drop(self) -> None:
        assert self.process.stdout is not None
        for _ in self.process.stdout:  # published events
            pass


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[Machine]:
    """A process with `environment` added to ours; killed at the end of the block if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engines.machines", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    machine = Machine(process)
    try:
        yield machine
    finally:
        machine.close()


def eventually(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + patience
    waited = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        waited.wait(0.02)


def mails_to(truth: dict[str, Any]) -> Counter[int]:
    """How many campaigns had how many mails accepted, by the sandbox's own books."""
    return Counter(campaign["accepted"] for campaign in truth["campaigns"].values())


# The program itself ---------------------------------------------------------------------------------------------------


def _die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def _stop_at(step: str | None) -> Callable[[str], None]:
    seen = Counter[str]()

    def reached(name: str) -> None:
        seen[name] += 1
        if name == step and seen[name] == TIMES:
            os.kill(os.getpid(), signal.SIGSTOP)

    return reached


def _work_fast() -> None:
    from orchestrator import OutreachOrchestrator, engines
    from orchestrator.bootstrap import Parts
    from orchestrator.cli import logs, signals
    from orchestrator.repository import OutreachRepository

    logs.configure("info")
    asked = signals.Asked()
    clock = FastClock(float(os.environ[EPOCH]), float(os.environ[SPEED]))
    repository = OutreachRepository(os.environ["DB_DSN"], clock=clock)
    parts = Parts(clock=clock, monotonic=clock.monotonic, reached=_stop_at(os.environ.get(STOP_AT)))
    options = json.loads(" ".join(sys.argv[1:]) or "{}")
    with OutreachOrchestrator(repository, parts=parts) as orchestrator, engines.create(orchestrator, **options):
        asked.wait()
    repository.close()


def _main() -> None:
    _die_with_parent()
    if SPEED in os.environ:
        _work_fast()
        return
    from orchestrator.cli import main

    sys.argv = ["outreach", *sys.argv[1:]]
    main()


if __name__ == "__main__":
    _main()
