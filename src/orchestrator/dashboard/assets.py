"""Style sheets and scripts: named by their content, so that browsers may keep them for ever."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.dashboard.packing import pack, takes_gzip

_FOREVER = "public, max-age=31536000, immutable"
# Without a charset some scripts' texts are misread and their names never defined.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FILES = (
    "tokens.css",
    "app.css",
    "app.js",
    "dispatcher.js",
    "favicon.svg",
    "vendor/htmx-4.0.1.min.js",
    "vendor/uplot-1.6.32.min.js",
    "vendor/uplot-1.6.32.min.css",
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages refer to; ``integrity`` is what browsers check it against (Subresource Integrity)."""

    url: str
    integrity: str
    content: bytes
    #: The same, compressed.
    packed: bytes
    media_type: str


@cache
def shipped() -> dict[str, Asset]:
    """Return every asset by its name in the package, for example ``app.css``."""
    return {name: _asset(name) for name in _FILES}


def _asset(name: str) -> Asset:
    content = (resources.files("orchestrator.dashboard") / "static" / name).read_bytes()
    digest = hashlib.sha384(content).digest()
    stem, dot, ending = name.rpartition("/")[2].rpartition(".")
    return Asset(
        url=f"/static/{stem}.{digest.hex()[:12]}{dot}{ending}",
        integrity=f"sha384-{base64.b64encode(digest).decode()}",
        content=content,
        packed=pack(content),
        media_type=_TYPES[dot + ending],
    )


def routes() -> APIRouter:
    """Return the route that serves them."""
    router = APIRouter(include_in_schema=False)
    by_url = {asset.url: asset for asset in shipped().values()}

    @router.get("/static/{name}")
    def asset(name: str, request: Request) -> Response:
        found = by_url.get(f"/static/{name}")
        if found is None:
            return Response("No such file.", 404, media_type="text/plain")
        headers = {
            "Cache-Control": _FOREVER,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Vary": "Accept-Encoding",
        }
        if not takes_gzip(request.headers):
            return Response(found.content, headers=headers, media_type=found.media_type)
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, headers=headers, media_type=found.media_type)

    return router
