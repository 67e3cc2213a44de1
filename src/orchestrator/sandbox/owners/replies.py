"""An answer that a person writes, as the person's mail program sends it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from email.utils import parseaddr
from typing import Any

from orchestrator import errors
from orchestrator.sandbox.inbound.letter import Letter
from orchestrator.sandbox.owners import mime
from orchestrator.sandbox.owners.clients import Client, as_html, client, client_of
from orchestrator.sandbox.owners.languages import Language, language
from orchestrator.sandbox.owners.original import Original, local, rfc_date

QUOTES = ("top", "bottom", "none")
BODIES = ("both", "text", "html")
#: What can be wrong inside a mail; what can be wrong with the form around it is in `letter.DAMAGES`.
FLAWS = ("nul", "garbage", "no_message_id", "no_thread", "header_injection")
MAX_ATTACHMENT = 40 * 1024 * 1024  # bytes
_GARBAGE = "\x1b]0;\x07\x00\x08\x7f" + "".join(map(chr, range(1, 32))) + "\u202e<script>&#0;\ufffe" + "On " * 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a person wants to send.

    Args:
        text: The words.
        client: A row of `clients.CLIENTS`; None: what suits the owner's address.
        language: A row of `languages.LANGUAGES`.
        sender: Address, with or without a name, of who answers; None: the owner who got the mail.
        quote: ``top`` (the answer stands above the quote), ``bottom`` or ``none``.
        body: ``both``, ``text`` or ``html``; None: what the client writes.
        charset: Of the text part; None: the client's.
        html_charset: Of the HTML part; None: as the text.
        subject_charset: Of the encoded words in headers.
        subject: None: the subject of the mail with what the client puts before it.
        attachments: Each with ``name``, ``type`` and either ``text`` or ``size`` (bytes).
        headers: Headers added to the mail.
        flaw: One of `FLAWS`, or None.
        damage: One of `letter.DAMAGES`, or None.
    """

    text: str
    client: str | None = None
    language: str = "en"
    sender: str | None = None
    quote: str = "top"
    body: str | None = None
    charset: str | None = None
    html_charset: str | None = None
    subject_charset: str = "utf-8"
    subject: str | None = None
    attachments: tuple[dict[str, Any], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    flaw: str | None = None
    damage: str | None = None

    def __post_init__(self) -> None:
        self._check_types()
        _one_of("quote", self.quote, QUOTES)
        _one_of("body", self.body, (None, *BODIES))
        _one_of("flaw", self.flaw, (None, *FLAWS))
        for name in ("charset", "html_charset", "subject_charset"):
            if value := getattr(self, name):
                mime.known_charset(name, value)
        for name, value in self.headers.items():
            if not (name.isascii() and name.isprintable() and ":" not in name and str(value).isprintable()):
                raise errors.ValidationError("headers", f"cannot be written: {name!r}")

    def _check_types(self) -> None:
        if not isinstance(self.headers, dict) or not all(isinstance(name, str) for name in self.headers):
            raise errors.ValidationError("headers", "must be names with values")
        if not all(isinstance(one, dict) for one in self.attachments):
            raise errors.ValidationError("attachments", "must be objects with a name, a type, and a text or a size")
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in ("headers", "attachments") and not isinstance(value, str | None):
                raise errors.ValidationError("from" if one.name == "sender" else one.name, "must be text")


def _one_of(name: str, value: str | None, allowed: tuple[str | None, ...]) -> None:
    if value not in allowed:
        told = ", ".join(word for word in allowed if word)
        raise errors.ValidationError(name, f"must be one of {told}, not {value!r}")


def reply(original: Original, wish: Reply, at: int) -> Letter:
    """Return the mail in which a person answers.

    Args:
        original: What is being answered.
        wish: What the person wants to send.
        at: Story time in unix seconds.

    Raises:
        errors.ValidationError: the wish cannot be fulfilled.
    """
    name, sender = _sender(original, wish)
    program, spoken = client(wish.client or client_of(sender)), language(wish.language)
    domain = sender.rpartition("@")[2]
    message_id = None if wish.flaw == "no_message_id" else program.message_id(domain)
    prefix = program.prefix if program.prefix is not None else spoken.outlook_reply
    subject = wish.subject if wish.subject is not None else _prefixed(prefix, original.subject)
    if wish.flaw == "header_injection":
        name, subject = f"{name or 'Owner'}\r\nBcc: everybody@example.net", f"{subject}\r\nX-Injected: yes"
    headers = [
        ("From", mime.address(name, sender, wish.subject_charset)),
        ("To", ", ".join(original.answers_to)),
        ("Subject", mime.words(subject, wish.subject_charset)),
        ("Date", rfc_date(local(at))),
        *([("Message-ID", message_id)] if message_id else []),
        *([] if wish.flaw == "no_thread" else thread(original)),
        ("MIME-Version", "1.0"),
        *program.headers,
        *((key, str(value)) for key, value in wish.headers.items()),
    ]
    return Letter(
        mime=mime.mail(headers, _body(original, wish, program, spoken)),
        envelope_from=sender,
        envelope_to=original.answers_to,
        message_id=message_id,
        at=at,
        host=program.host,
        signed_by=domain,
        damage=wish.damage,
    )


def thread(original: Original) -> list[tuple[str, str]]:
    """Return the headers that tie an answer to what it answers."""
    return [("In-Reply-To", original.message_id), ("References", original.message_id)]


def _prefixed(prefix: str, subject: str) -> str:
    return subject if subject.lower().startswith(prefix.lower()) else f"{prefix}{subject}"


def _sender(original: Original, wish: Reply) -> tuple[str | None, str]:
    if wish.sender is None:
        return original.to_name, original.to_email
    name, email = parseaddr(wish.sender)
    if "@" not in email:
        raise errors.ValidationError("from", f"must be an address, with or without a name, not {wish.sender!r}")
    return name or None, email


def _body(original: Original, wish: Reply, program: Client, spoken: Language) -> mime.Part:
    said = {"nul": f"{wish.text}\x00\x00", "garbage": wish.text + _GARBAGE}.get(wish.flaw or "", wish.text)
    text, markup = _bodies(said, original, wish, program, spoken)
    charset = wish.charset or program.charset
    html_charset = wish.html_charset or charset
    parts = {
        "text": mime.text_part("plain", _writable(text, charset), charset),
        "html": mime.text_part("html", _marked(_writable(markup, html_charset), html_charset), html_charset),
    }
    chosen = wish.body or ("both" if program.markup else "text")
    body = parts[chosen] if chosen != "both" else mime.multipart("alternative", [*parts.values()])
    files = [_attachment(number, one) for number, one in enumerate(wish.attachments, 1)]
    return mime.multipart("mixed", [body, *files]) if files else body


def _bodies(said: str, original: Original, wish: Reply, program: Client, spoken: Language) -> tuple[str, str]:
    if wish.quote == "none":
        return f"{said}\n", f'<div dir="ltr">{as_html(said)}</div>\n'
    if wish.quote == "top":
        return program.quote(said, original, spoken)
    quoted, markup = (part.lstrip("\n ") for part in program.quote("", original, spoken))
    return f"{quoted}\n{said}\n", f"{markup}<p>{as_html(said)}</p>\n"


def _writable(text: str, charset: str) -> str:
    """Do without the invisible characters that a charset lacks; programs that write in such a charset use none."""
    try:
        text.encode(charset)
    except UnicodeError:
        return text.translate({0x202F: " ", 0xFEFF: None})
    return text


def _marked(markup: str, charset: str) -> str:
    return markup.replace('text/html; charset=utf-8"', f'text/html; charset={charset}"', 1)


def _attachment(number: int, wish: dict[str, Any]) -> mime.Part:
    content, size = wish.get("text"), wish.get("size", 0)
    if content is None and not (type(size) is int and 0 <= size <= MAX_ATTACHMENT):
        raise errors.ValidationError("attachments", f"size must be a number of bytes up to {MAX_ATTACHMENT}")
    raw = content.encode("utf-8", "replace") if isinstance(content, str) else bytes(size)
    name = str(wish.get("name", f"file{number}.bin"))
    return mime.attachment(name, str(wish.get("type", "application/octet-stream")), raw)
