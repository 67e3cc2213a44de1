"""The few pages a browser may show: plain, readable, without script, cookie or anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

from fastapi.responses import HTMLResponse

# Plain CSS of ten years ago: owners read this on whatever phone they have. Contrast is at least 5:1 in both schemes.
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0 auto;max-width:36rem;padding:2rem 1.25rem;font:1.125rem/1.5 sans-serif;"
    "color:#18202c;background:#fff}"
    "h1{font-size:1.5rem;line-height:1.25}"
    "button{font:inherit;font-weight:600;min-height:3rem;padding:.5rem 1.5rem;border:0;border-radius:6px;"
    "color:#fff;background:#005c91;cursor:pointer}"
    "button:focus{outline:3px solid #18202c;outline-offset:3px}"
    "footer{margin-top:2.5rem;font-size:.9375rem;color:#556070}address{font-style:normal}"
    "@media(prefers-color-scheme:dark){body{color:#e4e9f2;background:#0f172a}"
    "button{color:#06263d;background:#74bdec}button:focus{outline-color:#e4e9f2}footer{color:#9eabc0}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex, nofollow",
}


def page(title: str, content: str) -> HTMLResponse:
    """Return a whole page; `title` is text, `content` is HTML whose variable parts are escaped already."""
    return HTMLResponse(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex, nofollow">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{content}</main>\n</body>\n</html>\n",
        headers=_HEADERS,
    )


def unsubscribe_question(known: Mapping[str, Any]) -> HTMLResponse:
    """Return the page behind an opt-out link: who writes, why, and one button.

    Args:
        known: ``company_name``, ``property_address`` and ``postal_address``, as far as they are known.
    """
    company = escape(str(known.get("company_name") or "us"))
    about = known.get("property_address")
    why = f" about {escape(str(about))}" if about else ""
    postal = known.get("postal_address")
    lines = escape(str(postal)).replace("\n", "<br>") if postal else ""
    return page(
        "Stop these emails?",
        f"<p>You get email from {company}{why}. Press the button and no more will come.</p>\n"
        '<form method="post">\n<input type="hidden" name="List-Unsubscribe" value="One-Click">\n'
        '<button type="submit">Unsubscribe</button>\n</form>\n'
        + (f"<footer>\n<address>{lines}</address>\n</footer>\n" if postal else ""),
    )


def unsubscribe_answer() -> HTMLResponse:
    """Return what follows an opt-out: the same page for every token, known or not, and true for both."""
    return page(
        "You are unsubscribed",
        "<p>No more email will come from us to the address this link was sent to. There is nothing else to do.</p>\n"
        "<p>If one does come, the link may have been cut short on its way: answer that email with the word "
        "<b>unsubscribe</b>, and it stops.</p>\n",
    )
