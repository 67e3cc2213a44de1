"""Fixtures of the mail tests: a renderer, variations of the sample mail, and a Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from orchestrator.rendering import Renderer
from tests.rendering.looks import Viewer


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer()


@pytest.fixture(scope="module")
def viewer(opened_browser: Browser) -> Iterator[Viewer]:
    viewer = Viewer(opened_browser)
    yield viewer
    viewer.close()
