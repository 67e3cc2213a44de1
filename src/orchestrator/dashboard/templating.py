"""Templates: those in use, what is wrong with them, how mails look with them, edits to try out, and test mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import RedirectResponse, Response

from orchestrator import errors
from orchestrator.dashboard import specimens
from orchestrator.dashboard.campaign import VIEWS, framed, framed_text
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.viewing import Form, House
from orchestrator.rendering import HTML, TEXT, MailContent, RenderedMail
from orchestrator.services.looking.templating import SAMPLE, Edit, examples

SHOWN = (*VIEWS, "source")
#: Campaigns that are offered for a preview.
_OFFERED = 8
_FIELDS = {"html": HTML, "text": TEXT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address of the page says: whose mail, how it is shown, and which edit is looked at."""

    mail: str
    campaign: str
    show: str
    trial: str
    q: str

    def address(self, **changes: str) -> str:
        """Return the query of the page with something else in it."""
        asked = {"mail": self.mail, "campaign": self.campaign, "show": self.show, "trial": self.trial, "q": self.q}
        usual = {"mail": SAMPLE, "show": SHOWN[0]}
        return urlencode(
            {name: value for name, value in (asked | changes).items() if value and value != usual.get(name)}
        )


def _asked(
    mail: str = SAMPLE,
    campaign: str = "",
    show: str = SHOWN[0],
    trial: str = Query("", max_length=64),
    q: str = Query("", max_length=500),
) -> Asked:
    return Asked(
        mail=mail if mail in examples() else SAMPLE,
        campaign=campaign,
        show=show if show in SHOWN else SHOWN[0],
        trial=trial,
        q=q,
    )


def routes(house: House) -> APIRouter:
    """Return the page, the mail it shows, the files, and the forms that try edits out and send test mails."""
    router = APIRouter(include_in_schema=False)
    seen, sent, chosen = Depends(house.view), Depends(house.posted), Depends(_asked)
    desk, here = house.orchestrator.desk, "/t/{tenant}/templates"

    @router.get(here)
    def page(asked: Asked = chosen, done: str = "", view: View = seen) -> Response:
        told = specimens.context(house, view, done)
        return house.frame.page(view, "templates.html", **_context(house, view, asked), **told)

    @router.get(here + "/mail")
    def mail(asked: Asked = chosen, view: View = seen) -> Response:
        return _shown(house, view, asked)

    @router.get(here + "/file/{name}")
    def file(name: str, trial: str = "", view: View = seen) -> Response:
        source = _sources(house, _edit(house, view, trial)).get(name)
        if source is None:
            raise errors.ValidationError("name", f"must be one of {HTML}, {TEXT}")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(source, media_type="text/plain; charset=utf-8", headers=headers)

    @router.post(here)
    def attempt(view: View = seen, form: Form = sent) -> Response:
        asked = _asked(form["mail"], form["campaign"], form["show"], q=form["q"], trial="")
        content = _content(house, view, asked)
        # A browser sends line ends as CR LF (HTML standard, form submission); files here have LF.
        sources = {name: form[field].replace("\r\n", "\n") for field, name in _FIELDS.items()}
        trial = desk.templates.try_out(view.tenant.tenant_id, sources, content)
        return RedirectResponse(f"{view.home}/templates?{asked.address(trial=trial)}#edit", HTTPStatus.SEE_OTHER)

    @router.post(here + "/send")
    def send(view: View = seen, form: Form = sent) -> Response:
        asked = _asked(form["mail"], form["campaign"], form["show"], q=form["q"], trial=form["trial"])
        done = specimens.send(house, view, form).id
        query = "&".join(filter(None, (asked.address(), urlencode({"done": done}))))
        return RedirectResponse(f"{view.home}/templates?{query}#tests", HTTPStatus.SEE_OTHER)

    return router


def _context(house: House, view: View, asked: Asked) -> dict[str, Any]:
    desk, tenant = house.orchestrator.desk, view.tenant.tenant_id
    edit = desk.templates.edit(tenant, asked.trial)
    offered = desk.campaigns(tenant, asked.q, limit=_OFFERED)
    campaign = desk.campaign(tenant, asked.campaign).campaign if asked.campaign else None
    return {
        "asked": asked,
        "files": desk.templates.files(),
        "folder": house.orchestrator.services.settings.template_dir,
        "edit": edit,
        "expired": bool(asked.trial) and edit is None,
        "sources": _sources(house, edit),
        "checked": _checked(house, edit),
        "examples": list(examples()),
        "offered": offered.campaigns,
        "problems": offered.search.problems,
        "one": campaign,
        "views": SHOWN,
        "snippet": _snippet(campaign.id if campaign else None, tenant),
    }


def _checked(house: House, edit: Edit | None) -> dict[str, Any]:
    """Return what the check says, of an edit or of the files in use, in one form."""
    if edit is not None:
        trial = edit.trial
        found = {"mails": trial.mails, "largest": trial.largest, "problem": trial.problem, "findings": trial.findings}
    else:
        report = house.orchestrator.desk.templates.report()
        findings = [finding.as_json() for finding in report.findings]
        found = {"mails": report.mails, "largest": report.largest, "problem": None, "findings": findings}
    for finding in found["findings"]:
        finding["template"] = Path(finding["template"]).name
    failing = [finding for finding in found["findings"] if finding["severity"] == "fail"]
    # What is said at each file's field: its first failure.
    broken = {finding["template"]: finding for finding in reversed(failing)} if edit else {}
    return {**found, "failed": len(failing), "warned": len(found["findings"]) - len(failing), "broken": broken}


def _shown(house: House, view: View, asked: Asked) -> Response:
    try:
        mail = _written(house, view, asked)
    except errors.TemplateError as error:
        return framed_text(f"This mail cannot be written.\n\n{error}")
    if asked.show == "text":
        return framed_text(mail.text)
    if asked.show == "source":
        return framed_text(mail.html)
    return framed(mail.html, asked.show, house.orchestrator.services.settings.logo_url)


def _written(house: House, view: View, asked: Asked) -> RenderedMail:
    edit = _edit(house, view, asked.trial)
    if edit is None:
        return house.orchestrator.desk.templates.write(_content(house, view, asked))
    if edit.trial.mail is None:
        raise errors.TemplateError(edit.trial.problem or "The templates cannot be read.")
    return edit.trial.mail


def _edit(house: House, view: View, trial: str) -> Edit | None:
    """Return the edit that is asked for, or None when none is. Raises `ValidationError` when it is gone."""
    if not trial:
        return None
    found = house.orchestrator.desk.templates.edit(view.tenant.tenant_id, trial)
    if found is None:
        raise errors.ValidationError("trial", "this edit is no longer kept", fix="Check your templates again.")
    return found


def _content(house: House, view: View, asked: Asked) -> MailContent:
    if not asked.campaign:
        return examples()[asked.mail]
    desk = house.orchestrator.desk
    return desk.templates.of_campaign(desk.campaign(view.tenant.tenant_id, asked.campaign).campaign)


def _sources(house: House, edit: Edit | None) -> Mapping[str, str]:
    return edit.sources if edit else {file.name: file.source for file in house.orchestrator.desk.templates.files()}


def _snippet(campaign: str | None, tenant: str) -> str:
    """Return the preview as a program would make it."""
    known = campaign or "CAMPAIGN-ID"
    return (
        "from orchestrator import OutreachOrchestrator\n\n"
        'with OutreachOrchestrator(template_dir="own-templates") as outreach:\n'
        f'    mail = outreach.desk.preview("{tenant}", "{known}")\n'
        '    print(mail.subject, mail.text, sep="\\n\\n")\n'
    )
