"""docs/templates.md says what is so: its tables are compared with the code and with the mails as they are now."""

from __future__ import annotations

import re
from typing import Any

import mails

from orchestrator.rendering import Renderer, gate
from orchestrator.rendering.content import ReasonLine, variables
from orchestrator.rendering.palette import Palette
from tests.docs import pages
from tests.rendering import evidence

AGAIN = "run `./dev mails --write` and look at what changed"


def test_the_evidence_is_of_the_templates_as_they_are(renderer: Renderer):
    rows = {row[0]: row for row in evidence.written()}
    assert list(rows) == list(evidence.SHOWN), AGAIN
    for name, content in evidence.SHOWN.items():
        assert tuple(rows[name][1:3]) == evidence.own_columns(renderer.render(content), content), f"{name}: {AGAIN}"


def test_the_evidence_shows_no_fault():
    for row in evidence.written():
        assert len(row) == len(evidence.HEAD)
        assert float(row[3].split()[0]) <= 1.0
        assert row[4:] == ["0", "0", "none", "0"], row


def test_every_rule_is_in_the_docs_with_its_severity_and_what_it_wants():
    documented = {row[0].strip("`"): (row[1], row[2]) for row in pages.rows(evidence.PAGE, "The rules")}
    assert documented == {rule.id: (rule.severity.value, rule.wants) for rule in gate.RULES.values()}


def test_every_variable_is_in_the_docs_with_its_sample():
    documented = {row[0].strip("`"): row[1] for row in pages.rows(evidence.PAGE, "What a template may use")}
    assert documented == {name: _shown(value) for name, value in _offered().items()}


def _offered() -> dict[str, Any]:
    offered: dict[str, Any] = {}
    for name, value in variables(mails.FULL).items():
        if name in ("address", "bar", "brand"):
            offered |= {f"{name}.{key}": each for key, each in value.items()}
        elif name == "color":
            offered |= {f"color.{key}": getattr(value, key) for key in Palette.__slots__}
        elif name == "reasons":
            offered["reasons"] = value
            offered |= {f"reason.{key}": getattr(value[0], key) for key in ReasonLine.__slots__}
        else:
            offered[name] = value
    return offered


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a record"
    if isinstance(value, list):
        return f"{len(value)} of them"
    return f"`{value}`" if re.search(r"\S", str(value)) else "empty"
