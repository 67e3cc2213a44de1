"""The dashboard over a façade whose mails go to a fake transport, asked as a browser asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from orchestrator import OutreachOrchestrator, app
from orchestrator.domain.message import Outcome, OutgoingMail
from orchestrator.repository import OutreachRepository
from tests.samples import TENANT, facade

BASE = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Desktop:
    """One browser."""

    orchestrator: OutreachOrchestrator
    client: TestClient

    def get(self, path: str = "", **more: Any) -> Any:
        """Ask for a page of the tenant; `path` may be absolute."""
        return self.client.get(
            path if path.startswith("/") else f"/t/{TENANT}/{path}".rstrip("/").replace("/?", "?"), **more
        )

    def post(self, path: str, fields: dict[str, Any], page: str | None = None, **more: Any) -> Any:
        """Send the form that stands on `page` (default: the same path), as the browser would."""
        shown = self.get(path if page is None else page)
        csrf = re.search(r'name="csrf" value="([^"]+)"', shown.text)
        sent = {"csrf": csrf[1] if csrf else "", **fields}
        return self.client.post(path if path.startswith("/") else f"/t/{TENANT}/{path}", data=sent, **more)


@contextmanager
def desktop(
    repository: OutreachRepository,
    *,
    is_open: bool = True,
    handler: Callable[[OutgoingMail], Outcome] | None = None,
    **settings: Any,
) -> Iterator[Desktop]:
    """A browser in front of the dashboard."""
    with facade(repository, handler, **settings) as (orchestrator, _):
        pages = app.create_pages(orchestrator, start=TENANT, is_open=is_open)
        service = app.create_service(orchestrator, pages=pages)
        client = TestClient(service, base_url=BASE, follow_redirects=True)
        if is_open:
            client.get("/", follow_redirects=False)  # the overview it leads to would count what there is not yet
        yield Desktop(orchestrator, client)


@pytest.fixture
def browser(repository: OutreachRepository) -> Iterator[Desktop]:
    with desktop(repository) as opened:
        yield opened
