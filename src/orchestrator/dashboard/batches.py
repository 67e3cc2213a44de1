"""Imports: the campaigns of one label, seen and handled as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from orchestrator import errors
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.health import judge
from orchestrator.dashboard.viewing import Form, House

PAGE = 50
#: act: what is told afterwards, with the number
#: act: (what is counted as done, what is counted beside it, how that is told of one and of several)
_COUNTED = {
    "hold": ("held", "unchanged", ("was held so before", "were held so before")),
    "release": ("released", "unchanged", ("was held by nobody", "were held by nobody")),
    "cancel": ("cancelled", "on_its_way", ("is on its way already", "are on their way already")),
}
_DONE = re.compile(r"([a-z]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})")


def routes(house: House) -> APIRouter:
    """Return the list of imports, one import, and what may be done to it."""
    router = APIRouter(include_in_schema=False)
    seen, sent = Depends(house.view), Depends(house.posted)
    imports = house.orchestrator.desk.imports

    @router.get("/t/{tenant}/batches")
    def page(before: str | None = None, view: View = seen) -> Response:
        found = imports.page(view.tenant.tenant_id, limit=PAGE, before=before)
        return house.frame.page(view, "batches.html", found=found, address=_address)

    @router.get("/t/{tenant}/batch")
    def one(label: str = "", done: str = "", view: View = seen) -> Response:
        found = imports.one(view.tenant.tenant_id, label, fresh=bool(done))
        if found is None:
            raise errors.ValidationError("label", f"no import is labelled {label!r}", fix="The list shows all labels.")
        context = {"found": found, "batch": found.batch, "funnel": found.funnel, "health": judge(found.funnel)}
        return house.frame.page(view, "batch.html", **context, told=_told(done))

    @router.post("/t/{tenant}/batch")
    def act(view: View = seen, form: Form = sent) -> Response:
        label = form.required("label", "Name the import.")
        done, beside = _act(house, view, form, label)
        query = urlencode({"label": label, "done": f"{form['act']}.{done}.{beside}"})
        return RedirectResponse(f"{view.home}/batch?{query}", HTTPStatus.SEE_OTHER)

    return router


def _act(house: House, view: View, form: Form, label: str) -> tuple[int, int]:
    operations, tenant = house.orchestrator.operations, view.tenant.tenant_id
    acts: dict[str, Callable[[], Mapping[str, int]]] = {
        "hold": lambda: operations.hold_batch(tenant, label, form.required("reason", "Say why.")),
        "release": lambda: operations.release_batch(tenant, label),
        "cancel": lambda: operations.cancel_batch(tenant, label),
    }
    if form["act"] not in acts:
        raise errors.ValidationError("act", f"must be one of {', '.join(acts)}")
    counts, (done, beside, _) = acts[form["act"]](), _COUNTED[form["act"]]
    return counts.get(done, 0), counts.get(beside, 0)


def _told(done: str) -> str | None:
    """Say in words what an act came to; anything but our own three parts is nothing."""
    parts = _DONE.fullmatch(done)
    if parts is None or parts[1] not in _COUNTED:
        return None
    word, _, (one, several) = _COUNTED[parts[1]]
    n, beside = int(parts[2]), int(parts[3])
    words = f"{n:,} {'campaign' if n == 1 else 'campaigns'} {word}."
    return f"{words} {beside:,} {one if beside == 1 else several}." if beside else words


def _address(view: View, label: str) -> str:
    return f"{view.home}/batch?{urlencode({'label': label})}"
