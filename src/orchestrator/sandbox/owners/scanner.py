"""A mail gateway that looks at every link before the owner does, as Defender and Barracuda do: HEAD, then GET."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from orchestrator.sandbox import web
from orchestrator.sandbox.config import SandboxConfig
from orchestrator.sandbox.owners.opt_out import entries, is_here
from orchestrator.sandbox.owners.original import Original

USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Safari/537.36"
)
MAX_LINKS, MAX_REDIRECTS = 200, 3
_ATTRIBUTE = re.compile(r"""(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_TEXT_LINK = re.compile(r"https?://[^\s<>\"]+")

Visit = dict[str, Any]
Visiting = Callable[[str], bool]


def links_of(original: Original) -> list[str]:
    """Return every address that stands in a mail, its pictures and its headers included, each once."""
    marked = (first or second for first, second in _ATTRIBUTE.findall(original.html or ""))
    found = [html.unescape(link).strip() for link in marked]
    found += [link.rstrip(".,;:!?)") for link in _TEXT_LINK.findall(original.text)]
    found += entries(original)
    return [link for link in dict.fromkeys(found) if web.is_address(link)][:MAX_LINKS]


def visitable(config: SandboxConfig) -> Visiting:
    """Return what says whether an address may be visited.

    Nothing leaves the machine unasked: only addresses on it, those of the hosts that the sandbox posts to, and the
    hosts named in the settings.
    """
    own = {urlsplit(url).hostname for url in (config.webhook_url, config.inbound_url) if url}
    return lambda url: web.is_address(url) and (is_here(url) or urlsplit(url).hostname in own | config.visits)


def visit(method: str, url: str, timeout: float, headers: dict[str, str], body: bytes | None = None) -> Visit:
    """Make one request without cookies, follow nothing, and return what came of it."""
    answer = web.call(method, url, body, headers, timeout)
    told: Visit = {"method": method, "url": url, "answer": answer.told, "seconds": round(answer.seconds, 4)}
    if "location" in answer.headers:
        told["location"] = answer.headers["location"]
    if "set-cookie" in answer.headers:
        told["set_cookie"] = True
    return told


def scan(original: Original, may_visit: Visiting, timeout: float) -> Iterator[Visit]:
    """Visit every link of a mail and yield each request's outcome.

    Args:
        original: The mail.
        may_visit: Says which addresses may be visited; the others are only named.
        timeout: Seconds per socket operation.
    """
    for link in links_of(original):
        if not may_visit(link):
            yield {"method": "GET", "url": link, "answer": "not visited"}
            continue
        yield visit("HEAD", link, timeout, {"User-Agent": USER_AGENT})
        yield from _followed(link, may_visit, timeout)


def _followed(link: str, may_visit: Visiting, timeout: float) -> Iterator[Visit]:
    headers = {"User-Agent": USER_AGENT, "Accept": "text/html,*/*;q=0.8"}
    for _ in range(1 + MAX_REDIRECTS):
        outcome = visit("GET", link, timeout, headers)
        yield outcome
        link = _target(link, outcome.get("location"))
        if not may_visit(link):
            return


def _target(link: str, location: str | None) -> str:
    """Return where a redirect leads; empty: nowhere."""
    try:
        return urljoin(link, location) if location else ""
    except ValueError:
        return ""
