"""What SendGrid brought: each POST with what became of it, what is wrong with signatures, and taking it in again."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from orchestrator import contracts, errors
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.viewing import Form, House
from orchestrator.dashboard.words import Chip
from orchestrator.domain.text import header_line, numbered, several_lines
from orchestrator.repository.webhook_batches import WebhookBatch
from orchestrator.services.looking.webhook_history import Replayed, WebhookHistory

PAGE = 50
_UNMATCHED = 20
#: Characters of a body that are shown.
SHOWN = 100_000

OUTCOMES = {
    "stored": Chip("check", "good", "Stored"),
    "refused": Chip("stop", "stop", "Refused"),
    "unreadable": Chip("question", "watch", "Unreadable"),
    "failed": Chip("warning", "stop", "Failed here"),
}
TRUST = {
    "signed": ("check", "good", "signature right"),
    "secret": ("check", "good", "secret address"),
    "missing": ("cross", "stop", "not signed"),
    "invalid": ("cross", "stop", "signature wrong"),
    "unchecked": ("question", "m", "not checked"),
}
_TOLD = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})")


def routes(house: House) -> APIRouter:
    """Return the list, one batch, and taking batches in again."""
    router = APIRouter(include_in_schema=False)
    seen, sent = Depends(house.view), Depends(house.posted)
    history = house.orchestrator.operations.webhooks
    here = "/t/{tenant}/webhooks"

    @router.get(here)
    def page(
        show: str = "", before: str | None = None, unmatched: str | None = None, done: str = "", view: View = seen
    ) -> Response:
        context = _context(history, show == "troubled", before, unmatched)
        return house.frame.page(view, "webhooks.html", **context, told=told(done), **_WORDS)

    @router.get(here + "/{batch}")
    def one(batch: str, done: str = "", view: View = seen) -> Response:
        opened = history.open(contracts.parse_id("batch", batch))
        shown, cut = _pretty(opened.body, opened.batch)
        context = {"one": opened.batch, "cause": opened.cause, "body": shown, "cut": cut, "told": told(done)}
        return house.frame.page(view, "webhook.html", **context, **_WORDS)

    @router.post(here)
    def replay_failed(view: View = seen, _form: Form = sent) -> Response:
        done = _numbers(history.replay_failed())
        return RedirectResponse(f"{view.home}/webhooks?done={done}", HTTPStatus.SEE_OTHER)

    @router.post(here + "/{batch}")
    def replay(batch: str, view: View = seen, _form: Form = sent) -> Response:
        id_ = contracts.parse_id("batch", batch)
        done = _numbers(history.replay(id_))
        return RedirectResponse(f"{view.home}/webhooks/{id_}?done={done}", HTTPStatus.SEE_OTHER)

    return router


def _context(history: WebhookHistory, troubled: bool, before: str | None, unmatched: str | None) -> dict[str, Any]:
    older = None if before is None else contracts.parse_id("before", before)
    behind = None if unmatched is None else contracts.parse_id("unmatched", unmatched)
    found = history.page(PAGE + 1, troubled=troubled, before=older)
    nobodys = history.unmatched(_UNMATCHED + 1, behind)
    shown = [(one, header_line(one.kind), _pretty_value(one.event_data)) for one in nobodys[:_UNMATCHED]]
    return {
        "batches": found[:PAGE],
        "older": found[PAGE - 1].id if len(found) > PAGE else None,
        "health": history.health(),
        "unmatched": shown,
        "more_unmatched": nobodys[_UNMATCHED - 1].id if len(nobodys) > _UNMATCHED else None,
        "troubled": troubled,
    }


_WORDS: dict[str, Any] = {"outcomes": OUTCOMES, "trust": TRUST}


def told(done: str) -> str | None:
    """Say in words what taking batches in again came to; anything but our own numbers is nothing."""
    numbers = _TOLD.fullmatch(done)
    if numbers is None:
        return None
    batches, new, duplicate, unknown, refused = map(int, numbers.groups())
    if batches == 0 and refused == 0:
        return "There was nothing to take in again."
    words = f"{batches} {'batch' if batches == 1 else 'batches'} taken in again: {new} new, {duplicate} known already"
    words += f", {unknown} of nobody." if unknown else "."
    still = "1 batch is still refused." if refused == 1 else f"{refused} batches are still refused."
    return f"{words} {still}" if refused else words


def _numbers(done: Replayed) -> str:
    return f"{done.batches}.{done.new}.{done.duplicate}.{done.unknown}.{done.refused}"


def _pretty(body: bytes | None, batch: WebhookBatch) -> tuple[str | None, bool]:
    """Return a body as it can be read, and whether its end is missing; None when there is none."""
    if body is None:
        return None, False
    text = body[: 4 * SHOWN].decode("utf-8", "replace")
    if batch.source == "events" and len(body) <= 4 * SHOWN:
        try:
            text = _pretty_value(json.loads(text))
        except (ValueError, RecursionError):
            text = several_lines(text)
    else:
        text = several_lines(text)
    return text[:SHOWN], len(text) > SHOWN or len(body) > 4 * SHOWN


def _pretty_value(value: Any) -> str:
    try:
        return numbered(json.dumps(value, indent=2, ensure_ascii=False, default=str))[:SHOWN]
    except (RecursionError, ValueError):
        raise errors.MalformedPayload("It is nested too deeply to be shown.") from None
