"""What owners answered: read, confirm or correct labels, let other mail go, and find whose a mail is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from orchestrator import errors
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.letters import LABELS, shown
from orchestrator.dashboard.viewing import Form, House
from orchestrator.domain.text import several_lines
from orchestrator.repository.reply_lists import NOBODYS

PAGE = 20
#: Who is said to have done what is done here.
BY = "the dashboard"
PARTS = (
    ("waiting", "Needs a person"),
    ("latest", "Latest"),
    *((label, chip.word) for label, chip in LABELS.items()),
    ("automatic", "Automatic"),
    (NOBODYS, "Of no campaign"),
)
_TOLD = {
    "confirmed": "Label confirmed.",
    "changed": "Label changed. What it demands is done.",
    "stays": "Label changed. The address stays suppressed: what the old label did is not taken back by itself.",
    "read": "Read. Nothing of this owner’s waits for it any more.",
    "released": "Released: {} may go out again.",
    "others": "Read. Another reply of this owner still keeps the other mail waiting.",
    "assigned": "Assigned. It acts as if it had been found.",
    "meanwhile": "Nothing was changed: somebody else gave it another label meanwhile. Look again.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the list says: which replies, where the page begins, and what was done before."""

    show: str = "waiting"
    before: str | None = None
    after: str | None = None
    done: str = ""


def routes(house: House) -> APIRouter:
    """Return the list, one reply, its original, and what may be done with it."""
    router = APIRouter(include_in_schema=False)
    seen, sent, asks = Depends(house.view), Depends(house.posted), Depends(Asked)
    letters = house.orchestrator.desk.letters
    here = "/t/{tenant}/replies"

    @router.get(here)
    def page(asked: Asked = asks, view: View = seen) -> Response:
        found = letters.page(view.tenant.tenant_id, asked.show, limit=PAGE, before=asked.before, after=asked.after)
        context = {
            "page": found,
            "replies": list(map(shown, found.letters)),
            "address": _address(view, show=asked.show, before=asked.before, after=asked.after),
        }
        return house.frame.page(view, "replies.html", **context, **_around(house, view, asked))

    @router.get(here + "/{reply}")
    def one(reply: str, asked: Asked = asks, view: View = seen) -> Response:
        letter = letters.letter(view.tenant.tenant_id, reply)
        context = {"one": shown(letter), "body": several_lines(letter.reply.body), "head": letter.reply.headers}
        return house.frame.page(view, "reply.html", **context, **_around(house, view, asked))

    @router.get(here + "/{reply}/original")
    def original(reply: str, view: View = seen) -> Response:
        letter = letters.letter(view.tenant.tenant_id, reply)
        context = {"body": several_lines(letter.reply.body), "head": letter.reply.headers}
        return house.frame.fragment(view, "reply.html", "original", **context)

    @router.post(here + "/{reply}")
    def act(reply: str, view: View = seen, form: Form = sent) -> Response:
        query = urlencode({"show": form["show"] or "waiting", "done": _act(house, view, form, reply)})
        # Back to where it was done: the list, or the reply's own page.
        path = f"/{reply}" if form["page"] == "one" else ""
        return RedirectResponse(f"{view.home}/replies{path}?{query}", HTTPStatus.SEE_OTHER)

    return router


def _around(house: House, view: View, asked: Asked) -> dict[str, Any]:
    """Return what stands around replies: the labels to choose from, how rules fare, and what was done before."""
    return {
        "show": asked.show,
        "parts": PARTS,
        "labels": LABELS,
        "funnel": house.orchestrator.desk.figures(view.tenant.tenant_id).funnel.counts,
        "agreement": house.orchestrator.desk.letters.agreement(view.tenant.tenant_id),
        "told": told(asked.done),
        "link": lambda **changes: _address(view, **changes),
    }


def _act(house: House, view: View, form: Form, reply: str) -> str:
    acts: dict[str, Callable[[House, View, Form, str], str]] = {"label": _label, "release": _release, "assign": _assign}
    if form["act"] not in acts:
        raise errors.ValidationError("act", f"must be one of {', '.join(acts)}")
    return acts[form["act"]](house, view, form, reply)


def _label(house: House, view: View, form: Form, reply: str) -> str:
    replies, tenant = house.orchestrator.operations.replies, view.tenant.tenant_id
    if form["was"] and replies.get(reply, tenant).label not in (form["was"], form["label"]):
        return "meanwhile"
    done = replies.label(reply, form["label"], tenant, by=BY)
    if done.before == done.reply.label:
        return "confirmed"
    return "stays" if done.still_suppressed else "changed"


def _release(house: House, view: View, form: Form, reply: str) -> str:
    done = house.orchestrator.operations.replies.release(reply, view.tenant.tenant_id)
    if done.still_held_by:
        return "others"
    return f"released.{done.campaigns}" if done.campaigns else "read"


def _assign(house: House, view: View, form: Form, reply: str) -> str:
    campaign = form.required("campaign", "Paste the id of the campaign; its page shows it.")
    house.orchestrator.operations.replies.assign(reply, campaign, view.tenant.tenant_id, by=BY)
    return "assigned"


def told(done: str) -> str | None:
    """Say in words what an act came to; anything but our own words is nothing."""
    act, _, n = done.partition(".")
    if act not in _TOLD or not (n.isdecimal() if act == "released" else n == ""):
        return None
    return _TOLD[act].format("1 campaign" if n == "1" else f"{n} campaigns")


def _address(view: View, **query: object) -> str:
    wanted = urlencode({name: value for name, value in query.items() if value not in (None, "", "waiting")})
    return f"{view.home}/replies{f'?{wanted}' if wanted else ''}"
