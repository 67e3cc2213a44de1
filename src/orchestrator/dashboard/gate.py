"""Coming in and going out: the login, the start, and what is shown when something is in the way."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from orchestrator import errors
from orchestrator.dashboard import passwords
from orchestrator.dashboard.access import LASTS, LoginNeeded, Refused, local_path
from orchestrator.dashboard.viewing import FORM_LIMIT, Form, House

#: The nearest class in an error's ancestry decides; what is not here went wrong on our side.
_STATUS: dict[type[errors.OrchestratorError], HTTPStatus] = {
    errors.CampaignNotFound: HTTPStatus.NOT_FOUND,
    errors.AttemptNotFound: HTTPStatus.NOT_FOUND,
    errors.ReplyNotFound: HTTPStatus.NOT_FOUND,
    errors.BatchNotFound: HTTPStatus.NOT_FOUND,
    errors.ValidationError: HTTPStatus.BAD_REQUEST,
    errors.WebhookError: HTTPStatus.CONFLICT,
    errors.InvalidState: HTTPStatus.CONFLICT,
    errors.TemplateError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_TITLES = {
    HTTPStatus.NOT_FOUND: "There is no such page",
    HTTPStatus.BAD_REQUEST: "That cannot be read",
    HTTPStatus.FORBIDDEN: "Nothing was done",
    HTTPStatus.CONFLICT: "That cannot be done now",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available right now",
}


def routes(house: House) -> APIRouter:
    """Return the start page, the login and the logout."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def start(request: Request) -> Response:
        if house.access.open and house.access.session(request) is None:
            house.access.check_host(request)
            return _enter(house, _first(house))
        house.session(request)
        return RedirectResponse(_first(house), HTTPStatus.SEE_OTHER)

    @router.get("/login")
    def ask(request: Request, next: str = "/", ended: int = 0) -> Response:
        house.access.check_host(request)
        if house.access.open:
            return _enter(house, local_path(next))
        return _login(house, local_path(next), ended=bool(ended))

    @router.post("/login")
    async def enter(request: Request) -> Response:
        house.access.check_host(request)
        form = Form.read(await _small(request))
        return await run_in_threadpool(_check, house, request, form)

    @router.post("/logout")
    async def leave(request: Request) -> Response:
        await house.posted(request)
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(house.access.cookie, secure=house.access.secure, httponly=True, samesite="lax")
        return answer

    return router


def install(app: FastAPI, house: House) -> None:
    """Show people pages where programs would get problem documents."""

    async def login(_request: Request, needed: LoginNeeded) -> Response:
        return RedirectResponse(needed.login, HTTPStatus.SEE_OTHER)

    async def refused(request: Request, refusal: Refused) -> Response:
        return _problem(house, request, HTTPStatus(refusal.status), str(refusal), None)

    async def ours(request: Request, error: errors.OrchestratorError) -> Response:
        kind = next((kind for kind in type(error).__mro__ if kind in _STATUS), None)
        status = _STATUS[kind] if kind else HTTPStatus.INTERNAL_SERVER_ERROR  # type: ignore[index]
        return _problem(house, request, status, str(error), error.fix)

    async def http(request: Request, error: HTTPException) -> Response:
        return _problem(house, request, HTTPStatus(error.status_code), "Nothing is kept at this address.", None)

    for kind, handler in ((LoginNeeded, login), (Refused, refused), (errors.OrchestratorError, ours)):
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]


def _check(house: House, request: Request, form: Form) -> Response:
    access, after = house.access, local_path(form["next"] or "/")
    if access.locked or access.password_hash is None:
        return _login(house, after, status=HTTPStatus.SERVICE_UNAVAILABLE)
    client = request.client.host if request.client else "unknown"
    wait = access.throttle.wait(client)
    if wait > 0:
        words = f"Too many attempts. Try again in {int(wait) + 1} seconds."
        answer = _login(house, after, words, status=HTTPStatus.TOO_MANY_REQUESTS)
        answer.headers["Retry-After"] = str(int(wait) + 1)
        return answer
    if not passwords.matches(form["password"], access.password_hash):
        access.throttle.failed(client)
        return _login(house, after, "That is not the password.", status=HTTPStatus.FORBIDDEN)
    access.throttle.succeeded(client)
    return _enter(house, after)


def _enter(house: House, after: str) -> Response:
    _, cookie = house.access.open_session()
    answer = RedirectResponse(after, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        house.access.cookie,
        cookie,
        max_age=int(LASTS.total_seconds()),
        secure=house.access.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def _login(
    house: House, after: str, problem: str | None = None, *, ended: bool = False, status: int = HTTPStatus.OK
) -> Response:
    known = {"after": after, "problem": problem, "ended": ended, "locked": house.access.locked}
    return house.frame.plain("login.html", status, **known)


def _first(house: House) -> str:
    tenants = house.orchestrator.desk.tenants()
    return f"/t/{tenants[0].tenant_id if tenants else house.start}"


def _problem(house: House, request: Request, status: HTTPStatus, detail: str, fix: str | None) -> Response:
    return house.frame.plain(
        "problem.html",
        status,
        title=_TITLES.get(status, "Something went wrong"),
        detail=detail,
        fix=fix,
        back="/",
        back_words="Go to the start",
        request_id=getattr(request.state, "request_id", "unknown"),
    )


async def _small(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is more than a password.")
    return bytes(body)
