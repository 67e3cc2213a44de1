"""SendGrid's settings of Inbound Parse over HTTP: which host's mail is posted where, and the policies that sign it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.sandbox import web
from orchestrator.sandbox.answers import JsonAnswer, body_of, failure
from orchestrator.sandbox.inbound.settings import ParseSetting, ParseSettings, Policies

if TYPE_CHECKING:
    from orchestrator.sandbox.sandbox import Sandbox

SETTINGS, POLICIES = "/v3/user/webhooks/parse/settings", "/v3/user/webhooks/security/policies"
_SWITCHES = ("spam_check", "send_raw")


def parse_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of parse settings and security policies."""
    return [*_setting_routes(sandbox.parse_settings), *_policy_routes(sandbox.parse_settings.policies)]


def _problem(wish: dict[str, Any], policies: Policies) -> Response | None:
    """Say what is wrong with the fields of a setting that are there."""
    url, policy = wish.get("url"), wish.get("security_policy")
    if url is not None and not (isinstance(url, str) and web.is_address(url)):
        return failure(400, "url must be an absolute http or https address", "url")
    if policy and policies.signer(policy) is None:
        return failure(400, "there is no such security policy", "security_policy")
    for name in _SWITCHES:
        if not isinstance(wish.get(name, False), bool):
            return failure(400, f"{name} must be true or false", name)
    return None


def _changes(wish: dict[str, Any]) -> dict[str, Any]:
    changes = {name: wish[name] for name in ("url", *_SWITCHES) if name in wish}
    return {**changes, "security_policy": wish["security_policy"] or None} if "security_policy" in wish else changes


def _made(settings: ParseSettings, wish: dict[str, Any]) -> Response:
    hostname = wish.get("hostname")
    if not isinstance(hostname, str) or not hostname:
        return failure(400, "hostname is required", "hostname")
    if not wish.get("url"):
        return failure(400, "url is required", "url")
    if problem := _problem(wish, settings.policies):
        return problem
    if settings.get(hostname):
        return failure(400, "duplicate entry for hostname", "hostname")
    return JsonAnswer(settings.put(ParseSetting(hostname.lower(), **_changes(wish))).as_dict(), 201)


def _setting_routes(settings: ParseSettings) -> list[Route]:
    async def collection(request: Request) -> Response:
        if request.method == "GET":
            return JsonAnswer({"result": [setting.as_dict() for setting in settings.all()]})
        return _made(settings, await body_of(request))

    async def single(request: Request) -> Response:
        hostname = request.path_params["hostname"]
        setting = settings.get(hostname)
        if setting is None:
            return failure(404, "not found")
        if request.method == "DELETE":
            settings.remove(hostname)
            return Response(status_code=204)
        if request.method == "PATCH":
            wish = await body_of(request)
            if problem := _problem(wish, settings.policies):
                return problem
            setting = settings.change(hostname, **_changes(wish)) or setting
        return JsonAnswer(setting.as_dict())

    return [
        Route(SETTINGS, collection, methods=["GET", "POST"]),
        Route(f"{SETTINGS}/{{hostname}}", single, methods=["GET", "PATCH", "DELETE"]),
    ]


def _policy_routes(policies: Policies) -> list[Route]:
    async def collection(request: Request) -> Response:
        if request.method == "GET":
            return JsonAnswer({"policies": [policies.shown(policy_id) for policy_id in policies.ids()]})
        wish = await body_of(request)
        if not isinstance(wish.get("name"), str) or not wish["name"]:
            return failure(400, "name is required", "name")
        if wish.get("signature") != {"enabled": True}:
            return failure(400, "only policies with a signature can be made here", "signature")
        return JsonAnswer({"policy": policies.shown(policies.add(wish["name"]))}, 201)

    async def single(request: Request) -> Response:
        policy_id = request.path_params["id"]
        shown = policies.shown(policy_id)
        if shown is None:
            return failure(404, "not found")
        if request.method == "DELETE":
            policies.remove(policy_id)
            return Response(status_code=204)
        return JsonAnswer({"policy": shown})

    return [
        Route(POLICIES, collection, methods=["GET", "POST"]),
        Route(f"{POLICIES}/{{id}}", single, methods=["GET", "DELETE"]),
    ]
