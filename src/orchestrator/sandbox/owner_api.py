"""The owners' side of the control API: answer mail, opt out, look at what was done, choose where mail comes in."""

from __future__ import annotations

from dataclasses import fields
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator import errors
from orchestrator.sandbox.answers import JsonAnswer, body_of, failure, seconds
from orchestrator.sandbox.config import Behaviour, OwnerModel
from orchestrator.sandbox.deeds import Deed
from orchestrator.sandbox.inbound.letter import Letter
from orchestrator.sandbox.owners.people import DEEDS

if TYPE_CHECKING:
    from orchestrator.sandbox.sandbox import Sandbox

WAIT = 5.0  # seconds an answer waits for the first answer to what was done
MODELS = ("absent", "realistic", "lively")
_INBOUND = ("url", "host", "raw", "signed", "spam_check")


async def _told(deed: Deed, wait: float) -> Response:
    await run_in_threadpool(deed.wait, wait)
    return JsonAnswer(deed.as_dict())


def _deed_routes(sandbox: Sandbox, prefix: str) -> list[Route]:
    async def do(kind: str, request: Request) -> Response:
        wish, wait = await body_of(request), seconds(request, "wait", WAIT)
        message_id = request.path_params["id"]
        deed = await run_in_threadpool(lambda: sandbox.owners.do(message_id, kind, **wish))
        return await _told(deed, wait)

    async def deeds(request: Request) -> Response:
        wanted = request.query_params.get("message")
        message = sandbox.message(wanted) if wanted else None
        if wanted and message is None:
            return failure(404, "not found")
        kept = sandbox.deeds.kept(message.id if message else None)
        return JsonAnswer({"deeds": [deed.as_dict() for deed in kept]})

    async def mail(request: Request) -> Response:
        letter = _letter(await request.body(), request, sandbox.unix_time())
        travel: dict[str, Any] = {
            name: request.query_params[name] for name in ("mode", "host") if name in request.query_params
        }
        return await _told(sandbox.owners.write(letter, **travel), seconds(request, "wait", WAIT))

    return [
        *(Route(f"{prefix}/messages/{{id}}/{kind}", partial(do, kind), methods=["POST"]) for kind in DEEDS),
        Route(f"{prefix}/deeds", deeds),
        Route(f"{prefix}/inbound/mail", mail, methods=["POST"]),
    ]


def _letter(raw: bytes, request: Request, at: int) -> Letter:
    """Make a letter of an RFC 822 mail; the envelope is that of the query, else what its headers say."""
    raw = raw if b"\r\n" in raw else raw.replace(b"\n", b"\r\n")
    headers = BytesHeaderParser().parsebytes(raw)
    query = request.query_params
    to = query.getlist("to") or [parseaddr(str(headers.get("To", "")))[1]]
    if not all("@" in one for one in to):
        raise errors.ValidationError("to", "must be an address, here or in the mail's header")
    sender = query.get("from", parseaddr(str(headers.get("From", "")))[1])
    message_id = headers.get("Message-ID")
    return Letter(
        mime=raw,
        envelope_from=sender,
        envelope_to=tuple(to),
        message_id=str(message_id) if message_id else None,
        at=at,
        signed_by=sender.rpartition("@")[2] or None,
        damage=query.get("damage"),
    )


def _shown(sandbox: Sandbox) -> dict[str, Any]:
    settings = sandbox.parse_settings
    return {"public_key": sandbox.inbound_public_key, "settings": [setting.as_dict() for setting in settings.all()]}


def _inbound_routes(sandbox: Sandbox, prefix: str) -> list[Route]:
    async def inbound(request: Request) -> Response:
        if request.method == "PUT":
            wish = await body_of(request)
            if unknown := set(wish) - set(_INBOUND):
                raise errors.ValidationError(min(unknown), f"unknown; there are {', '.join(_INBOUND)}")
            sandbox.receive_at(**wish)
        elif request.method == "DELETE":
            sandbox.parse_settings.clear()
        return JsonAnswer(_shown(sandbox))

    async def key(request: Request) -> Response:
        return JsonAnswer({"public_key": sandbox.rotate_inbound_key()})

    async def autopilot(request: Request) -> Response:
        wish = await body_of(request)
        count, seed = wish.pop("count", 500), wish.pop("seed", sandbox.config.seed)
        if type(count) is not int or type(seed) is not int or count < 1:
            raise errors.ValidationError("count", "and seed must be whole numbers, count at least 1")
        owners = _rates(OwnerModel, wish.pop("owners", "realistic"), "owners")
        behaviour = _rates(Behaviour, wish.pop("behaviour", "realistic"), "behaviour")
        if wish:
            raise errors.ValidationError(min(wish), "unknown; there are count, seed, owners, behaviour")
        planned = await run_in_threadpool(
            lambda: sandbox.autopilot(count, seed=seed, owners=owners, behaviour=behaviour)
        )
        return JsonAnswer(planned)

    return [
        Route(f"{prefix}/inbound", inbound, methods=["GET", "PUT", "DELETE"]),
        Route(f"{prefix}/inbound/key", key, methods=["POST"]),
        Route(f"{prefix}/autopilot", autopilot, methods=["POST"]),
    ]


def _rates(kind: Any, wish: Any, field: str) -> Any:
    """Return rates by name of a set of them or by themselves; those not named are 0."""
    if isinstance(wish, str):
        if made := getattr(kind, wish, None) if wish in (*MODELS, "quiet") else None:
            return made()
        raise errors.ValidationError(field, f"there is no set of rates called {wish!r}")
    known = {one.name for one in fields(kind)}
    if not isinstance(wish, dict) or not set(wish) <= known:
        raise errors.ValidationError(field, f"must be rates by name; there are {', '.join(sorted(known))}")
    if not all(isinstance(rate, int | float) and 0 <= rate <= 1 for rate in wish.values()):
        raise errors.ValidationError(field, "must be rates between 0 and 1")
    return kind(**wish)


def owner_routes(sandbox: Sandbox, prefix: str) -> list[Route]:
    """Return the owners' routes of the control API under `prefix`."""
    return [*_deed_routes(sandbox, prefix), *_inbound_routes(sandbox, prefix)]
