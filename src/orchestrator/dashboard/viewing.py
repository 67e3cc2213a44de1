"""Who looks at which tenant: what every page asks first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from orchestrator import contracts, errors
from orchestrator.clock import Clock
from orchestrator.dashboard.access import Access, LoginNeeded, Refused, Session, local_path
from orchestrator.dashboard.frame import Frame, View, times_of
from orchestrator.dashboard.mailbox import Mailbox
from orchestrator.dashboard.once import Once
from orchestrator.orchestrator import OutreachOrchestrator

#: Bytes of a form; a template being edited is the largest.
FORM_LIMIT = 512 * 1024
#: Bytes of a form that is too long that are waited for before it is refused.
_PATIENCE = 16 * 1024 * 1024
_MOST_FIELDS = 2000


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
    once: Once = field(default_factory=Once)

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
            reading = request.method in ("GET", "HEAD")
            raise LoginNeeded(address_of(request) if reading else page_of(request), lost=not reading)
        return session

    async def posted(self, request: Request) -> Form:
        """Dependency: the fields of a form that one of our pages sent, to be acted upon for the first time.

        Raises:
            Refused: It is too long, or did not come from our page in this session.
            LoginNeeded: The session has ended; nothing was done.
            Repeated: It was sent and done before.
        """
        session = await run_in_threadpool(self.session, request)
        body = await read_body(request)
        form = request.state.form = Form.read(body)
        self.access.check_form(request, session, form.first)
        await self.once.enter(request, session.id, body)
        return form


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it was sent."""

    first: Mapping[str, str]
    every: Mapping[str, list[str]]

    @classmethod
    def read(cls, body: bytes) -> Form:
        """Read ``application/x-www-form-urlencoded``; what is broken becomes replacement characters."""
        try:
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "No form of ours has so many fields. Nothing was done.") from None
        return cls.of(pairs)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Form:
        """Return the form of these names and values."""
        every: dict[str, list[str]] = {}
        for name, value in pairs:
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


async def read_body(request: Request) -> bytes:
    """Return what was sent. Raises `Refused` for more than `FORM_LIMIT`, once all of it has come.

    A browser shows no answer before it has sent everything.
    """
    body, rest = bytearray(), 0
    async for chunk in request.stream():
        body += chunk[: FORM_LIMIT + 1 - len(body)]
        rest += len(chunk)
        if rest > _PATIENCE:
            break
    if len(body) > FORM_LIMIT:
        words = f"That is more than the {FORM_LIMIT // 1024} KiB that a form takes. Nothing was done."
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)
    return bytes(body)


def address_of(request: Request) -> str:
    """Return the path and query that were asked for."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def page_of(request: Request) -> str:
    """Return the page that a form or a fragment stands on, as the browser says, without what was done before."""
    told = request.headers.get("hx-current-url") or request.headers.get("referer", "")
    _, _, rest = told.partition("://")
    host, slash, path = rest.partition("#")[0].partition("/")
    if host != request.headers.get("host"):
        return "/"
    address, _, query = local_path(slash + path).partition("?")
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("done="))
    return f"{address}?{kept}" if kept else address or "/"
