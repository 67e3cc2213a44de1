"""What the documentation names exists, and what exists is named."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from orchestrator import errors, settings
from orchestrator.api.errors import known_errors, status_of
from orchestrator.domain.message import MessageState
from orchestrator.sandbox import Sandbox
from orchestrator.sandbox.application import create_application
from orchestrator.sandbox.sandbox import ACTIONS
from orchestrator.services.recording.announcements import PUBLISHED, RESUBSCRIBED
from tests.docs import pages
from tests.docs.pages import DOCS, ROOT

PAGES = pages.pages()
DECISIONS = sorted((DOCS / "adr").glob("[0-9]*.md"))
PARTS_OF_A_DECISION = ("Context", "Decision", "Alternatives", "Consequences", "Where to look")
_PATH = re.compile(r"`((?:src|tests|docs|benchmarks)/[\w./-]+)`")
_MADE_HERE = re.compile(r"(^|[^\w])/(work|tmp)/")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path):
    broken = []
    for link in pages.links(page):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in pages.anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_is_named_exists(page: Path):
    missing = [path for path in _PATH.findall(pages.text_of(page)) if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_speaks_of_the_machine_it_was_written_on(page: Path):
    assert not _MADE_HERE.search(pages.text_of(page))


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = [link.partition("#")[0] for link in pages.links(page) if "://" not in link]
        waiting += [target for link in targets if link and (target := (page.parent / link).resolve()).is_file()]
    lonely = [name_of(page) for page in PAGES if page not in reached and page.name != "template.md"]
    assert not lonely


def test_every_setting_is_documented_with_its_keyword_and_default():
    documented = [row[:3] for row in pages.rows(DOCS / "configuration.md", "Every setting")]
    declared = []
    for variable, field, _ in settings.variables():
        default = settings.Settings.model_fields[field].default
        written = "–" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        declared.append([f"`{variable}`", f"`{field}`", written])
    assert documented == declared


def test_every_setting_has_a_meaning():
    assert all(len(row[3]) > 20 for row in pages.rows(DOCS / "configuration.md", "Every setting"))


def test_every_error_is_documented_with_its_code_and_status():
    documented = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in pages.rows(DOCS / "errors.md", "The list")}
    declared = {cls.__name__: (cls.__new__(cls).code, str(int(status_of(cls)))) for cls in ours()}
    assert documented == declared


def test_every_error_says_when_it_is_raised_and_what_to_do():
    for row in pages.rows(DOCS / "errors.md", "The list"):
        assert len(row) == 5
        assert len(row[3]) > 20
        assert len(row[4]) > 10


def ours() -> list[type[errors.OrchestratorError]]:
    """Error classes of `orchestrator.errors`; edges may refine them for themselves."""
    return [cls for cls in known_errors() if cls.__module__ == errors.__name__]


def test_the_page_about_errors_cannot_miss_a_class():
    declared = {cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, Exception)} - {
        errors.ComplianceWarning
    }
    assert set(ours()) == declared


def test_every_published_event_type_is_documented_and_no_other():
    documented = {row[0].strip("`") for row in pages.rows(DOCS / "events.md", "What is published")}
    assert documented == {"event.outreach.scheduled", RESUBSCRIBED, *PUBLISHED.values()}


def test_every_state_of_the_ledger_is_documented_and_no_other():
    documented = {row[0].strip("`") for row in pages.rows(DOCS / "sending.md", "The states of an attempt")}
    assert documented == set(MessageState)


def test_the_changelog_has_a_place_for_what_comes_next():
    assert "\n## [Unreleased]\n\n### Added\n\n- " in pages.text_of(ROOT / "CHANGELOG.md")


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_all_its_parts_and_fits_on_half_a_page(page: Path):
    text = pages.text_of(page)
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == PARTS_OF_A_DECISION
    assert re.match(
        rf"# {page.name[:4]}\. \S.*\n\nStatus: (proposed|accepted|replaced by \d{{4}})\nDate: \d{{4}}-", text
    )
    assert 120 < len(text.split()) < 420


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_names_the_files_it_is_about(page: Path):
    assert _PATH.search(pages.text_of(page).split("## Where to look")[1])


def test_decisions_are_numbered_without_gaps_and_listed():
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    assert len(numbers) >= 10
    listed = pages.links(DOCS / "adr" / "README.md")
    assert [page.name for page in DECISIONS] == [link for link in listed if re.match(r"\d{4}-", link)]


def test_every_action_and_every_sendgrid_request_of_the_sandbox_is_documented_and_no_other():
    page = DOCS / "sandbox.md"
    actions = pages.text_of(page).split("What `act` can make happen:")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", actions)) == set(ACTIONS)
    documented = {
        path for row in pages.rows(page, "What it understands") for path in re.findall(r"/v3[\w/{}]*", row[0])
    }
    served = {route.path for route in create_application(Sandbox()).routes if route.path.startswith("/v3/")}  # type: ignore[attr-defined]
    assert documented == {path for path in served if not path.endswith(("{id}", "{email}"))}
