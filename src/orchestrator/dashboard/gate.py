"""Coming in and going out: the login, the start, and what is shown when something is in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from orchestrator import errors
from orchestrator.dashboard import again
from orchestrator.dashboard.access import LASTS, LoginNeeded, Refused, Stale, is_from_here, local_path
from orchestrator.dashboard.door import Door
from orchestrator.dashboard.filling import SUMMARY, Sent
from orchestrator.dashboard.once import Repeated, Settling
from orchestrator.dashboard.viewing import Form, House, page_of, read_body

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
    errors.SendError: HTTPStatus.CONFLICT,
    errors.ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_TITLES = {
    HTTPStatus.NOT_FOUND: "There is no such page",
    HTTPStatus.BAD_REQUEST: "That cannot be read",
    HTTPStatus.FORBIDDEN: "Nothing was done",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "That is too much",
    HTTPStatus.CONFLICT: "That cannot be done now",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available right now",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a login: where to go after it, and whether a form was sent too late, with what was typed."""

    after: str
    ended: bool = False
    kept: str = ""


def routes(house: House) -> APIRouter:
    """Return the start page, the login and the logout."""
    router, door = APIRouter(include_in_schema=False), Door(house.access)

    @router.get("/")
    def start(request: Request) -> Response:
        if house.access.open and house.access.session(request) is None:
            house.access.check_host(request)
            return _entered(house, RedirectResponse(_first(house), HTTPStatus.SEE_OTHER))
        house.session(request)
        return RedirectResponse(_first(house), HTTPStatus.SEE_OTHER)

    @router.get("/login")
    def ask(request: Request, next: str = "/", ended: int = 0) -> Response:
        house.access.check_host(request)
        if house.access.open:
            return _entered(house, RedirectResponse(local_path(next), HTTPStatus.SEE_OTHER))
        return _login(house, Asked(local_path(next), ended=bool(ended)))

    @router.post("/login")
    async def enter(request: Request) -> Response:
        house.access.check_host(request)
        return await _let_in(house, door, request)

    @router.post("/logout")
    async def leave(request: Request) -> Response:
        try:
            await house.posted(request)
        except LoginNeeded:  # that is what was wanted
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        house.access.end_session(house.session(request))
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(house.access.cookie, secure=house.access.secure, httponly=True, samesite="lax")
        return answer

    return router


def install(app: FastAPI, house: House) -> None:
    """Show people pages where programs would get problem documents, and the page again whose form was not done."""

    async def login(request: Request, needed: LoginNeeded) -> Response:
        return await _to_login(house, request, needed)

    async def repeated(_request: Request, before: Repeated) -> Response:
        return RedirectResponse(before.location, HTTPStatus.SEE_OTHER)

    async def refused(request: Request, refusal: Refused) -> Response:
        said = again.Problem(words=str(refusal))
        answer = await _again(house, request, said, refusal.status) if isinstance(refusal, Stale) else None
        return answer or _problem(house, request, HTTPStatus(refusal.status), said)

    async def ours(request: Request, error: errors.OrchestratorError) -> Response:
        kind = next((kind for kind in type(error).__mro__ if kind in _STATUS), None)
        status = _STATUS[kind] if kind else HTTPStatus.INTERNAL_SERVER_ERROR  # type: ignore[index]
        said = again.Problem.of(error)
        return await _again(house, request, said, status) or _problem(house, request, status, said)

    async def http(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        there = "Nothing is kept at this address." if status is HTTPStatus.NOT_FOUND else f"{error.detail}."
        answer = _problem(house, request, status, again.Problem(words=there))
        answer.headers.update(error.headers or {})
        return answer

    async def address(request: Request, error: RequestValidationError) -> Response:
        return _problem(house, request, HTTPStatus.BAD_REQUEST, _unread(error))

    async def gone(_request: Request, _left: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody listens

    for kind, handler in (
        (LoginNeeded, login), (Repeated, repeated), (Refused, refused), (errors.OrchestratorError, ours),
        (HTTPException, http), (RequestValidationError, address), (ClientDisconnect, gone),
    ):  # fmt: skip
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]
    app.add_middleware(Settling)
    #: Makes the answer to what nobody foresaw, for whoever puts the last middleware around this.
    app.state.unforeseen = unforeseen(house)


def _unread(error: RequestValidationError) -> again.Problem:
    first = error.errors()[0]
    words = f"The address has something in it that is not read here: {first['loc'][-1]}. {first['msg']}."
    return again.Problem(words=words)


def unforeseen(house: House) -> Callable[[str], Response]:
    """Return what shows people that something failed which nobody foresaw, by the id that the log has."""

    def shown(request_id: str) -> Response:
        return house.frame.plain(
            "problem.html",
            HTTPStatus.INTERNAL_SERVER_ERROR,
            title="Something went wrong here",
            detail="The service failed in a way nobody foresaw. Look before you do it again: it may have been done.",
            fix="The service’s log has a line with this request’s number, and all that is known.",
            back="/",
            back_words="Go to the start",
            request_id=request_id,
        )

    return shown


async def _again(house: House, request: Request, problem: again.Problem, status: int) -> Response | None:
    """Show the page again that a form stood on; None: no form of ours was read, or the page is no more."""
    sent = again.sent_with(request)
    if sent is None or not is_from_here(request):
        return None
    answer = await again.shown(house.frame, request, sent, problem, status)
    if answer is not None and "hx-request" in request.headers:
        # A fragment takes the summary alone: what is being typed stays as it is.
        said = {"HX-Retarget": f"#{SUMMARY}", "HX-Reselect": f"#{SUMMARY}", "HX-Reswap": "outerHTML"}
        said["HX-Replace-Url"] = "false"
        answer.headers.update(said)
    return answer


async def _to_login(house: House, request: Request, needed: LoginNeeded) -> Response:
    """Lead to the login: whole pages go there, fragments take the page along, and forms take what was typed along."""
    if "hx-request" in request.headers:
        page = page_of(request)
        login = LoginNeeded(page, lost=needed.lost).login
        return Response(status_code=HTTPStatus.FORBIDDEN, headers={"HX-Redirect": login, "HX-Reswap": "none"})
    if not (needed.lost and is_from_here(request) and (_is_form(request) or house.access.open)):
        return RedirectResponse(needed.login, HTTPStatus.SEE_OTHER)
    # A file cannot be given back to a browser: it has to be chosen again.
    form = Form.read(await read_body(request)) if _is_form(request) else Form.of(())
    typed = Sent(request.url.path, needed.after, form.every)
    if house.access.open:
        return await _back(house, request, needed.after, typed)
    asked = Asked(needed.after, ended=True, kept=again.carried(typed) or "")
    return _login(house, asked, status=HTTPStatus.FORBIDDEN)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


async def _let_in(house: House, door: Door, request: Request) -> Response:
    """Open a session for whoever knows the password, else ask again."""
    form = Form.read(await read_body(request))
    typed = again.brought(form["kept"]) if is_from_here(request) else None
    asked = Asked(local_path(form["next"] or "/"), ended=typed is not None, kept=form["kept"] if typed else "")
    refusal = await run_in_threadpool(_refusal, house, door, request, form["password"], asked)
    if refusal is not None:
        return refusal
    answer = await _back(house, request, asked.after, typed)
    door.remember(answer)
    return answer


def _refusal(house: House, door: Door, request: Request, password: str, asked: Asked) -> Response | None:
    """Return the login again when the password is not let in, else None."""
    turned = door.turned_away(request, password)
    if turned is None:
        return None
    answer = _login(house, asked, turned.words, status=turned.status)
    if turned.wait is not None:
        answer.headers["Retry-After"] = str(turned.wait)
    return answer


async def _back(house: House, request: Request, after: str, typed: Sent | None) -> Response:
    """Open a session and lead to a page: with what was typed there, when a form was sent after the last one's end."""
    answer = _entered(house, RedirectResponse(after, HTTPStatus.SEE_OTHER))
    if typed is None:
        return answer
    cookie = answer.headers["set-cookie"].partition(";")[0]
    said = again.BACK if typed.fields else again.LOST
    page = await again.shown(house.frame, request, typed, said, HTTPStatus.OK, cookie=cookie)
    if page is None:
        return answer
    page.headers["set-cookie"] = answer.headers["set-cookie"]
    return page


def _entered(house: House, answer: Response) -> Response:
    """Give whoever gets `answer` a session."""
    _, cookie = house.access.open_session()
    answer.set_cookie(
        house.access.cookie,
        cookie,
        max_age=int(LASTS.total_seconds()),
        secure=house.access.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def _login(house: House, asked: Asked, problem: str | None = None, *, status: int = HTTPStatus.OK) -> Response:
    return house.frame.plain("login.html", status, asked=asked, problem=problem, locked=house.access.locked)


def _first(house: House) -> str:
    tenants = house.orchestrator.desk.tenants()
    return f"/t/{tenants[0].tenant_id if tenants else house.start}"


def _problem(house: House, request: Request, status: HTTPStatus, problem: again.Problem) -> Response:
    page = page_of(request) if request.method == "POST" and is_from_here(request) else "/"
    return house.frame.plain(
        "problem.html",
        status,
        title=_TITLES.get(status, "Something went wrong"),
        detail=problem.words,
        fix=problem.fix,
        back=page,
        back_words="Go to the start" if page == "/" else "Back to the page",
        request_id=getattr(request.state, "request_id", "unknown"),
    )
