"""A short attack on each database: sixteen processes are killed, and nobody is written to twice or left out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.chaos.plan import INGESTING, LOOPS, SENDING

#: One kill at each step a process can be killed at, and two that nobody chose.
KILLS = len(SENDING) + len(LOOPS) + len(INGESTING) + 2
#: Seconds; a run takes about 20, and four times as long on a machine that has other things to do.
TIMEOUT = 220.0
CHECKS_FAILED = 9

pytestmark = pytest.mark.timeout(TIMEOUT + 20)


@pytest.fixture
def attack(empty_dsn: str, tmp_path: Path) -> Iterator[Any]:
    """The command in a process group of its own, which does not outlive the test."""
    running: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", "chaos", "--json", "--database", empty_dsn, *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        running.append(process)
        out, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode in (0, CHECKS_FAILED), err.decode()
        return process.returncode, json.loads(out)["runs"][0]

    yield run
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_each_owner_is_mailed_once_through_a_kill_at_every_step(attack: Any):
    status, found = attack("--kills", str(KILLS), "--campaigns", "200")

    assert found["guilty"] == {}
    assert (found["duplicates"], found["losses"], found["in_doubt"]["at_the_end"]) == (0, 0, 0)
    assert found["accepted"] + found["held"] == found["campaigns"] == 200
    assert found["wrong"] == {"statuses": 0, "counters": 0, "announcements": 0}
    assert (found["crashes"], found["undrained"], found["settled"]) == (0, 0, True)
    assert found["kills"]["total"] >= KILLS
    assert found["kills"]["at_steps"].keys() == {*SENDING, *LOOPS, *INGESTING}
    assert found["stops"] == 1
    assert found["drains"] >= 2
    # On a machine too busy to hear webhooks all the time, silence proves nothing: a person is asked, as it must be.
    assert found["held"] == 0 or found["deaf_for_a_while"]
    assert status == (CHECKS_FAILED if found["held"] else 0)


def test_without_evidence_nothing_is_sent_again_and_a_person_is_asked(attack: Any):
    # Only faults that leave doubt: on a busy machine a short attack may have too few of them otherwise.
    doubtful = "reset-after-accept,5xx-after-accept"
    status, found = attack("--kills", "6", "--campaigns", "90", "--withhold-evidence", "--faults", doubtful)

    assert found["guilty"] == {}
    assert (found["duplicates"], found["losses"], found["in_doubt"]["at_the_end"]) == (0, 0, 0)
    assert found["resolved"]["by_resending"] == 0
    assert (found["crashes"], found["undrained"], found["settled"]) == (0, 0, True)
    assert found["held"] == found["listed"] > 0
    assert status == 0
