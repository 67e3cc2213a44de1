"""The dispatcher: whether mail goes out, what waits and for what, what is in doubt, who works, what failed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, RedirectResponse, Response

from orchestrator import contracts, errors
from orchestrator.dashboard import meanwhile, pulse
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.viewing import Form, House
from orchestrator.services.looking.dispatching import Board
from orchestrator.services.looking.overview import Paused, Status

TOLD = {
    "pause": "Paused. Nothing more goes out until somebody resumes.",
    "resume": "Sending goes on.",
    "sent": "Written down as sent.",
    "resend": "Given up; another attempt goes through all gates.",
    "retry": "Due again.",
    "retry_all": "What failed is due again, except to suppressed addresses.",
}
#: Who pauses, in words.
_BY = {
    "operator": "by a person",
    "compliance": "by SendGrid’s compliance team",
    "refused": "because SendGrid refuses the account",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Whether mail goes out: a chip's icon, tone and word; what is said of it; what may be resumed."""

    icon: str
    tone: str
    word: str
    banner: str | None = None
    detail: str = ""
    since: datetime | None = None
    #: ``tenant``, ``everything`` or both.
    resumable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """One thing that holds mail back: how much, until when, and what can be done. ``link`` is a path of the tenant."""

    what: str
    n: int
    until: datetime | None = None
    then: str = ""
    can: str = ""
    link: str | None = None


def routes(house: House) -> APIRouter:
    """Return the page, the chart's numbers, and the acts."""
    router = APIRouter(include_in_schema=False)
    seen, sent = Depends(house.view), Depends(house.posted)
    here = "/t/{tenant}/dispatcher"

    @router.get(here)
    def page(done: str = "", view: View = seen) -> Response:
        tenant = view.tenant.tenant_id
        status, board = house.orchestrator.operations.status(), house.orchestrator.desk.board(tenant)
        recent = house.orchestrator.desk.recent(tenant)
        state = state_of(status, view)
        context: dict[str, Any] = {
            "board": board,
            "queued": board.queued,
            "state": state,
            "brakes": list(brakes(status, board, state)),
            "working": status.workers,
            "missing": sum(not worker.alive for worker in status.workers),
            "recent": recent,
            "chart": pulse.chart(recent, view.times),
            "summary": pulse.summary(recent),
            "told": TOLD.get(done),
            "seen": _mark(status, view),
        }
        return house.frame.page(view, "dispatcher.html", **context)

    @router.get(here + "/recent.json")
    def recent(view: View = seen) -> Response:
        found = house.orchestrator.desk.recent(view.tenant.tenant_id)
        numbers = {"at": [int(at.timestamp()) for at in found.at], "due": found.due, "sent": found.sent}
        told = {**numbers, "zone": view.times.zone.key, "summary": pulse.summary(found)}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    @router.post(here)
    def act(view: View = seen, form: Form = sent) -> Response:
        _act(house, view, form)
        return RedirectResponse(f"{view.home}/dispatcher?done={form['act']}", HTTPStatus.SEE_OTHER)

    return router


def state_of(status: Status, view: View) -> State:
    """Say in one word whether the tenant's mail goes out, and what follows."""
    everything = next((one for one in status.paused if not one.what.startswith("tenant ")), None)
    ours = view.tenant
    resumable = (("tenant",) if ours.paused_at else ()) + (("everything",) if everything else ())
    if everything is not None:
        return _paused(everything.what, everything, resumable)
    if ours.paused_at is not None:
        mine = Paused("this tenant", "operator", ours.pause_reason or "", ours.paused_at)
        return _paused(mine.what, mine, resumable)
    if not any(worker.alive and worker.kind == "worker" for worker in status.workers):
        banner = "No worker is running: nothing goes out."
        detail = "What is due waits, and none of it is lost. Start one with “outreach worker”."
        return State(icon="warning", tone="stop", word="No worker seen", banner=banner, detail=detail)
    if status.held_off:
        wait = status.held_off[0]
        banner, detail = (
            "SendGrid asked us to wait.",
            "It goes on by itself. What is due waits, and none of it is lost.",
        )
        return State(icon="clock", tone="watch", word="Waiting", banner=banner, detail=detail, since=wait.until)
    return State(icon="check", tone="good", word="Running")


def _paused(what: str, pause: Paused, resumable: tuple[str, ...]) -> State:
    banner = f"Paused {_BY.get(pause.kind, '')}: {what}."
    return State(
        icon="pause", tone="watch", word="Paused", banner=banner, detail=pause.reason, since=pause.since,
        resumable=resumable,
    )  # fmt: skip


def brakes(status: Status, board: Board, state: State) -> Iterator[Brake]:
    """Yield what holds mail back: first what is due, then what is later or held because of it."""
    queued = board.queued
    if queued.due:
        yield from _of_due(status, board, state)
    if queued.again:
        yield Brake(what="An attempt failed, and it is tried again", n=queued.again, can="wait")
    if queued.resting:
        yield Brake(
            what="The owner had another mail not long ago", n=queued.resting,
            can="nothing: this is a promise to owners",
        )  # fmt: skip
    for reason, n in board.held:
        yield Brake(
            what=f"Held: {reason}", n=n, then="somebody releases it", can="Look at them", link="/campaigns?q=is:held"
        )


def _of_due(status: Status, board: Board, state: State) -> Iterator[Brake]:
    due = board.queued.due
    if state.resumable:
        yield Brake(what=state.banner or "", n=due, then="somebody resumes", can="resume, at the top of this page")
    elif board.lacking:
        then = "it is set"
        yield Brake(what=f"The law wants {board.lacking}", n=due, then=then, can="See the settings", link="/settings")
    elif state.tone == "stop":
        yield Brake(what="No worker is running", n=due, then="one runs", can="start one: outreach worker")
    elif status.held_off:
        yield Brake(what="SendGrid asked us to wait", n=due, until=status.held_off[0].until, can="wait")
    elif board.rate:
        until = board.at + timedelta(seconds=math.ceil(due / board.rate))
        what = f"The rate of {board.rate:g} mails a second, by OUTREACH_SEND_RATE"
        yield Brake(what=what, n=due, until=until, can="wait, or raise the rate")
    else:
        yield Brake(what="Nothing: they are going out", n=due, can="watch the chart")


def _act(house: House, view: View, form: Form) -> None:
    product, tenant = house.orchestrator, view.tenant.tenant_id
    why = lambda: form.required("reason", "Say why, so that the next person knows.")  # noqa: E731
    scope = None if form["scope"] == "everything" else tenant
    acts: dict[str, Callable[[], object]] = {
        "pause": lambda: product.operations.pause(why(), scope),
        "resume": lambda: product.operations.resume(scope),
        "sent": lambda: product.operations.resolve(form["message"], "sent", tenant, by="dashboard", why=why()),
        "resend": lambda: product.operations.resolve(form["message"], "resend", tenant, by="dashboard", why=why()),
        "retry": lambda: product.reschedule_campaign(contracts.parse_id("campaign", form["campaign"]), tenant, None),
        "retry_all": lambda: product.retry_failed(tenant),
    }
    if form["act"] not in acts:
        raise errors.ValidationError("act", f"must be one of {', '.join(acts)}")
    if form["act"] in ("pause", "resume"):
        now, words = _mark(product.operations.status(), view), "Meanwhile somebody paused or resumed sending."
        meanwhile.check(form["seen"], now, words)
    acts[form["act"]]()


def _mark(status: Status, view: View) -> str:
    """Return the mark of what is paused, since when and why."""
    ours = view.tenant
    return meanwhile.mark(ours.paused_at, ours.pause_reason, [(one.what, one.since) for one in status.paused])
