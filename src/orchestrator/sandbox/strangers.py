"""Other people's web pages: a browser on this machine would carry their requests to the control API, which has no key.

Such a page can send forms to any port of this machine, and by a name of its own that leads here (DNS rebinding) it can
read the answers. Programs send none of the headers by which that is seen.
"""

from __future__ import annotations

import ipaddress
import re

from starlette.requests import Request

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


def refusal(request: Request) -> str | None:
    """Return why a request is not executed, or None: it can be no other site's."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "pages of other sites may not use the sandbox's control API"
    if origin is not None and origin.partition("://")[2] != host:
        return "pages of other sites may not use the sandbox's control API"
    if not _is_nobodys(host):
        return "the sandbox's control API answers to addresses, and to names without a dot: use http://127.0.0.1"
    return None


def _is_nobodys(host: str) -> bool:
    """Whether a host is an address, or a name that nobody can register: one without a dot, as localhost."""
    found = _HOST.fullmatch(host)
    name = found[1].strip("[]") if found else "?."
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name
    return True
