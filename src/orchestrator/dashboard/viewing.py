"""Who looks at which tenant: what every page asks first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from orchestrator import contracts, errors
from orchestrator.clock import Clock
from orchestrator.dashboard.access import Access, LoginNeeded, Refused, Session
from orchestrator.dashboard.frame import Frame, View, times_of
from orchestrator.dashboard.mailbox import Mailbox
from orchestrator.orchestrator import OutreachOrchestrator

#: Bytes of a form; a template being edited is the largest.
FORM_LIMIT = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all pages share."""

    orchestrator: OutreachOrchestrator
    access: Access
    frame: Frame
    clock: Clock
    #: ``sandbox``, ``validation`` or ``live``.
    mode: str
    #: The tenant whose pages come first while there is none.
    start: str
    #: The owners' mailboxes in the sandbox; None: there is no sandbox to look into.
    mailbox: Mailbox | None = None

    def view(self, request: Request, tenant: str) -> View:
        """Dependency: who looks at what. Raises `Refused`, `LoginNeeded`, `ValidationError`."""
        session = self.session(request)
        desk = self.orchestrator.desk
        chosen = desk.tenant(tenant)
        waiting = desk.waiting(chosen.tenant_id)
        counts = self.mailbox.counts(chosen.tenant_id) if self.mailbox else None
        return View(
            request=request,
            session=session,
            tenant=chosen,
            tenants=tuple(desk.tenants()),
            times=times_of(chosen, self.clock.now()),
            mode=self.mode,
            guarded=not self.access.open,
            waiting={**waiting, "inbox": counts.unread if counts else 0},
            inbox=self.mailbox is not None,
            simulated=counts.simulated if counts else 0,
        )

    def session(self, request: Request) -> Session:
        """Return who asks. Raises `Refused` and `LoginNeeded`."""
        self.access.check_host(request)
        session = self.access.session(request)
        if session is None:
            query = f"?{request.url.query}" if request.url.query else ""
            reading = request.method in ("GET", "HEAD")
            after = f"{request.url.path}{query}" if reading else _page_of(request)
            raise LoginNeeded(after, lost=not reading)
        return session

    async def posted(self, request: Request) -> Form:
        """Dependency: the fields of a form that one of our pages sent.

        Raises:
            Refused: It is too long, or did not come from our page in this session.
            LoginNeeded: The session has ended; nothing was done.
        """
        session = await run_in_threadpool(self.session, request)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_LIMIT:
                raise Refused(413, "That is more than this form takes. Nothing was done.")
        form = Form.read(bytes(body))
        self.access.check_form(request, session, form.first)
        return form


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it was sent."""

    first: Mapping[str, str]
    every: Mapping[str, list[str]]

    @classmethod
    def read(cls, body: bytes) -> Form:
        """Read ``application/x-www-form-urlencoded``; what is broken becomes replacement characters."""
        every: dict[str, list[str]] = {}
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=2000):
            every.setdefault(name, []).append(value)
        return cls({name: values[0] for name, values in every.items()}, every)

    def __getitem__(self, name: str) -> str:
        return self.first.get(name, "")

    def required(self, name: str, words: str) -> str:
        """Return a field that must not be empty. Raises `ValidationError` with `words` as what to do."""
        value = contracts.parse_text(name, self[name]).strip()
        if not value:
            raise errors.ValidationError(name, "is required", fix=words)
        return value

    def ids(self) -> list[str]:
        """Return the campaigns that were ticked. Raises `ValidationError`."""
        return [contracts.parse_id("id", value) for value in dict.fromkeys(self.every.get("id", []))]


def viewed(house: House) -> object:
    """Return the dependency on `House.view`."""
    return Depends(house.view)


def _page_of(request: Request) -> str:
    """Return the page that a form stood on, as the browser says."""
    referrer = request.headers.get("referer", "")
    host = request.headers.get("host", "")
    return referrer.partition(host)[2] or "/" if host and host in referrer else "/"
