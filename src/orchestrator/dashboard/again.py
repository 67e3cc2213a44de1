"""The page that a form stood on, shown again when the form was not done: with what was typed, and why.

The page is asked for within the service, as the browser would ask for it, and its form is filled in (`filling`). So
every form of every page is treated alike, and what the page shows is what is true now. Nothing is ever sent again by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import anyio
import orjson
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Scope

from orchestrator import errors
from orchestrator.dashboard.access import local_path
from orchestrator.dashboard.filling import Page, Sent
from orchestrator.dashboard.frame import Frame
from orchestrator.dashboard.viewing import Form, page_of

#: Bytes of what was typed that a login carries along; nothing of it is kept here meanwhile.
_CARRIED = 150_000
#: Fields in which people write sentences: shown when their form is no more.
_WRITTEN = ("reason", "why", "source", "text")
#: What errors call fields that forms call something else.
_CALLED = {
    "reason": ("because",),
    "kind": ("on",),
    "entry": ("what",),
    "value": ("what",),
    "address": ("what",),
    "domain": ("what",),
    "property": ("what",),
    "campaign_id": ("campaign",),
    "email.html.j2": ("html",),
    "email.txt.j2": ("text",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a form was not done, in words; ``fields`` is what the wrong field may be called."""

    words: str
    fix: str | None = None
    fields: tuple[str, ...] = ()
    title: str = "Nothing was done"
    tone: str = "stop"

    @classmethod
    def of(cls, error: errors.OrchestratorError) -> Problem:
        """Return the problem that an error of ours stands for."""
        if not isinstance(error, errors.ValidationError):
            return cls(words=str(error), fix=error.fix)
        words = str(error).removeprefix(f"{error.field}: ").rstrip(".") + "."
        last = error.field.rpartition(".")[2]
        fields = (error.field, last, *_CALLED.get(error.field, ()), *_CALLED.get(last, ()))
        return cls(words=words[:1].upper() + words[1:], fix=error.fix, fields=fields)


#: Said on the page that somebody comes back to by a login, with what was typed or, after a file, without.
LOST = Problem(
    title="You are logged in again",
    words="Your session had ended, and nothing was done. Choose the file once more, and send it again.",
    tone="watch",
)
BACK = Problem(
    title="You are logged in again",
    words="Your session had ended, and nothing was done. What you typed is still here: look at it, and send it again.",
    tone="watch",
)


async def shown(
    frame: Frame, request: Request, sent: Sent, problem: Problem, status: int, *, cookie: str | None = None
) -> HTMLResponse | None:
    """Return the page of a form that was not done, or None when there is no such page any more.

    Args:
        frame: Renders what is said.
        request: What brought the form.
        sent: The form.
        problem: Why it was not done.
        status: The answer's HTTP status.
        cookie: Who asks for the page, as a ``Cookie`` header; None: whoever sent the form.
    """
    for page in _candidates(sent):
        html = await _asked(request, page, cookie)
        if html is not None:
            again = Sent(sent.to, page, sent.fields)
            return await run_in_threadpool(_filled, frame, html, again, problem, status)
    return None


def sent_with(request: Request) -> Sent | None:
    """Return the form that came with a request, if it was read."""
    form: Form | None = getattr(request.state, "form", None)
    return Sent(request.url.path, page_of(request), form.every) if form is not None else None


def carried(sent: Sent) -> str | None:
    """Return what was typed as a login carries it along; None: it is too much."""
    typed = {name: values for name, values in sent.fields.items() if name != "csrf"}
    text = orjson.dumps({"to": sent.to, "page": sent.page, "fields": typed})
    return text.decode() if len(text) <= _CARRIED else None


def brought(text: str) -> Sent | None:
    """Return what `carried` once wrote; None for anything else."""
    try:
        found: Any = orjson.loads(text)
        fields = {str(name): [str(value) for value in values] for name, values in found["fields"].items()}
        return Sent(local_path(str(found["to"])), local_path(str(found["page"])), fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _candidates(sent: Sent) -> Iterator[str]:
    """Yield pages that may have the form: the one it stood on, the one it went to, and what is above that."""
    yield from dict.fromkeys((sent.page, sent.to, sent.to.rpartition("/")[0]))


def _filled(frame: Frame, html: str, sent: Sent, problem: Problem, status: int) -> HTMLResponse:
    page = Page(html)
    page.at(sent.page)
    spot = page.fill(sent, problem.fields)
    written = (
        [] if page.has(sent) else [value for name in _WRITTEN for value in sent.fields.get(name, ()) if value.strip()]
    )
    summary = frame.macro("refused.html", "summary", problem, spot, written)
    page.say(problem.title, summary, frame.macro("refused.html", "beside", problem))
    return frame.html(str(page), status)


async def _asked(request: Request, page: str, cookie: str | None) -> str | None:
    """Ask the service for one of its own pages, as whoever sent `request`; None: there is none."""
    path, _, query = page.partition("?")
    known = ("type", "asgi", "http_version", "scheme", "client", "server", "root_path")
    kept = [(name, value) for name, value in request.headers.raw if name in (b"host", b"cookie")]
    if cookie is not None:
        kept = [*(pair for pair in kept if pair[0] != b"cookie"), (b"cookie", cookie.encode())]
    scope = {name: request.scope[name] for name in known if name in request.scope} | {
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": kept,
        "state": {"request_id": getattr(request.state, "request_id", "unknown")},
    }
    answer = _Answer()
    await answer.take(request.app, scope)
    return answer.page


class _Answer:
    """Takes the answer of an application, and hangs up when it is no page, however long it would go on."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._is_page = False
        self._call = anyio.CancelScope()

    @property
    def page(self) -> str | None:
        """The page as HTML, or None."""
        return self._body.decode() if self._is_page else None

    async def take(self, app: ASGIApp, scope: Scope) -> None:
        """Ask `app` and wait for its answer."""
        with self._call:
            await app(scope, _receive, self._send)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            self._is_page = message["status"] == HTTPStatus.OK and kind.startswith("text/html")
        if self._is_page:
            self._body += message.get("body", b"")
        else:
            self._call.cancel()


async def _receive() -> Message:
    """Say nothing: whoever asks has nothing to send, and stays."""
    await anyio.sleep_forever()
    raise AssertionError
