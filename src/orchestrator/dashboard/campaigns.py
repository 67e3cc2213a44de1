"""The list of campaigns: searched by words and qualifiers, read page by page, held, released or called off together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response, StreamingResponse

from orchestrator import errors
from orchestrator.dashboard import sheets
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.viewing import Form, House
from orchestrator.repository.browse import Listed

PAGE = 50
#: Lines fetched at once for a download.
_CHUNK = 500
_COLUMNS = tuple(Listed._fields)

#: What may be done to several at once: the word of the form, of the button, and of what is told afterwards.
ACTS = {"hold": "held", "release": "released", "cancel": "cancelled", "retry": "due now"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the list says: what is looked for, and where the page begins."""

    q: str = ""
    before: str | None = None
    after: str | None = None
    #: Whether to count all that is found.
    count: int = 0
    #: What an act came to, before the browser was sent here.
    done: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an act on several campaigns."""

    act: str
    done: int
    #: Those that were so before.
    unchanged: int
    refused: int


def routes(house: House) -> APIRouter:
    """Return the list, its download, and the acts on what was ticked."""
    router = APIRouter(include_in_schema=False)
    seen, sent, asks = Depends(house.view), Depends(house.posted), Depends(Asked)

    @router.get("/t/{tenant}/campaigns")
    def page(asked: Asked = asks, view: View = seen) -> Response:
        return house.frame.page(view, "campaigns.html", **_context(house, view, asked))

    @router.get("/t/{tenant}/campaigns.csv")
    def download(q: str = "", view: View = seen) -> Response:
        headers = {"Content-Disposition": 'attachment; filename="campaigns.csv"'}
        lines = _lines(house, view.tenant.tenant_id, q)
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

    @router.post("/t/{tenant}/campaigns")
    def act(view: View = seen, form: Form = sent) -> Response:
        done = _act(house, view, form)
        told = f"{done.act}.{done.done}.{done.unchanged}.{done.refused}"
        return RedirectResponse(_address(view, q=form["q"], done=told), HTTPStatus.SEE_OTHER)

    return router


def _context(house: House, view: View, asked: Asked) -> dict[str, Any]:
    tenant, q, desk = view.tenant.tenant_id, asked.q, house.orchestrator.desk
    return {
        "page": desk.campaigns(tenant, q, limit=PAGE, before=asked.before, after=asked.after),
        "q": q,
        "counts": house.orchestrator.get_statistics(tenant),
        "total": desk.count_campaigns(tenant, q) if asked.count else None,
        "told": _told(asked.done),
        "address": _address(view, q=q, before=asked.before, after=asked.after),
        "link": lambda **changes: _address(view, **{"q": q, **changes}),
    }


def _act(house: House, view: View, form: Form) -> Done:
    act, ids, tenant = form["act"], form.ids(), view.tenant.tenant_id
    if act not in ACTS:
        raise errors.ValidationError("act", f"must be one of {', '.join(ACTS)}")
    if not ids:
        raise errors.ValidationError("id", "nothing was ticked", fix="Tick the campaigns first.")
    reason = form.required("reason", "Say why, for whoever finds them held.") if act == "hold" else ""
    done = Counter(_one(house, act, campaign, tenant, reason) for campaign in ids)
    return Done(act, done["done"], done["unchanged"], done["refused"])


def _one(house: House, act: str, campaign: str, tenant: str, reason: str) -> str:
    """Do it to one; return whether it was ``done``, ``unchanged`` because it was so before, or ``refused``."""
    product = house.orchestrator
    before = product.get_campaign(campaign, tenant)
    if act == "hold" and before is not None and before.hold_reason:
        return "unchanged"  # whoever held it first has said why
    try:
        if act == "hold":
            after = product.hold_campaign(campaign, tenant, reason)
        elif act == "release":
            after = product.release_campaign(campaign, tenant)
        elif act == "cancel":
            after = product.cancel_campaign(campaign, tenant)
        else:
            after = product.reschedule_campaign(campaign, tenant, None)
            return "refused" if after.next_send_at is None else "done"  # it is held, and stays so
    except (errors.InvalidState, errors.CampaignNotFound):
        return "refused"
    same = before is not None and (before.status, before.hold_reason) == (after.status, after.hold_reason)
    return "unchanged" if same else "done"


def _told(done: str) -> str | None:
    """Say in words what an act came to; anything but our own four parts is nothing."""
    act, *numbers = done.split(".")
    if act not in ACTS or len(numbers) != 3 or not all(n.isascii() and n.isdigit() and len(n) < 7 for n in numbers):
        return None
    n, unchanged, refused = map(int, numbers)
    words = f"{_campaigns(n)} {ACTS[act]}."
    words += f" {_campaigns(unchanged)} {'was' if unchanged == 1 else 'were'} so before." if unchanged else ""
    return words + (f" {refused:,} could not be: open {_them(refused)} to see why." if refused else "")


def _campaigns(n: int) -> str:
    return "1 campaign" if n == 1 else f"{n:,} campaigns"


def _them(n: int) -> str:
    return "it" if n == 1 else "them"


def _address(view: View, **query: object) -> str:
    wanted = urlencode({name: value for name, value in query.items() if value not in (None, "")})
    return f"{view.home}/campaigns{f'?{wanted}' if wanted else ''}"


def _lines(house: House, tenant: str, q: str) -> Iterator[str]:
    """Write what a search finds as CSV, some rows at a time, however many there are."""
    yield sheets.lines([_COLUMNS])
    before = None
    while True:
        found = house.orchestrator.desk.campaigns(tenant, q, limit=_CHUNK, before=before)
        yield sheets.lines(found.campaigns)
        if found.older is None:
            return
        before = found.older
