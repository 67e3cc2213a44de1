"""Small pieces every HTTP endpoint of the sandbox shares."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from orchestrator import errors
from orchestrator.sandbox.send_api import COMMON, errors_body

MAX_WAIT = 60.0  # seconds


class JsonAnswer(Response):
    """A JSON body in SendGrid's manner."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def failure(status: int, message: str, field: str | None = None) -> Response:
    """Return SendGrid's error document."""
    return Response(errors_body((message, field)), status, dict(COMMON), "application/json")


async def body_of(request: Request) -> dict[str, Any]:
    """Return the decoded JSON object; an empty body is an empty object.

    Raises:
        errors.MalformedPayload: the body is not a JSON object.
    """
    raw = await request.body()
    try:
        body = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as problem:
        raise errors.MalformedPayload(f"The body is not JSON: {problem}.") from problem
    if not isinstance(body, dict):
        raise errors.MalformedPayload("The body is not a JSON object.")
    return body


def integer(request: Request, name: str, default: int | None = None) -> int | None:
    """Return a query parameter as a number.

    Raises:
        errors.ValidationError: it is not one.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise errors.ValidationError(name, f"must be a whole number, not {text!r}")
    return int(text)


def seconds(request: Request, name: str, default: float) -> float:
    """Return a query parameter as a number of seconds, at most `MAX_WAIT`.

    Raises:
        errors.ValidationError: it is no number.
    """
    text = request.query_params.get(name, str(default))
    try:
        return min(max(float(text), 0.0), MAX_WAIT)
    except ValueError:
        raise errors.ValidationError(name, f"must be a number of seconds, not {text!r}") from None
