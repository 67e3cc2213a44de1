"""Who may import whom (docs/adr/README.md, pyproject.toml `[tool.importlinter]`), and proof that the rules bite."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "orchestrator"
SPECIMEN = "specimen"
LAYERS = [
    *("cli", "app", "api", "dashboard", "engines", "orchestrator", "operations", "desk", "bootstrap", "services"),
    *("repository", "rendering", "transports", "webhooks", "publishers", "contracts", "domain"),
    *("settings", "tokens", "clock", "errors", "sandbox"),
]
ROOMS = ["looking", "owners", "upkeep", "incoming", "doubt", "sending", "campaigns", "composing", "gates", "recording"]
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
}


def test_the_package_keeps_its_import_rules(capsys: pytest.CaptureFixture[str]):
    status = lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("contract", "importer", "statement"),
    [
        ("layers", "domain", "from specimen import services"),
        ("layers", "services", "import specimen.orchestrator"),
        ("layers", "bootstrap", "from specimen.api import anything"),
        ("layers", "webhooks", "from specimen import transports"),
        ("layers", "clock", "from specimen import errors"),
        ("layers", "repository", "def late():\n    from specimen import services"),
        ("layers", "newcomer", "from specimen import clock"),
        ("layers", "dashboard", "from specimen import api"),
        ("layers", "desk", "from specimen import operations"),
        ("use-cases", "services/recording", "from specimen.services import sending"),
        ("use-cases", "services/sending", "from specimen.services import campaigns"),
        ("use-cases", "services/doubt", "from specimen.services.looking import anything"),
        ("use-cases", "services/newcomer", "from specimen import clock"),
        ("facade", "services", "from specimen import OutreachOrchestrator"),
        ("facade", "cli", "import specimen"),
        ("sql", "services", "import sqlalchemy"),
        ("sql", "bootstrap", "from psycopg import sql"),
        ("sql", "sandbox", "import sqlalchemy"),
        ("sql", "engines", "import sqlite3"),
        ("http", "services", "from fastapi import HTTPException"),
        ("http", "engines", "import uvicorn"),
        ("jobs", "services", "import procrastinate"),
        ("jobs", "repository", "from procrastinate.schema import SchemaManager"),
        ("sandbox", "sandbox", "from specimen import domain"),
        ("sandbox", "sandbox", "from specimen import settings"),
        ("sandbox-users", "services", "from specimen import sandbox"),
        ("sandbox-users", "engines", "import specimen.sandbox"),
    ],
)
def test_a_wrong_import_breaks_the_rule_that_forbids_it(
    contract: str, importer: str, statement: str, specimen: Path, capsys: pytest.CaptureFixture[str]
):
    (specimen / SPECIMEN / importer).mkdir(exist_ok=True)
    (specimen / SPECIMEN / importer / "__init__.py").write_text("")
    (specimen / SPECIMEN / importer / "offender.py").write_text(statement + "\n")
    assert lint_imports(str(specimen / "rules.toml"), no_cache=True, no_logo=True) == 1
    assert f"{CONTRACTS[contract]} BROKEN" in " ".join(capsys.readouterr().out.split())


def test_a_package_that_keeps_every_rule_is_let_through(specimen: Path, capsys: pytest.CaptureFixture[str]):
    (specimen / SPECIMEN / "sandbox" / "server.py").write_text("import fastapi\nfrom specimen import clock, errors\n")
    (specimen / SPECIMEN / "repository" / "tables.py").write_text("import sqlalchemy\nfrom specimen import domain\n")
    (specimen / SPECIMEN / "cli" / "demo.py").write_text("from specimen import app, sandbox, services\n")
    status = lint_imports(str(specimen / "rules.toml"), no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


def test_the_domain_needs_nothing_but_python_the_clock_and_the_errors():
    allowed = {*sys.stdlib_module_names, "orchestrator.clock", "orchestrator.errors"}
    found = {
        (str(path.relative_to(PACKAGE)), name)
        for path in sorted((PACKAGE / "domain").rglob("*.py"))
        for name in _imports(path)
        if name not in allowed and name.split(".")[0] not in sys.stdlib_module_names
    }
    assert {(path, name) for path, name in found if not name.startswith("orchestrator.domain")} == set()


@pytest.fixture
def specimen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one empty module per layer, under the real package's own rules."""
    package = tmp_path / SPECIMEN
    for name in (*LAYERS, *(f"services/{room}" for room in ROOMS)):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    rules = (ROOT / "pyproject.toml").read_text("utf-8")
    rules = rules[rules.index("[tool.importlinter]") :]
    for quote in ('"', " "):
        rules = rules.replace(f"{quote}orchestrator.", f"{quote}{SPECIMEN}.")
    rules = rules.replace('= "orchestrator"', f'= "{SPECIMEN}"').replace('["orchestrator"]', f'["{SPECIMEN}"]')
    (tmp_path / "rules.toml").write_text(rules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _imports(path: Path) -> set[str]:
    """Return the dotted names that a file imports; from the package root, the module behind each name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found.update([f"{module}.{alias.name}" for alias in node.names] if module == "orchestrator" else [module])
    return found
