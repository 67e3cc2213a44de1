"""Fixtures of the mail tests: a renderer, variations of the sample mail, and a Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from orchestrator.rendering import Renderer
from tests.rendering.looks import CHROMIUM_ARGS, Viewer


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer()


# Not for the whole run: while it is open, playwright keeps an event loop running that no other test could share.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def viewer(browser: Browser) -> Iterator[Viewer]:
    viewer = Viewer(browser)
    yield viewer
    viewer.close()
