"""Whom and what nobody writes to: asked, looked through, entered, taken back, and whole lists in and out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from orchestrator import errors
from orchestrator.dashboard import sheets, suppression_files
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.uploads import Upload, Uploads
from orchestrator.dashboard.viewing import Form, House
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.suppression import Kind
from orchestrator.repository.suppression_search import MOST, Place
from orchestrator.repository.suppressions import Entry
from orchestrator.services.owners.suppression import OWNERS_WORD, Check
from orchestrator.services.owners.suppression_lists import COLUMNS, row_of

PAGE = 50
BY = "the dashboard"
REASONS = {
    SuppressionReason.UNSUBSCRIBE: "Opted out",
    SuppressionReason.COMPLAINT: "Spam report",
    SuppressionReason.BOUNCE: "Bounced",
    SuppressionReason.INVALID: "Invalid address",
    SuppressionReason.SOFT_BOUNCES: "Mails expired",
    SuppressionReason.WRONG_PERSON: "Wrong person",
    SuppressionReason.SOLD: "Sold",
    SuppressionReason.MANUAL: "Entered by hand",
}
KINDS = {Kind.ADDRESS: "Address", Kind.DOMAIN: "Domain", Kind.PROPERTY: "Property"}
_TOLD = {
    "added": "Entered. {} left the queue.",
    "known": "It was on the list before, for this reason and from this source. Nothing was changed.",
    "removed": "Taken off the list. {} may go out again.",
    "nothing": "It was not on the list any more. Nothing was changed.",
}
_CAMPAIGN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the page says: which address is asked about, which entries are shown, what was done."""

    address: str = ""
    property: str = ""
    q: str = ""
    kind: str = ""
    reason: str = ""
    before: str | None = None
    after: str | None = None
    done: str = ""


def routes(house: House) -> APIRouter:
    """Return the page, the list as a file, and what may be done to it."""
    router = APIRouter(include_in_schema=False)
    seen, sent, asks, uploaded = (
        Depends(house.view), Depends(house.posted), Depends(Asked), Depends(Uploads(house)),
    )  # fmt: skip
    here = "/t/{tenant}/suppressions"

    @router.get(here)
    def page(asked: Asked = asks, view: View = seen) -> Response:
        return house.frame.page(view, "suppressions.html", **_shown(house, view, asked))

    @router.get(here + ".csv")
    def export(view: View = seen) -> Response:
        return sheets.download("suppressions.csv", _lines(house, view.tenant.tenant_id))

    @router.post(here)
    def act(view: View = seen, form: Form = sent) -> Response:
        query = {name: form[name] for name in ("q", "kind", "reason")}
        told = _act(house, view, form)
        return RedirectResponse(_address(view, **query, done=told), HTTPStatus.SEE_OTHER)

    @router.post(here + "/import")
    def take_in(view: View = seen, upload: Upload = uploaded) -> Response:
        result = suppression_files.take_in(house, view.tenant.tenant_id, upload)
        return house.frame.page(view, "suppression_import.html", result=result)

    @router.post(here + "/rejects.csv")
    def rejects(view: View = seen, form: Form = sent) -> Response:
        """Give back as a file what the page of an import holds; nothing of it is kept here."""
        return sheets.download("rejected-rows.csv", iter([suppression_files.as_csv(form["rejects"])]))

    return router


def _shown(house: House, view: View, asked: Asked) -> dict[str, Any]:
    desk, tenant = house.orchestrator.desk, view.tenant.tenant_id
    places = {"before": _place("before", asked.before), "after": _place("after", asked.after)}
    found = desk.suppressions(tenant, asked.q, kind=asked.kind, reason=asked.reason, limit=PAGE, **places)
    filters = {"q": asked.q, "kind": asked.kind, "reason": asked.reason}
    check, problem = _checked(house, tenant, asked)
    return {
        "asked": asked,
        "check": check,
        "problem": problem,
        "page": found,
        "most": MOST,
        "reasons": REASONS,
        "kinds": KINDS,
        "stays": SuppressionReason.COMPLAINT,
        "owners_word": OWNERS_WORD,
        "campaign_of": _campaign_of,
        "told": told(asked.done),
        "back": _address(view, **filters, before=_written(found.back)) if found.back else None,
        "on": _address(view, **filters, after=_written(found.on)) if found.on else None,
    }


def _checked(house: House, tenant: str, asked: Asked) -> tuple[Check | None, str]:
    """Return the answer to "would we write to this address", or why it cannot be answered."""
    if not asked.address.strip():
        return None, ""
    try:
        return house.orchestrator.operations.suppressions.check(
            tenant, asked.address.strip(), asked.property.strip() or None
        ), ""
    except errors.ValidationError as error:
        return None, str(error)


def _act(house: House, view: View, form: Form) -> str:
    lists, tenant = house.orchestrator.operations.suppressions, view.tenant.tenant_id
    what, kind = form.required("what", "Name an address, a domain or a property."), form["on"] or None
    if form["act"] == "add":
        reason = form["because"] or SuppressionReason.MANUAL
        source = form.required("source", "Say where this comes from, for whoever finds it.")
        added = lists.add(tenant, what.strip(), kind=kind, reason=reason, source=source)
        return f"added.{added.stopped}" if added.new else "known"
    if form["act"] != "remove":
        raise errors.ValidationError("act", "must be add or remove")
    removed = lists.remove(
        tenant, what, kind=kind, reason=form.required("because", "Say which entry."),
        why=form["why"].strip() or None, consent=form["consent"] == "yes", by=BY,
    )  # fmt: skip
    return f"removed.{removed.returned}" if removed.entries else "nothing"


def told(done: str) -> str | None:
    """Say in words what an act came to; anything but our own words is nothing."""
    act, _, n = done.partition(".")
    if act not in _TOLD or n.isdecimal() != ("{}" in _TOLD[act]):
        return None
    return _TOLD[act].format("1 campaign" if n == "1" else f"{n} campaigns")


def _lines(house: House, tenant: str) -> Iterator[str]:
    yield sheets.lines([COLUMNS])
    for entry in house.orchestrator.operations.suppressions.export(tenant):
        yield sheets.lines([row_of(entry).values()])


def _campaign_of(entry: Entry) -> str | None:
    """Return the campaign that an entry's source ends with, or None."""
    found = _CAMPAIGN.search(entry.source)
    return found[0] if found else None


def _address(view: View, **query: object) -> str:
    wanted = urlencode({name: value for name, value in query.items() if value not in (None, "")})
    return f"{view.home}/suppressions{f'?{wanted}' if wanted else ''}"


def _written(place: Place) -> str:
    return orjson.dumps(tuple(place)).decode()


def _place(field: str, text: str | None) -> Place | None:
    if text is None:
        return None
    try:
        kind, value, reason, source = map(str, orjson.loads(text))
    except (ValueError, TypeError):
        raise errors.ValidationError(field, "is no place in the list", fix="Go back to its beginning.") from None
    return Place(kind, value, reason, source)
