"""Being asked to stop, wherever the signal arrives."""

from __future__ import annotations

import subprocess
import sys

#: A signal that another thread takes does not wake the main thread, whose handler alone can hear it.
_ASTRAY = """
import signal, threading, time
from orchestrator.cli import signals

asked = signals.Asked()

def strays():
    time.sleep(0.3)  # the main thread waits by then
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    time.sleep(60)

threading.Thread(target=strays, daemon=True).start()
print(asked.wait() == signal.SIGINT)
"""


def test_a_signal_that_another_thread_took_is_heard() -> None:
    ran = subprocess.run([sys.executable, "-c", _ASTRAY], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "True\n"
