"""What the last line of a run says: broken, kept, or left to a person."""

from __future__ import annotations

import pytest

from orchestrator.cli.chaos import report
from orchestrator.cli.chaos.plan import FAMILIES, Attack
from orchestrator.cli.chaos.supervisor import Course
from orchestrator.cli.chaos.verdict import Verdict
from orchestrator.cli.output import Output

ORDERED = Attack(kills=20, campaigns=400, seed=7, families=tuple(FAMILIES))


@pytest.mark.parametrize(
    ("verdict", "ok", "words"),
    [
        (Verdict(), True, "The promise held."),
        (Verdict(held=52, listed=52), False, "52 mails wait for a person: the webhooks went unheard"),
        (Verdict(held=52, listed=51), False, "The promise was broken."),
        (Verdict(held=52, listed=52, losses=1), False, "The promise was broken."),
        (Verdict(duplicates=1), False, "The promise was broken."),
    ],
)
def test_what_waits_for_a_person_is_not_called_broken(
    verdict: Verdict, ok: bool, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    course = Course(settled=True, deaf=True)
    found = report.document(ORDERED, course, verdict, "SQLite")
    report.tell(Output(), found)
    said = " ".join(capsys.readouterr().err.split())
    assert found["ok"] is ok
    assert words in said
