"""One mail of the sandbox's inbox: as a page of its own that can do little, or as a file for a mail program."""

from __future__ import annotations

import re
from email import policy
from email.contentmanager import raw_data_manager
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from starlette.responses import HTMLResponse, Response

from orchestrator.dashboard.campaign import dark
from orchestrator.dashboard.mailbox import Letter

#: A mail is a stranger's page. Its links may open new tabs, that is all it can do.
_LIVE = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_PEEK = _LIVE.replace("sandbox allow-popups allow-popups-to-escape-sandbox", "sandbox")
#: Where links can be told to open in new tabs: in the head, else after the doctype.
_HEAD = re.compile(r"<head(?:\s[^<>]*)?>", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^<>]*>", re.IGNORECASE)
#: What a header's name may be made of (RFC 5322, §2.2), and what its value must not hold.
_NAME = re.compile(r"[!-9;-~]{1,76}")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
#: The newer policies understand what they write, and fail at what they do not understand.
_AS_IT_STANDS = policy.compat32.clone(linesep="\r\n")
#: Headers that are made here, from what is known of the mail.
_OWN = frozenset({"from", "to", "subject", "date", "message-id", "mime-version"})


def framed(html: str, *, peek: bool, darkly: bool) -> HTMLResponse:
    """Return a mail as a page for a frame.

    Args:
        html: The mail; its links as they shall be followed.
        peek: Whether nothing in it may be followed.
        darkly: Whether it is shown as a reader with a dark system sees it.
    """
    headers = {
        "Content-Security-Policy": _PEEK if peek else _LIVE,
        "X-Frame-Options": "SAMEORIGIN",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(in_new_tabs(dark(html) if darkly else html), headers=headers)


def in_new_tabs(html: str) -> str:
    """Return a mail's HTML with links that open in new tabs, unless they say otherwise."""
    found = _HEAD.search(html) or _DOCTYPE.match(html)
    at = found.end() if found else 0
    return f'{html[:at]}<base target="_blank">{html[at:]}'


def as_file(letter: Letter) -> Response:
    """Return a mail as an ``.eml`` file (RFC 5322), which mail programs open. Nobody is counted."""
    mail = letter.mail
    headers = {
        "Content-Disposition": f'attachment; filename="mail-{mail.number}.eml"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(_written(letter).as_bytes(), media_type="message/rfc822", headers=headers)


def _written(letter: Letter) -> EmailMessage:
    mail = letter.mail
    message = EmailMessage(_AS_IT_STANDS)
    message["From"] = _value(letter.headers.get("From", mail.sender))
    message["To"] = formataddr((_value(mail.to_name) if mail.to_name != mail.to else "", _ascii(mail.to)), "utf-8")
    message["Subject"] = _value(mail.subject)
    message["Date"] = format_datetime(mail.at)
    message["Message-ID"] = _value(letter.headers.get("Message-ID", ""))
    for name, value in letter.headers.items():
        if _NAME.fullmatch(name) and name.lower() not in _OWN and not name.lower().startswith("content-"):
            message[name] = _value(value)
    message.set_content(_text(letter.text), content_manager=raw_data_manager)
    if letter.html:
        message.add_alternative(_text(letter.html), subtype="html", content_manager=raw_data_manager)
    return message


def _value(text: str) -> str:
    """Return a header's value on one line, without what no header can hold."""
    return _UNWRITABLE.sub(" ", text).strip()


def _ascii(text: str) -> str:
    """Return an address as a header can hold it."""
    return _value(text).encode("ascii", "replace").decode()


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
