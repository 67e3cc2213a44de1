"""How this installation is set up: every setting, secrets masked, nothing to change; and what the doctor finds."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import APIRouter, Depends
from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response

from orchestrator import settings
from orchestrator.dashboard import meanwhile
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.viewing import Form, House

MASK = "••••••••"


class Row(NamedTuple):
    """One setting; `value` is None when it is not set."""

    variable: str
    value: str | None
    meaning: str


def routes(house: House) -> APIRouter:
    """Return the page, and the form for a tenant's name and clock."""
    router = APIRouter(include_in_schema=False)
    seen, sent = Depends(house.view), Depends(house.posted)

    @router.get("/t/{tenant}/settings")
    def page(checks: int = 0, done: int = 0, view: View = seen) -> Response:
        context = {
            "rows": list(_rows(house)),
            "addresses": _addresses(house),
            "diagnosis": house.orchestrator.operations.doctor() if checks else None,
            "told": bool(done),
            "seen": _mark(view),
        }
        return house.frame.page(view, "settings.html", **context)

    @router.post("/t/{tenant}/settings")
    def describe(view: View = seen, form: Form = sent) -> Response:
        name = form.required("name", "Give the tenant a name.")
        zone = form.required("time_zone", "Use an IANA name such as America/New_York.")
        words = "Meanwhile somebody else saved another name or time zone."
        meanwhile.check(form["seen"], _mark(view), words)
        house.orchestrator.desk.describe_tenant(view.tenant.tenant_id, name=name, time_zone=zone)
        return RedirectResponse(f"{view.home}/settings?done=1", HTTPStatus.SEE_OTHER)

    return router


def _mark(view: View) -> str:
    return meanwhile.mark(view.tenant.name, view.tenant.time_zone)


def _rows(house: House) -> Iterator[Row]:
    configured = house.orchestrator.services.settings
    for variable, field, meaning in settings.variables():
        value = _database(house) if field == "db_dsn" else _shown(getattr(configured, field))
        yield Row(variable, value, meaning)


def _database(house: House) -> str:
    return house.orchestrator.repository.url.render_as_string(hide_password=True)


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    return MASK if isinstance(value, SecretStr) else str(value)


def _addresses(house: House) -> list[tuple[str, str]]:
    """Return what SendGrid has to be told, as far as it is known."""
    base = house.orchestrator.services.settings.base_url
    if not base:
        return []
    return [
        ("Event webhook", f"{base}/webhooks/sendgrid"),
        ("Inbound Parse", f"{base}/webhooks/sendgrid/inbound"),
        ("Opt-out links begin with", f"{base}/u/"),
    ]
