"""Showing somebody a page: in a browser where there is one, by an address and how to reach it where there is none."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import webbrowser
from collections.abc import Mapping
from urllib.parse import urlsplit

#: Browsers that would take the terminal away from whoever runs the demo.
_TERMINAL = {"www-browser", "links", "elinks", "lynx", "w3m"}


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody sits at this machine who can look at a browser."""
    if environment.get("CI") or remote(environment) or not sys.stderr.isatty():
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def remote(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether whoever runs this has come over SSH."""
    return bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"))


def opened(url: str) -> bool:
    """Open an address in the browser without waiting for it; return whether there is one."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if getattr(browser, "basename", "") in _TERMINAL:
        return False
    threading.Thread(target=browser.open, args=(url,), name="browser", daemon=True).start()
    return True


def tunnel(url: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the command that makes an address of this machine reachable on the machine somebody sits at."""
    port = urlsplit(url).port
    here = (environment.get("SSH_CONNECTION") or "").split()
    host = here[2] if len(here) == 4 else "this-machine"
    user = environment.get("USER") or environment.get("LOGNAME")
    return f"ssh -N -L {port}:127.0.0.1:{port} {shlex.quote(f'{user}@{host}' if user else host)}"
