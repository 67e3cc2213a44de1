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
    "fieldset{margin:0 0 1.5rem;padding:0;border:0}legend{padding:0;font-weight:600}"
    "label{display:table;padding:.5rem 0;cursor:pointer}label span{display:table-cell;padding-left:.75rem}"
    "input{width:1.25rem;height:1.25rem;margin:.25rem 0 0}"
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


_CUT_SHORT = (
    "<p>If an email does come, the link may have been cut short on its way: answer that email with the word "
    "<b>unsubscribe</b>, and it stops.</p>\n"
)


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


#: Value, words and explanation of what people can choose; the first is what they get who choose nothing.
_CHOICES = (
    ("all", "Stop all mail from this sender", "Nothing more will come to this address."),
    ("property", "Only stop mail about this property", "The sender may still write about another one."),
    ("sold", "I have sold it", "Nobody will be written to about this property any more."),
    ("wrong_person", "This is not me", "The sender has the wrong address. Nothing more will come here."),
)


def unsubscribe_question(sender: Mapping[str, Any]) -> HTMLResponse:
    """Return the page behind an opt-out link: who writes, what can be chosen, and one button.

    Args:
        sender: ``company_name`` and ``postal_address``, as far as they are known.
    """
    company = escape(str(sender.get("company_name") or "us"))
    postal = sender.get("postal_address")
    lines = escape(str(postal)).replace("\n", "<br>") if postal else ""
    choices = "".join(
        f'<p><label><input type="radio" name="choice" value="{value}"{" checked" if value == "all" else ""}>'
        f"<span><b>{words}</b><br>{meaning}</span></label></p>\n"
        for value, words, meaning in _CHOICES
    )
    return page(
        "Stop these emails?",
        f"<p>You got an email from {company} about a property. Choose what should stop, and press the button.</p>\n"
        f'<form method="post">\n<fieldset>\n<legend>What should stop?</legend>\n{choices}</fieldset>\n'
        '<button type="submit">Unsubscribe</button>\n</form>\n'
        + (f"<footer>\n<address>{lines}</address>\n</footer>\n" if postal else ""),
    )


def choice_answer() -> HTMLResponse:
    """Return what follows a choice on our page, the same for every token and every choice, with a way back."""
    return page(
        "It is stopped",
        "<p>What you chose holds from this moment. There is nothing else to do.</p>\n"
        '<form method="post">\n<p>Pressed by mistake? For ten minutes you can take it back.</p>\n'
        '<button type="submit" name="undo" value="yes">Undo</button>\n</form>\n' + _CUT_SHORT,
    )


def undo_answer() -> HTMLResponse:
    """Return what follows the way back, the same for every token: whatever was or was not taken back."""
    return page(
        "Taken back",
        "<p>What was chosen on this page in the last ten minutes does not hold any more. Anything older, and what was "
        "stopped in another way, stays stopped.</p>\n"
        "<p>The link in the email still works, should you change your mind again.</p>\n",
    )


def unsubscribe_answer() -> HTMLResponse:
    """Return what follows an opt-out: the same page for every token, known or not, and true for both."""
    return page(
        "You are unsubscribed",
        "<p>No more email will come from us to the address this link was sent to. There is nothing else to do.</p>\n"
        + _CUT_SHORT,
    )


def test_answer() -> HTMLResponse:
    """Return the page behind the opt-out link of a test mail or a preview, whatever is asked of it."""
    return page(
        "This was a test",
        "<p>The email with this link was a test or a preview. Nobody was unsubscribed, and nothing has changed.</p>\n"
        "<p>In the emails that owners get, this link opens the page where they choose what should stop.</p>\n",
    )
