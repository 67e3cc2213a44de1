"""`.env.example` is the settings' own list, so nobody has to guess a variable's name."""

from __future__ import annotations

from pathlib import Path

from orchestrator import settings
from tests import env_example

FILE = Path(__file__).parent.parent / ".env.example"


def test_the_example_is_what_the_settings_say():
    assert FILE.read_text("utf-8") == env_example.render(), (
        "write it anew: ./dev run python -m tests.env_example > .env.example"
    )


def test_every_variable_is_listed_with_its_meaning():
    lines = FILE.read_text("utf-8").splitlines()
    for variable, _, description in settings.variables():
        place = next(n for n, line in enumerate(lines) if line.startswith(f"#{variable}="))
        assert description
        assert lines[place - 1] == f"# {description}"


def test_the_example_as_it_stands_changes_nothing():
    assert settings.load(env_file=FILE) == settings.load()
