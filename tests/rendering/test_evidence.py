"""docs/templates.md says what is so: its tables are compared with the code and with the mails as they are now."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mails

from orchestrator.rendering import HTML, TEXT, Renderer, gate
from orchestrator.rendering.content import ReasonLine, variables
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


def test_the_smallest_template_of_the_docs_passes(tmp_path: Path):
    for name, language in ((HTML, "html"), (TEXT, "text")):
        code = next(block.code for block in pages.blocks(evidence.PAGE, language) if "{{ greeting }}" in block.code)
        (tmp_path / name).write_text(code, encoding="utf-8")
    assert gate.check(Renderer(tmp_path)).findings == []


def _offered() -> dict[str, Any]:
    offered: dict[str, Any] = {}
    for name, value in variables(mails.FULL).items():
        if name in ("address", "bar", "brand", "color"):
            offered |= {f"{name}.{key}": each for key, each in value.items()}
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
