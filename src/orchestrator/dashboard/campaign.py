"""One campaign: what happened, the mail, why it goes out or does not, and what may be done about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from orchestrator import contracts, errors
from orchestrator.dashboard import acts, letters, meanwhile, timeline
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.viewing import Form, House
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.suppression import Kind
from orchestrator.repository.events import OutreachEvent

#: A mail is a stranger's page: it runs nothing, loads nothing, goes nowhere, and cannot reach what is around it.
_MAIL_POLICY = (
    "sandbox; default-src 'none'; img-src {images}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
VIEWS = ("desktop", "mobile", "dark", "images off", "text")
#: What would end a source in a policy (CSP Level 3, §2.3.1).
_SPLITS = re.compile(r"[\s;,?#]")
_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")

#: What is told after an act, or after what a sending came to.
_TOLD = {
    "sent": "The mail was handed to SendGrid, and accepted.",
    "already_sent": "This mail was sent before. It was not sent again.",
    "sending": "A worker is sending this mail right now.",
    "suppressed": "Nothing was sent: this owner, or this property, must not be written to.",
    "withdrawn": "Nothing was sent: the campaign was called off meanwhile.",
    "again": "In the queue again. It goes out when its turn comes.",
    "hold": "Held. Nothing goes out until it is released.",
    "release": "Released.",
    "cancel": "Cancelled. Nothing is sent.",
    "suppress": "Suppressed. Nobody writes to this address any more.",
    "read": "Read. What waited for it may go out again.",
}


def routes(house: House) -> APIRouter:
    """Return the page, its parts, and its acts."""
    router = APIRouter(include_in_schema=False)
    seen, sent = Depends(house.view), Depends(house.posted)
    desk = house.orchestrator.desk
    here = "/t/{tenant}/campaigns/{campaign}"

    @router.get(here)
    def page(campaign: str, mail: str = "desktop", done: str = "", view: View = seen) -> Response:
        shown = _shown(house, view.tenant.tenant_id, campaign)
        chosen = mail if mail in VIEWS else "desktop"
        return house.frame.page(view, "campaign.html", mail=chosen, views=VIEWS, told=_TOLD.get(done), **shown)

    @router.get(here + "/events.json")
    def events(campaign: str, view: View = seen) -> Response:
        found = desk.campaign(view.tenant.tenant_id, campaign).events
        return JSONResponse(orjson.loads(orjson.dumps(found, option=orjson.OPT_UTC_Z)))

    @router.get(here + "/mail")
    def mail(campaign: str, show: str = "desktop", view: View = seen) -> Response:
        try:
            rendered = desk.preview(view.tenant.tenant_id, campaign)
        except errors.TemplateError as error:
            return framed_text(f"This mail cannot be written.\n\n{error}\n\n{error.fix or ''}")
        return framed_text(rendered.text) if show == "text" else framed(rendered.html, show, _logo(house))

    @router.post(here)
    def act(campaign: str, view: View = seen, form: Form = sent) -> Response:
        done = _act(house, form, campaign, view.tenant.tenant_id)
        return RedirectResponse(f"{view.home}/campaigns/{campaign}?done={done}", HTTPStatus.SEE_OTHER)

    return router


def _shown(house: House, tenant: str, campaign: str) -> dict[str, Any]:
    """Return what is known of a campaign, in words."""
    dossier = house.orchestrator.desk.campaign(tenant, campaign)
    standing = house.orchestrator.desk.letters.standing(tenant, campaign, dossier.campaign.owner_address_key)
    trace = house.orchestrator.operations.why(campaign, tenant)
    closed = {gate.gate for gate in trace.gates if not gate.open}
    return {
        "one": dossier.campaign,
        "seen": meanwhile.mark_of(dossier.campaign),
        "standing": standing,
        "letters": list(map(letters.shown, standing.letters)),
        "entries": list(timeline.told(dossier.events)),
        "attempts": dossier.attempts,
        "trace": trace,
        "acts": acts.possible(dossier.campaign, dossier.attempts, closed),
        "place": _place(dossier.campaign),
        "score": (dossier.campaign.score_result or {}).get("score"),
        "opens": _opens(dossier.events),
    }


def framed(html: str, show: str, logo: str | None = None) -> HTMLResponse:
    """Return a mail's HTML as a page of its own that can do nothing.

    Args:
        html: The mail.
        show: One of `VIEWS`.
        logo: The one picture that is loaded from elsewhere: the sender's own.
    """
    if show == "dark":
        html = dark(html)
    # Links open nowhere: they would need a new window, which the sandbox forbids.
    html = html.replace("<head>", '<head><base target="_blank">', 1)
    own = logo if logo and logo.startswith("https://") and not _SPLITS.search(logo) else ""
    policy = _MAIL_POLICY.format(images="'none'" if show == "images off" else f"data: {own}".rstrip())
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN", "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)


def dark(html: str) -> str:
    """Return a mail's HTML as a reader with a dark system sees it: a frame follows this system, whatever a tab says."""
    return _DARK.sub("@media all", html)


def _logo(house: House) -> str | None:
    return house.orchestrator.services.settings.logo_url


def framed_text(text: str) -> PlainTextResponse:
    """Return plain text as something that may stand in a frame of ours."""
    headers = {"Content-Security-Policy": _MAIL_POLICY.format(images="'none'"), "X-Frame-Options": "SAMEORIGIN"}
    return PlainTextResponse(text, headers=headers)


def _act(house: House, form: Form, campaign: str, tenant: str) -> str:
    """Do what a button says; return the word for what it came to."""
    product = house.orchestrator
    deeds: dict[str, Callable[[], object]] = {
        "send": lambda: product.send_campaign(campaign, tenant)["status"],
        "again": lambda: product.reschedule_campaign(campaign, tenant, None),
        "hold": lambda: product.hold_campaign(campaign, tenant, form.required("reason", "Say why.")),
        "release": lambda: product.release_campaign(campaign, tenant),
        "cancel": lambda: product.cancel_campaign(campaign, tenant),
        "suppress": lambda: _suppress(house, form, campaign, tenant),
        "read": lambda: _read(house, campaign, tenant),
    }
    if form["act"] not in deeds:
        raise errors.ValidationError("act", f"must be one of {', '.join(deeds)}")
    contracts.parse_id("campaign_id", campaign)
    meanwhile.check_campaign(form["seen"], product.get_campaign(campaign, tenant))
    came_to = deeds[form["act"]]()
    return str(came_to) if form["act"] == "send" else form["act"]


def _suppress(house: House, form: Form, campaign: str, tenant: str) -> None:
    owner = house.orchestrator.desk.campaign(tenant, campaign).campaign.owner_email
    reason = form.required("reason", "Say why; it is kept with the entry.")
    house.orchestrator.operations.suppressions.add(tenant, owner, kind=Kind.ADDRESS, source=reason)


def _read(house: House, campaign: str, tenant: str) -> None:
    """Note that somebody has read what the owner wrote: all of it, so that nothing waits for it any more."""
    owner = house.orchestrator.desk.campaign(tenant, campaign).campaign.owner_address_key
    for reply in house.orchestrator.desk.letters.standing(tenant, campaign, owner).holding:
        house.orchestrator.operations.replies.release(reply, tenant)


def _opens(events: Sequence[OutreachEvent]) -> str:
    """Return in words how often the mail was opened, people and machines apart; empty when it was not."""
    opens = Counter(event.machine for event in events if event.event_type == "opened")
    told = [f"{n} by {who}" for n, who in ((opens[False], "a person"), (opens[True], "a machine")) if n]
    return ", ".join(told)


def _place(campaign: OutreachCampaign) -> str:
    address = (campaign.property_record or {}).get("address") or {}
    city = " ".join(str(address[part]) for part in ("city", "state", "zip") if address.get(part))
    return ", ".join(filter(None, (str(address.get("line1") or "Property"), city)))
