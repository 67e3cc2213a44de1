"""The frame around every page: templates, the bar, the navigation, and headers that keep strangers' text harmless."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from orchestrator.dashboard import assets, words
from orchestrator.dashboard.access import Session
from orchestrator.domain.search import quoted
from orchestrator.domain.text import several_lines
from orchestrator.repository.tenants import Tenant
from orchestrator.services.looking.figures import zone_of

#: Nothing from elsewhere, nothing inline: what a page needs, it gets from this service.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'none'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: (heading, (path, title, key of a number beside it))
_NAVIGATION = (
    ("Work", (("", "Overview", None), ("campaigns", "Campaigns", None), ("batches", "Batches", None),
              ("replies", "Replies", "replies"))),
    ("Prepare", (("templates", "Templates", None), ("suppressions", "Suppressions", None))),
    ("Operate", (("dispatcher", "Dispatcher", "dispatcher"), ("webhooks", "Webhooks", None),
                 ("settings", "Settings", None))),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Who looks at what: everything a page's frame says."""

    request: Request
    session: Session
    tenant: Tenant
    tenants: tuple[Tenant, ...]
    times: words.Times
    #: ``sandbox``, ``validation`` or ``live``.
    mode: str
    #: Whether a password was needed to come here.
    guarded: bool
    #: Numbers beside the navigation's titles.
    waiting: Mapping[str, int]
    #: Whether a sandbox inbox can be looked into.
    inbox: bool = False
    #: How many mails went to owners who are made up; all figures include them.
    simulated: int = 0

    @property
    def home(self) -> str:
        """Where the tenant's pages begin."""
        return f"/t/{self.tenant.tenant_id}"

    @property
    def tenant_name(self) -> str:
        return named(self.tenant)


def named(tenant: Tenant) -> str:
    """Return what a tenant is called, or the beginning of its id."""
    return tenant.name or f"Tenant {tenant.tenant_id[:8]}"


def times_of(tenant: Tenant, now: Any) -> words.Times:
    """Return the tenant's clock."""
    zone: ZoneInfo = zone_of(tenant.time_zone)
    return words.Times(zone, now)


class Frame:
    """Renders pages."""

    def __init__(self) -> None:
        self._templates = _environment()

    def page(self, view: View, name: str, status: int = 200, **context: Any) -> HTMLResponse:
        """Return a whole page.

        Args:
            view: Who looks at what.
            name: The template.
            status: HTTP status.
            **context: What the template needs beside the frame's.
        """
        here = view.request.url.path.removeprefix(view.home).strip("/").split("/")[0]
        return self._answer(
            name, status, view=view, navigation=_NAVIGATION, here=here, when=view.times.element, **context
        )

    def fragment(self, view: View, name: str, block: str, **context: Any) -> HTMLResponse:
        """Return one block of a page's template, to take the place of what is shown."""
        template = self._templates.get_template(name)
        values = template.new_context({"view": view, "when": view.times.element, **context})
        return _html("".join(template.blocks[block](values)), 200)

    def macro(self, name: str, macro: str, *values: Any) -> str:
        """Return what one macro of a template says of `values`."""
        return str(getattr(self._templates.get_template(name).module, macro)(*values))

    def html(self, content: str, status: int) -> HTMLResponse:
        """Return finished HTML with the headers of every page."""
        return _html(content, status)

    def plain(self, name: str, status: int = 200, **context: Any) -> HTMLResponse:
        """Return a page that stands alone, as before a login."""
        return self._answer(name, status, **context)

    def _answer(self, name: str, status: int, **context: Any) -> HTMLResponse:
        return _html(self._templates.get_template(name).render(**context), status)


@functools.cache
def _environment() -> jinja2.Environment:
    """Return the templates of the package; each is compiled once in a process, however many dashboards it serves."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("orchestrator.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_readable,
    )
    environment.globals.update(asset=_asset, chip=words.chip, latest_event=words.latest_event, named=named)
    environment.filters.update(
        number=words.number,
        up_to=words.up_to,
        percent=words.percent,
        span=words.span,
        quoted=quoted,
        staged=words.staged,
    )
    return environment


def _html(content: str, status: int) -> HTMLResponse:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return HTMLResponse(content, status, headers)


def _readable(value: Any) -> Any:
    """Return text without what is invisible or turns the reading order round: it could make one thing look another."""
    return several_lines(value) if type(value) is str and not value.isprintable() else value


def _asset(name: str, kind: str) -> Markup:
    found = assets.shipped()[name]
    tag = {
        "style": '<link rel="stylesheet" href="{}" integrity="{}">',
        "script": '<script src="{}" integrity="{}" defer></script>',
        "icon": '<link rel="icon" type="image/svg+xml" href="{}" data-integrity="{}">',
    }[kind]
    return Markup(tag).format(found.url, found.integrity)  # noqa: S704 -- one of the three above
