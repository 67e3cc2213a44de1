"""How an error looks over HTTP: one table of status codes, and RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from orchestrator import errors
from orchestrator.api.lingering import LingeringResponse

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 30

#: The nearest class in an error's ancestry decides. 503 asks the caller to come again, everything below 500 does not.
STATUS: dict[type[errors.OrchestratorError], HTTPStatus] = {
    errors.OrchestratorError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ValidationError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.CampaignNotFound: HTTPStatus.NOT_FOUND,
    errors.AttemptNotFound: HTTPStatus.NOT_FOUND,
    errors.ReplyNotFound: HTTPStatus.NOT_FOUND,
    errors.BatchNotFound: HTTPStatus.NOT_FOUND,
    errors.InvalidState: HTTPStatus.CONFLICT,
    errors.ProviderUnreachable: HTTPStatus.BAD_GATEWAY,
    errors.TemplateError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.SendRejected: HTTPStatus.BAD_GATEWAY,
    errors.NotSent: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.AccountPaused: HTTPStatus.CONFLICT,
    errors.SendInDoubt: HTTPStatus.GATEWAY_TIMEOUT,
    errors.WebhookError: HTTPStatus.BAD_REQUEST,
    errors.WebhookNotConfigured: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InboundNotConfigured: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SignatureMissing: HTTPStatus.UNAUTHORIZED,
    errors.SignatureInvalid: HTTPStatus.FORBIDDEN,
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.TokenError: HTTPStatus.BAD_REQUEST,
}

#: Headers that go with a status: RFC 9110 §15.5.2 wants a challenge with every 401, §15.6.4 a time with a 503.
_HEADERS: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Signature"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_AFTER_SECONDS)},
}

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem document.",
    "required": ["type", "title", "status", "detail", "fix", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where the kind of problem is explained."},
        "title": {"type": "string", "description": "The kind of problem, the same every time."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What happened this time, and why."},
        "fix": {"type": ["string", "null"], "description": "What to do next."},
        "request_id": {"type": "string", "description": "The X-Request-Id, to be found in the log."},
    },
}


def documented(*classes: type[errors.OrchestratorError]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for these errors."""
    return {
        int(status_of(cls)): {
            "description": title_of(cls),
            "content": {PROBLEM_JSON: {"schema": PROBLEM_SCHEMA}},
        }
        for cls in classes
    }


def status_of(cls: type[BaseException]) -> HTTPStatus:
    """Return the HTTP status of an error class of ours."""
    return next(STATUS[base] for base in cls.__mro__ if base in STATUS)


def title_of(cls: type[BaseException]) -> str:
    """Return the first line of the class's docstring, which every error of ours has."""
    return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")


def known_errors() -> Iterator[type[errors.OrchestratorError]]:
    """Yield every error class of ours, parents first."""
    waiting: list[type[errors.OrchestratorError]] = [errors.OrchestratorError]
    while waiting:
        cls = waiting.pop(0)
        yield cls
        waiting += cls.__subclasses__()


def problem(
    request_id: str,
    status: HTTPStatus,
    detail: str,
    *,
    kind: str = "about:blank",
    title: str | None = None,
    fix: str | None = None,
    headers: Mapping[str, str] | None = None,
    lingering: bool = False,
) -> JSONResponse:
    """Return an RFC 9457 answer; `kind` stays ``about:blank`` when the status says all there is to say (§4.2.1).

    `lingering` is for what was refused while it was still being sent.
    """
    content = {
        "type": kind,
        "title": title or status.phrase,
        "status": int(status),
        "detail": detail,
        "fix": fix,
        "request_id": request_id,
    }
    # What is refused for its size is still being sent: the connection has to be closed with care.
    lingering = lingering or status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    answer = LingeringResponse if lingering else JSONResponse
    merged = {**_HEADERS.get(status, {}), **(headers or {})}
    return answer(content, status_code=int(status), headers=merged, media_type=PROBLEM_JSON)


def install(app: FastAPI, base_url: str) -> None:
    """Make `app` answer every error with a problem document.

    Args:
        app: The application to change.
        base_url: Put in front of ``/errors/…`` in ``type``; empty makes a relative reference.
    """

    # All of these are asynchronous: Starlette would run others in the threads that pages share.
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.OrchestratorError)  # noqa: S101  Starlette's type is wider than its promise
        status, kind = status_of(type(error)), f"{base_url}/errors/{error.code}"
        return problem(_id(request), status, str(error), kind=kind, title=title_of(type(error)), fix=error.fix)

    app.add_exception_handler(errors.OrchestratorError, ours)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)


_DETAILS = {
    HTTPStatus.NOT_FOUND: ("There is nothing at {path}.", "Compare the address with /openapi.json."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("{path} does not take {method}.", "Use a method that the Allow header names."),
}


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    status = HTTPStatus(error.status_code)
    detail, fix = _DETAILS.get(status, (error.detail.replace("{", "{{").replace("}", "}}"), None))
    words = {"path": request.url.path, "method": request.method}
    return problem(_id(request), status, detail.format(**words), fix=fix, headers=error.headers)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    fix = "Compare the request with /openapi.json."
    return problem(_id(request), HTTPStatus.UNPROCESSABLE_ENTITY, f"{where}: {first['msg']}.", fix=fix)


async def _nobody_listens(_request: Request, _error: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def _id(request: Request) -> str:
    return request.state.request_id
