"""The sandbox's inbox: read the mail as its owner, answer it, and watch what that causes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from orchestrator import contracts, errors
from orchestrator.dashboard import envelope, strip
from orchestrator.dashboard.access import Refused
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.mailbox import ACTS, CLIENTS, FAULTS, Letter, Mailbox
from orchestrator.dashboard.viewing import Form, House
from orchestrator.domain.campaign import OutreachCampaign

PAGE = 50
#: Owners that are made up at once, at most: more than the sandbox keeps would be lost to the eye.
MOST_OWNERS = 2_000
#: Mails that one press acts upon, at most.
_MOST_AT_ONCE = 50
SHOWS = {
    "html": "HTML", "text": "Text", "mobile": "Mobile", "dark": "Dark", "headers": "Headers", "raw": "Raw",
    "events": "Events",
}  # fmt: skip
#: What is only shown to whoever opens the mail, or peeks.
_CONTENT = frozenset({"html", "text", "mobile", "dark"})
_FIRST_ANSWER = "Yes, Saturday works! What time suits you?"
_DONE = re.compile(r"([a-z_]+)(?:\.(\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the inbox says."""

    mail: str = ""
    show: str = "html"
    #: Whether to look without opening.
    peek: int = 0
    q: str = ""
    #: ``unread`` or everything.
    only: str = ""
    before: int | None = None
    #: What an act came to, before the browser was sent here.
    done: str = ""


def routes(house: House) -> APIRouter:
    """Return the inbox, its mails, and what can be done there."""
    router = APIRouter(include_in_schema=False)
    seen, sent, asks = Depends(house.view), Depends(house.posted), Depends(Asked)
    here = "/t/{tenant}/inbox"

    @router.get(here)
    def page(asked: Asked = asks, view: View = seen) -> Response:
        return house.frame.page(view, "inbox.html", **_context(house, view, asked))

    @router.get(here + "/mails/{mail}/frame")
    def frame(mail: str, peek: int = 0, show: str = "", view: View = seen) -> Response:
        return _framed(_box(house), view, _letter(house, view, mail), peek=bool(peek), darkly=show == "dark")

    @router.get(here + "/mails/{mail}/mail.eml")
    def download(mail: str, view: View = seen) -> Response:
        return envelope.as_file(_letter(house, view, mail))

    @router.get(here + "/mails/{mail}/click")
    def click(mail: str, link: int = -1, view: View = seen) -> Response:
        """A tracked link, as in any mail: whoever follows it is counted, and sent on."""
        letter = _letter(house, view, mail)
        if link not in letter.links:
            raise Refused(HTTPStatus.NOT_FOUND, "This mail has no such link. Nobody was counted.")
        _box(house).click(letter, link)
        return RedirectResponse(f"{view.home}/inbox/mails/{quote(mail)}/landing?link={link}", HTTPStatus.FOUND)

    @router.get(here + "/mails/{mail}/landing")
    def landing(mail: str, link: int = -1, view: View = seen) -> Response:
        letter = _letter(house, view, mail)
        back = _address(view, mail=mail)
        context = {"letter": letter, "url": letter.links.get(link), "place": _place(house, view, letter), "back": back}
        return house.frame.page(view, "landing.html", **context)

    @router.post(here)
    def act(view: View = seen, form: Form = sent) -> Response:
        done = _act(house, view, form)
        kept = {} if form["act"] == "clear" else {name: form[name] for name in ("mail", "q", "only", "show")}
        return RedirectResponse(_address(view, **kept, done=done), HTTPStatus.SEE_OTHER)

    return router


def _box(house: House) -> Mailbox:
    if house.mailbox is None:
        raise Refused(
            HTTPStatus.NOT_FOUND,
            "There is no sandbox inbox here: what this installation sends goes to SendGrid. "
            "Start outreach demo to have one.",
        )
    return house.mailbox


def _letter(house: House, view: View, mail: str) -> Letter:
    letter = _box(house).letter(view.tenant.tenant_id, mail)
    if letter is None:
        raise Refused(HTTPStatus.NOT_FOUND, "This mail is not in the inbox. The oldest are discarded after 5,000.")
    return letter


def _context(house: House, view: View, asked: Asked) -> dict[str, Any]:
    box, tenant = _box(house), view.tenant.tenant_id
    mails = box.mails(tenant, asked.q, unread=asked.only == "unread", before=asked.before, limit=PAGE + 1)
    wanted = asked.mail or (mails[0].id if mails else "")
    letter = _letter(house, view, wanted) if wanted else None
    counts = box.counts(tenant)
    show = asked.show if asked.show in SHOWS else "html"
    kept = {"q": asked.q, "only": asked.only, "before": asked.before}
    return {
        "asked": asked, "mails": mails[:PAGE], "older": mails[PAGE - 1].number if len(mails) > PAGE else None,
        "total": counts.total, "unread": counts.unread, "letter": letter, "show": show, "shows": SHOWS, "acts": ACTS,
        "clients": CLIENTS, "told": _told(asked.done), "speed": box.speed, "faults": _knobs(box),
        "first_answer": _FIRST_ANSWER, "most_owners": MOST_OWNERS,
        "visible": letter is not None and (letter.mail.opened or bool(asked.peek) or show not in _CONTENT),
        "link": lambda **changes: _address(view, **{**kept, "mail": wanted, "peek": asked.peek or None, **changes}),
        **_story(house, view, letter),
    }  # fmt: skip


def _story(house: House, view: View, letter: Letter | None) -> dict[str, Any]:
    """Return the strip of a mail, and how far its reader has come."""
    if letter is None:
        return {"causes": [], "campaign": None, "steps": {}, "happened": [], "raw": ""}
    box, tenant, campaign_id = _box(house), view.tenant.tenant_id, letter.mail.campaign_id
    happened = box.happened(letter)
    campaign = _campaign(house, tenant, campaign_id)
    history = house.orchestrator.get_events(campaign_id, tenant) if campaign else []
    return {
        "causes": strip.told(happened, history),
        "campaign": campaign,
        "steps": _steps(campaign),
        "happened": [(one, _json(one.raw)) for one in happened],
        "raw": _json(letter.request),
    }


def _campaign(house: House, tenant: str, campaign_id: str) -> OutreachCampaign | None:
    """Return the campaign that a mail names; a mail may name anything."""
    try:
        return house.orchestrator.get_campaign(campaign_id, tenant)
    except errors.ValidationError:
        return None


def _steps(campaign: OutreachCampaign | None) -> dict[str, bool]:
    """Return what a newcomer is asked to do, and whether it is done, as the product itself has counted it."""
    if campaign is None:
        return {}
    return {
        "Opened": campaign.opened_at is not None,
        "Clicked": campaign.clicked_at is not None,
        "Replied": campaign.responded_at is not None,
    }


def _framed(box: Mailbox, view: View, letter: Letter, *, peek: bool, darkly: bool) -> Response:
    """Return the mail as a page of its own: live for whoever opened it, lifeless for whoever peeks."""
    if not peek and not letter.mail.opened:
        raise Refused(HTTPStatus.FORBIDDEN, "Nobody has opened this mail. Press Open, or peek.")
    base = f"{view.home}/inbox/mails/{quote(letter.mail.id)}/click?link="
    html = letter.html if peek else box.live(letter, lambda number: f"{base}{number}")
    return envelope.framed(html, peek=peek, darkly=darkly)


def _act(house: House, view: View, form: Form) -> str:
    """Do what a form asks for and return what is to be told."""
    box, act = _box(house), form["act"]
    if act == "simulate":
        owners, seed = _whole(form, "owners", 1, MOST_OWNERS), _whole(form, "seed", 0, 2**31)
        return f"simulate.{box.simulate(view.tenant.tenant_id, owners, seed)}"
    if act == "misbehave":
        box.misbehave({knob: _share(form, knob) for knob in FAULTS})
        return "misbehave"
    if act == "behave":
        box.misbehave(dict.fromkeys(FAULTS, 0))
        return "behave"
    if act == "clear":
        return f"clear.{box.clear(view.tenant.tenant_id)}"
    if act == "every":
        waiting = box.mails(view.tenant.tenant_id, "", unread=True, before=None, limit=_MOST_AT_ONCE)
        for mail in waiting:
            box.act(_letter(house, view, mail.id), form["what"])
        return f"every.{len(waiting)}"
    _one(box, form, _letter(house, view, form["mail"]))
    return act


def _one(box: Mailbox, form: Form, letter: Letter) -> None:
    act = form["act"]
    if act == "open":
        box.open(letter)
    elif act == "reply":
        text = form.required("text", "Write what the owner answers.")
        box.reply(letter, text, form["client"] or "gmail")
    elif act == "do":
        box.act(letter, form["what"])
    else:
        raise errors.ValidationError("act", "must be one of open, reply, do, every, clear, simulate, misbehave, behave")


def _whole(form: Form, name: str, least: int, most: int) -> int:
    text = contracts.parse_text(name, form[name]).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise errors.ValidationError(name, f"must be a whole number from {least} to {most:,}")
    return int(text)


def _share(form: Form, knob: str) -> float:
    _, unit, most = FAULTS[knob]
    value = _whole(form, knob, 0, most) if form[knob] else 0
    return value / 100 if unit == "%" else value


def _knobs(box: Mailbox) -> list[tuple[str, str, str, int, int]]:
    """Return (name, words, unit, largest, present value) of what can go wrong."""
    values = box.faults()
    return [
        (knob, words, unit, most, round(values[knob] * (100 if unit == "%" else 1)))
        for knob, (words, unit, most) in FAULTS.items()
    ]


def _told(done: str) -> str | None:
    """Say in words what an act came to; anything but our own words is nothing."""
    found = _DONE.fullmatch(done)
    if found is None:
        return None
    act, n = found[1], int(found[2] or 0)
    mails = f"{n} {'mail' if n == 1 else 'mails'}"
    words: Mapping[str, str] = {
        "open": "Opened. The strip shows what that caused.",
        "reply": "Your answer was sent. The strip shows what it caused.",
        "do": "Done. The strip shows what that caused.",
        "every": f"Done for {mails}." if n else "No mail is unread.",
        "clear": f"{mails} deleted. Campaigns, their history and all figures stay.",
        "misbehave": "The provider behaves as set from now on.",
        "behave": "The provider behaves well again.",
        "simulate": f"{n:,} made-up owners are being written to. The overview fills as they open, click and answer."
        if n
        else "These owners have their mail already: the same seed means the same owners. Choose another seed.",
    }
    return words.get(act)


def _place(house: House, view: View, letter: Letter) -> str:
    campaign = _campaign(house, view.tenant.tenant_id, letter.mail.campaign_id)
    address = ((campaign and campaign.property_record) or {}).get("address") or {}
    return str(address.get("line1") or "The property")


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def _address(view: View, **query: object) -> str:
    wanted = urlencode({name: value for name, value in query.items() if value not in (None, "")})
    return f"{view.home}/inbox{f'?{wanted}' if wanted else ''}"
