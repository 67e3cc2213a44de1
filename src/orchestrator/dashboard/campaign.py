"""One campaign: what happened, the mail, why it goes out or does not, and what may be done about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

import orjson
from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from orchestrator import contracts, errors
from orchestrator.dashboard import letters, timeline
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.viewing import Form, House
from orchestrator.domain import lifecycle
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.lifecycle import Command
from orchestrator.domain.suppression import Kind

#: A mail is a stranger's page: it runs nothing, loads nothing, goes nowhere, and cannot reach what is around it.
_MAIL_POLICY = (
    "sandbox; default-src 'none'; img-src {images}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
VIEWS = ("desktop", "mobile", "dark", "images off", "text")
_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")

#: act: (command it needs, words of the button, is it destructive)
_ACTS = {
    "send": (Command.SEND, "Send now", False),
    "hold": (Command.HOLD, "Hold", False),
    "release": (Command.RELEASE, "Release", False),
    "cancel": (Command.CANCEL, "Cancel campaign", True),
}
#: What may be done about the owner, whatever the campaign's own state.
_ABOUT_THE_OWNER = ("suppress", "read")


def routes(house: House) -> APIRouter:
    """Return the page, its parts, and its acts."""
    router = APIRouter(include_in_schema=False)
    seen, sent = Depends(house.view), Depends(house.posted)
    desk = house.orchestrator.desk
    here = "/t/{tenant}/campaigns/{campaign}"

    @router.get(here)
    def page(campaign: str, mail: str = "desktop", done: str = "", view: View = seen) -> Response:
        dossier = desk.campaign(view.tenant.tenant_id, campaign)
        standing = desk.letters.standing(view.tenant.tenant_id, campaign, dossier.campaign.owner_address_key)
        context = {
            "one": dossier.campaign,
            "standing": standing,
            "letters": list(map(letters.shown, standing.letters)),
            "entries": list(timeline.told(dossier.events)),
            "attempts": dossier.attempts,
            "trace": house.orchestrator.operations.why(campaign, view.tenant.tenant_id),
            "acts": _possible(dossier.campaign),
            "mail": mail if mail in VIEWS else "desktop",
            "views": VIEWS,
            "place": _place(dossier.campaign),
            "told": done if done in (*_ACTS, *_ABOUT_THE_OWNER) else None,
        }
        return house.frame.page(view, "campaign.html", **context)

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
        return framed_text(rendered.text) if show == "text" else framed(rendered.html, show)

    @router.post(here)
    def act(campaign: str, view: View = seen, form: Form = sent) -> Response:
        _act(house, form, campaign, view.tenant.tenant_id)
        return RedirectResponse(f"{view.home}/campaigns/{campaign}?done={form['act']}", HTTPStatus.SEE_OTHER)

    return router


def framed(html: str, show: str) -> HTMLResponse:
    """Return a mail's HTML as a page of its own that can do nothing; `show` is one of `VIEWS`."""
    if show == "dark":  # a frame follows the reader's system, whatever the tab says
        html = _DARK.sub("@media all", html)
    # Links open nowhere: they would need a new window, which the sandbox forbids.
    html = html.replace("<head>", '<head><base target="_blank">', 1)
    policy = _MAIL_POLICY.format(images="'none'" if show == "images off" else "https: data:")
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN", "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)


def framed_text(text: str) -> PlainTextResponse:
    """Return plain text as something that may stand in a frame of ours."""
    headers = {"Content-Security-Policy": _MAIL_POLICY.format(images="'none'"), "X-Frame-Options": "SAMEORIGIN"}
    return PlainTextResponse(text, headers=headers)


def _possible(campaign: OutreachCampaign) -> list[tuple[str, str, bool]]:
    """Return what may be done to a campaign as it stands: (act, words, whether it destroys)."""
    possible = []
    for act, (command, button, destructive) in _ACTS.items():
        useless = (act == "hold" and campaign.hold_reason) or (act == "release" and not campaign.hold_reason)
        done = act == "send" and lifecycle.was_sent(campaign.status)
        if campaign.status in lifecycle.ALLOWED[command] and not useless and not done:
            possible.append((act, button, destructive))
    return possible


def _act(house: House, form: Form, campaign: str, tenant: str) -> None:
    product = house.orchestrator
    acts: dict[str, Callable[[], object]] = {
        "send": lambda: product.send_campaign(campaign, tenant),
        "hold": lambda: product.hold_campaign(campaign, tenant, form.required("reason", "Say why.")),
        "release": lambda: product.release_campaign(campaign, tenant),
        "cancel": lambda: product.cancel_campaign(campaign, tenant),
        "suppress": lambda: _suppress(house, form, campaign, tenant),
        "read": lambda: _read(house, campaign, tenant),
    }
    if form["act"] not in acts:
        raise errors.ValidationError("act", f"must be one of {', '.join(acts)}")
    contracts.parse_id("campaign_id", campaign)
    acts[form["act"]]()


def _suppress(house: House, form: Form, campaign: str, tenant: str) -> None:
    owner = house.orchestrator.desk.campaign(tenant, campaign).campaign.owner_email
    reason = form.required("reason", "Say why; it is kept with the entry.")
    house.orchestrator.operations.suppressions.add(tenant, owner, kind=Kind.ADDRESS, source=reason)


def _read(house: House, campaign: str, tenant: str) -> None:
    """Note that somebody has read what the owner wrote: all of it, so that nothing waits for it any more."""
    owner = house.orchestrator.desk.campaign(tenant, campaign).campaign.owner_address_key
    for reply in house.orchestrator.desk.letters.standing(tenant, campaign, owner).holding:
        house.orchestrator.operations.replies.release(reply, tenant)


def _place(campaign: OutreachCampaign) -> str:
    address = (campaign.property_record or {}).get("address") or {}
    city = " ".join(str(address[part]) for part in ("city", "state", "zip") if address.get(part))
    return ", ".join(filter(None, (str(address.get("line1") or "Property"), city)))
