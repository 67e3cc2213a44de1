"""The page about the sandbox names everything there is."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.sandbox.faults import DEFAULTS
from orchestrator.sandbox.outcomes import MAGIC

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def names_in(heading: str) -> set[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)`", " ".join(first_cells)))


def test_every_magic_address_is_documented_and_no_other():
    assert names_in("Who does what") - {"defer3"} == set(MAGIC)


def test_every_fault_is_documented_and_no_other():
    assert names_in("What can go wrong") == set(DEFAULTS)
