"""Opting out by the mail's own headers, as a mailbox provider's button does it (RFC 2369, RFC 8058)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from orchestrator import errors
from orchestrator.sandbox import ids
from orchestrator.sandbox.inbound.letter import Letter
from orchestrator.sandbox.owners import mime
from orchestrator.sandbox.owners.original import Original, local, rfc_date

_ENTRY = re.compile(r"<([^<>]*)>")
ONE_CLICK = "List-Unsubscribe=One-Click"
ENCODINGS = ("multipart", "urlencoded")
_FENCE = "----one-click-7d1f3a"


class Post(NamedTuple):
    """What the provider posts."""

    content_type: str
    body: bytes


def entries(original: Original) -> list[str]:
    """Return the addresses in the mail's List-Unsubscribe header, in the sender's order of preference."""
    return [entry.strip() for entry in _ENTRY.findall(original.header("List-Unsubscribe") or "")]


def one_click_address(original: Original) -> tuple[str | None, str]:
    """Return where a provider would post, or None and why it shows no button.

    RFC 8058 asks for an https address and for the second header. On this machine http will do: there is no network
    between the two that could look.
    """
    told = original.header("List-Unsubscribe-Post")
    if told is None:
        return None, "no List-Unsubscribe-Post header"
    if "".join(told.split()).lower() != ONE_CLICK.lower():
        return None, f"List-Unsubscribe-Post is {told!r}"
    for entry in entries(original):
        scheme = entry.partition(":")[0].lower()
        if scheme == "https" or (scheme == "http" and is_here(entry)):
            return entry, ""
    return None, "no https address in List-Unsubscribe"


def is_here(url: str) -> bool:
    """Whether an address is on this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host in ("localhost", "::1") or host.startswith("127.")


def one_click_post(encoding: str) -> Post:
    """Return what is posted; providers use both encodings, most of them the first.

    Raises:
        errors.ValidationError: `encoding` is none of `ENCODINGS`.
    """
    if encoding not in ENCODINGS:
        raise errors.ValidationError("encoding", f"must be one of {', '.join(ENCODINGS)}, not {encoding!r}")
    if encoding == "urlencoded":
        return Post("application/x-www-form-urlencoded", ONE_CLICK.encode())
    name, _, value = ONE_CLICK.partition("=")
    body = f'--{_FENCE}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--{_FENCE}--\r\n'
    return Post(f"multipart/form-data; boundary={_FENCE}", body.encode())


def mailto_letter(original: Original, at: int) -> Letter | None:
    """Return the mail that a provider sends to the mailto address of the header (RFC 6068), or None without one."""
    wanted = next((entry for entry in entries(original) if entry.lower().startswith("mailto:")), None)
    if wanted is None:
        return None
    recipient, _, query = wanted[len("mailto:") :].partition("?")
    asked = {name.lower(): value for name, value in parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)}
    to = unquote(recipient)
    if "@" not in to:
        return None
    message_id = f"<CA+{ids.random_id()}@mail.gmail.com>"
    headers = [
        ("From", mime.address(original.to_name, original.to_email)),
        ("To", mime.words(to)),
        ("Subject", mime.words(asked.get("subject", "unsubscribe"))),
        ("Date", rfc_date(local(at))),
        ("Message-ID", message_id),
        ("MIME-Version", "1.0"),
    ]
    said = asked.get("body", "This is an unsubscribe request that my mail program sent for me.")
    return Letter(
        mime=mime.mail(headers, mime.text_part("plain", f"{said}\n", "utf-8")),
        envelope_from=original.to_email,
        envelope_to=(to,),
        message_id=message_id,
        at=at,
        host="mail-wm1-f42.google.com",
        signed_by=original.to_email.rpartition("@")[2],
    )
