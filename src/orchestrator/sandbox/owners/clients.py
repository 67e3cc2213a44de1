"""What mail programs make of an answer: how they quote, what they call themselves, which Message-IDs they write.

Each takes what the owner wrote and the mail being answered and returns both bodies. The marks are those that readers
of replies go by: Gmail's ``gmail_quote``, Outlook's ``divRplyFwdMsg`` and its block of headers, Apple's
``blockquote type="cite"``, Yahoo's ``yahoo_quoted``.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator import errors
from orchestrator.sandbox import ids
from orchestrator.sandbox.owners.languages import Language, moment
from orchestrator.sandbox.owners.original import Original

Bodies = tuple[str, str]
Quoting = Callable[[str, Original, Language], Bodies]
_NARROW_SPACE, _MARK = "\N{NARROW NO-BREAK SPACE}", "\N{ZERO WIDTH NO-BREAK SPACE}"
_LINE = 76  # characters after which Gmail and Thunderbird break the line above a quote
_RULE = "_" * 32


@dataclass(frozen=True, slots=True)
class Client:
    """A mail program.

    Args:
        quote: Makes text and HTML of an answer that stands above what it answers.
        charset: What it writes in when told nothing.
        headers: What it adds.
        message_id: Makes a Message-ID, given the owner's domain.
        host: Server that hands its mail to SendGrid.
        markup: It writes an HTML part besides the text.
        prefix: What it puts before the subject; None: what the language has.
    """

    quote: Quoting
    charset: str
    headers: tuple[tuple[str, str], ...]
    message_id: Callable[[str], str]
    host: str
    markup: bool = True
    prefix: str | None = "Re: "


def client(name: str) -> Client:
    """Return a mail program.

    Raises:
        errors.ValidationError: `name` is none of `CLIENTS`.
    """
    if name not in CLIENTS:
        raise errors.ValidationError("client", f"must be one of {', '.join(CLIENTS)}, not {name!r}")
    return CLIENTS[name]


def client_of(email: str) -> str:
    """Return the mail program that an owner with this address is likely to use."""
    domain = email.rpartition("@")[2].lower()
    for name, hosts in _PROVIDERS.items():
        if domain.partition(".")[0] in hosts:
            return name
    return "gmail"


def as_html(text: str, line_break: str = "<br>") -> str:
    """Return text as HTML."""
    return html.escape(text, quote=False).replace("\r\n", "\n").replace("\n", f"{line_break}\n")


def _inner(mail: Original) -> str:
    """Return what stands inside the body of the mail being answered."""
    markup = mail.html
    if markup is None:
        return as_html(mail.text)
    lowered = markup.lower()
    start = lowered.find("<body")
    start = lowered.find(">", start) + 1 if start >= 0 else 0
    end = lowered.rfind("</body")
    return markup[start : end if end >= start else None]


def _cited(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _intro(phrase: str, mail: Original, spoken: Language) -> str:
    name = mail.from_name or mail.from_email
    return phrase.format(**moment(spoken, mail.sent_at), who=mail.who, name=name, email=mail.from_email)


def _wrapped(line: str) -> str:
    return "\n".join(textwrap.wrap(line, _LINE, break_long_words=False, break_on_hyphens=False))


def _gmail(said: str, mail: Original, spoken: Language) -> Bodies:
    intro = _intro(spoken.gmail, mail, spoken).replace(" AM", f"{_NARROW_SPACE}AM").replace(" PM", f"{_NARROW_SPACE}PM")
    link = f'&lt;<a href="mailto:{html.escape(mail.from_email)}">{html.escape(mail.from_email)}</a>&gt;'
    shown = html.escape(intro, quote=False).replace(f"&lt;{html.escape(mail.from_email)}&gt;", link)
    markup = (
        f'<div dir="ltr">{as_html(said)}</div><br>'
        f'<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{shown}<br></div>'
        '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);'
        f'padding-left:1ex">{_inner(mail)}</blockquote></div>\n'
    )
    return f"{said}\n\n{_wrapped(intro)}\n\n{_cited(mail.text)}\n", markup


def _outlook(said: str, mail: Original, spoken: Language) -> Bodies:
    from_, sent, to, subject = spoken.outlook
    owner = f"{mail.to_name} <{mail.to_email}>" if mail.to_name else mail.to_email
    when = spoken.outlook_date.format(**moment(spoken, mail.sent_at))
    rows = ((from_, mail.who), (sent, when), (to, owner), (subject, mail.subject))
    block = "\n".join(f"{label}: {value}" for label, value in rows)
    shown = "<br>\n".join(f"<b>{label}:</b> {html.escape(value, quote=False)}" for label, value in rows)
    markup = (
        '<html><head>\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
        '<style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style>\n</head>\n'
        '<body dir="ltr">\n<div class="elementToProof" style="font-family: Aptos, Calibri, sans-serif; '
        f'font-size: 12pt;">\n{as_html(said)}</div>\n<div id="appendonsend"></div>\n'
        '<hr style="display:inline-block;width:98%" tabindex="-1">\n'
        '<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">'
        f"{shown}</font>\n<div>&nbsp;</div>\n</div>\n<div>{_inner(mail)}</div>\n</body>\n</html>\n"
    )
    return f"{said}\n\n{_RULE}\n{block}\n\n{mail.text}\n", markup


def _apple(said: str, mail: Original, spoken: Language) -> Bodies:
    intro = _intro(spoken.apple, mail, spoken)
    quoted = _cited(f"{intro}\n\n{_MARK}{mail.text}")
    shown = html.escape(intro, quote=False)
    markup = (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>'
        f'<body dir="auto">{as_html(said)}<br id="lineBreakAtBeginningOfSignature">'
        f'<div dir="ltr">{spoken.iphone}</div><div dir="ltr"><br><blockquote type="cite">{shown}<br><br></blockquote>'
        f'</div><blockquote type="cite"><div dir="ltr">{_MARK}{_inner(mail)}</div></blockquote></body></html>\n'
    )
    return f"{said}\n\n{spoken.iphone}\n\n{quoted}\n", markup


def _yahoo(said: str, mail: Original, spoken: Language) -> Bodies:
    intro = _intro(spoken.yahoo, mail, spoken)
    body = "\n".join(f" {line}".rstrip() for line in mail.text.splitlines())
    markup = (
        '<html><head></head><body><div class="ydp2a1f9c03yahoo-style-wrap" style="font-family:Helvetica Neue, '
        f'Helvetica, Arial, sans-serif;font-size:16px;"><div dir="ltr" data-setdir="false">{as_html(said)}</div>'
        '<div><br></div></div><div id="ydp5b7e81dcyahoo_quoted_3711567" class="yahoo_quoted"><div '
        "style=\"font-family:'Helvetica Neue', Helvetica, Arial, sans-serif;font-size:13px;color:#26282a;\"><div>"
        f"{html.escape(intro, quote=False)}</div><div><br></div><div>{_inner(mail)}</div></div></div></body></html>\n"
    )
    return f" {said}\n\n    {intro}  \n \n{body}   \n", markup


def _plain(said: str, mail: Original, spoken: Language) -> Bodies:
    intro, quoted = _intro(spoken.plain, mail, spoken), _cited(mail.text)
    markup = (
        f'<html><body><p>{as_html(said)}</p><div class="moz-cite-prefix">{html.escape(intro, quote=False)}</div>'
        f'<blockquote type="cite" cite="mid:{html.escape(mail.message_id.strip("<>"))}">{_inner(mail)}</blockquote>'
        "</body></html>\n"
    )
    return f"{said}\n\n{_wrapped(intro)}\n{quoted}\n", markup


def _uuid() -> str:
    raw = ids.random_hex(16).upper()
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))


CLIENTS: dict[str, Client] = {
    "gmail": Client(
        _gmail, "utf-8", (), lambda _: f"<CA+{ids.random_id()}={ids.random_id()}@mail.gmail.com>",
        "mail-wm1-f42.google.com",
    ),
    "outlook": Client(
        _outlook, "utf-8",
        (("Thread-Topic", "outreach"), ("Accept-Language", "en-US"), ("X-MS-Has-Attach", ""),
         ("X-MS-Exchange-MessageSentRepresentingType", "1")),
        lambda _: f"<SA1PR20MB{ids.random_hex(8).upper()}@SA1PR20MB4321.namprd20.prod.outlook.com>",
        "mail-southcentralusazolkn19012053.outbound.protection.outlook.com", prefix=None,
    ),
    "apple": Client(
        _apple, "utf-8", (("X-Mailer", "iPhone Mail (22H20)"),), lambda domain: f"<{_uuid()}@{domain}>",
        "ms-10025.mail.me.com",
    ),
    "yahoo": Client(
        _yahoo, "utf-8", (("X-Mailer", "WebService/1.1.24866 YMailNorrin"),),
        lambda _: f"<{int(ids.random_hex(4), 16)}.{int(ids.random_hex(3), 16)}.1769000000000@mail.yahoo.com>",
        "sonic306-21.consmr.mail.ne1.yahoo.com",
    ),
    "plain": Client(
        _plain, "utf-8", (("User-Agent", "Mozilla Thunderbird"), ("Content-Language", "en-US")),
        lambda domain: f"<{_uuid().lower()}@{domain}>", "mout.kundenserver.de", markup=False,
    ),
}  # fmt: skip
_PROVIDERS = {
    "outlook": ("outlook", "hotmail", "live", "msn"),
    "apple": ("icloud", "me", "mac"),
    "yahoo": ("yahoo", "aol", "ymail"),
    "plain": ("gmx", "web", "posteo"),
}
