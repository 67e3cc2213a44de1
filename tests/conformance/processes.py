"""``outreach serve`` in processes of its own, to be killed.

Starting Python and importing everything takes most of a second, so one program imports it once and then forks: each
child runs the command as it would by itself. No child outlives the program, and the program does not outlive the test.
"""

from __future__ import annotations

import ctypes
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_TIMEOUT = 30.0
_SERVING = re.compile(r"Serving on http://127\.0\.0\.1:(\d+)")


class Service:
    """The command, with one process of it running at a time; made by `prepared`."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program
        self._ports: queue.Queue[int] = queue.Queue()
        self.log: list[str] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        self.process_id = 0

    def start(self) -> int:
        """Start the service; returns its port as soon as it accepts connections."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(b"serve\n")
        self._program.stdin.flush()
        self.process_id = int(self._program.stdout.readline())
        try:
            return self._ports.get(timeout=START_TIMEOUT)
        except queue.Empty:
            raise AssertionError("the service did not start:\n" + "".join(self.log[-20:])) from None

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.process_id, signal.SIGKILL)

    def close(self) -> None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        assert self._program.stderr is not None
        self._program.stdin.close()
        try:
            self._program.wait(START_TIMEOUT)
        finally:
            self._program.kill()
            self._program.wait()
            self._listener.join()
            self._program.stdout.close()
            self._program.stderr.close()

    def _listen(self) -> None:
        assert self._program.stderr is not None
        for line in self._program.stderr:
            self.log.append(line.decode("utf-8", "replace"))
            if found := _SERVING.search(self.log[-1]):
                self._ports.put(int(found[1]))


@contextmanager
def prepared(**environment: str) -> Iterator[Service]:
    """Have the command ready to be started, with `environment` added to ours."""
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.processes"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    service = Service(program)
    try:
        yield service
    finally:
        service.close()


# The program itself ---------------------------------------------------------------------------------------------------


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def _serve(program: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _die_with_parent(program)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)  # the commands are for the program, not for the service
    os.dup2(nothing, 1)  # published events
    from orchestrator.cli import main

    sys.argv = ["outreach", "serve", "--host", "127.0.0.1", "--port", "0"]
    main()


def _import_everything() -> None:
    import alembic  # noqa: F401
    import psycopg  # noqa: F401
    import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401
    import uvicorn.protocols.http.h11_impl  # noqa: F401

    import orchestrator.cli.application
    import orchestrator.cli.service  # noqa: F401


def _main() -> None:
    _die_with_parent(os.getppid())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes away who was killed
    _import_everything()
    assert threading.active_count() == 1, "a fork copies one thread only"
    program = os.getpid()
    for _command in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            try:
                _serve(program)
            finally:
                os._exit(0)
        os.write(1, b"%d\n" % child)
    os.kill(os.getpid(), signal.SIGKILL)  # and the kernel takes the child with us


if __name__ == "__main__":
    _main()
