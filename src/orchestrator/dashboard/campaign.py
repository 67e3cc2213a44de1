"""One campaign: what happened, the mail, why it goes out or does not, and what may be done about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

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
#: What would end a source in a policy (CSP Level 3, §2.3.1).
_SPLITS = re.compile(r"[\s;,?#]")
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
        shown = _shown(house, view.tenant.tenant_id, campaign)
        told = done if done in (*_ACTS, *_ABOUT_THE_OWNER) else None
        chosen = mail if mail in VIEWS else "desktop"
        return house.frame.page(view, "campaign.html", mail=chosen, views=VIEWS, told=told, **shown)

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
        _act(house, form, campaign, view.tenant.tenant_id)
        return RedirectResponse(f"{view.home}/campaigns/{campaign}?done={form['act']}", HTTPStatus.SEE_OTHER)

    return router


def _shown(house: House, tenant: str, campaign: str) -> dict[str, Any]:
    """Return what is known of a campaign, in words."""
    dossier = house.orchestrator.desk.campaign(tenant, campaign)
    standing = house.orchestrator.desk.letters.standing(tenant, campaign, dossier.campaign.owner_address_key)
    return {
        "one": dossier.campaign,
        "standing": standing,
        "letters": list(map(letters.shown, standing.letters)),
        "entries": list(timeline.told(dossier.events)),
        "attempts": dossier.attempts,
        "trace": house.orchestrator.operations.why(campaign, tenant),
        "acts": _possible(dossier.campaign),
        "place": _place(dossier.campaign),
    }


def framed(html: str, show: str, logo: str | None = None) -> HTMLResponse:
    """Return a mail's HTML as a page of its own that can do nothing.

    Args:
        html: The mail.
        show: One of `VIEWS`.
        logo: The one picture that is loaded from elsewhere: the sender's own.
    """
    if show == "dark":  # a frame follows the reader's system, whatever the tab says
        html = _DARK.sub("@media all", html)
    # Links open nowhere: they would need a new window, which the sandbox forbids.
    html = html.replace("<head>", '<head><base target="_blank">', 1)
    own = logo if logo and logo.startswith("https://") and not _SPLITS.search(logo) else ""
    policy = _MAIL_POLICY.format(images="'none'" if show == "images off" else f"data: {own}".rstrip())
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN", "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)


def _logo(house: House) -> str | None:
    return house.orchestrator.services.settings.logo_url


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
