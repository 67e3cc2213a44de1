"""Rules about where a mail leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from orchestrator.rendering.gate.findings import Flaw, Part
from orchestrator.rendering.gate.mail import Mail
from orchestrator.rendering.gate.page import Element

MOST_LINKS = 3
_SHORTENERS = (
    "bit.ly bitly.com tinyurl.com t.co goo.gl ow.ly is.gd buff.ly rebrand.ly cutt.ly shorturl.at rb.gy t.ly lnkd.in"
    " tiny.cc bl.ink s.id v.gd trib.al dlvr.it soo.gd clck.ru qr.ae adf.ly"
)
_HOST = re.compile(
    r"(?:https?://|\bwww\.)([a-z0-9.-]+)|^([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24})(?:/\S*)?$", re.IGNORECASE
)
_FILES = " pdf html htm png jpg jpeg gif doc docx xls xlsx zip txt csv "


def flaws(mail: Mail, own_domains: frozenset[str]) -> Iterator[Flaw]:
    """Yield what is wrong with the links of `mail`.

    Args:
        mail: The mail.
        own_domains: Domains a template may link to by itself; empty: any.
    """
    for part in (Part.HTML, Part.TEXT):
        links = [link for link in mail.links[part] if not link.startswith("#")]
        others = [link for link in links if link != mail.content.unsubscribe_url]
        if len(others) > MOST_LINKS:
            yield Flaw("link-count", part, f"there are {len(others)} besides the opt-out")
        for link in links:
            for rule, message in _wrong(link, mail, own_domains):
                yield Flaw(rule, part, message, link, link, mail.line_of_link(part, link))
    for anchor in mail.page.all("a"):
        yield from _disguise(anchor)


def _wrong(link: str, mail: Mail, own_domains: frozenset[str]) -> Iterator[tuple[str, str]]:
    scheme, host = _parts_of(link)
    quoted = f"'{link[:80]}'"
    if not link:
        yield "link-scheme", "a link leads nowhere: its 'href' is empty"
        return
    if host in _SHORTENERS.split():
        yield "link-shortener", f"{quoted} hides where it leads: write the address itself"
    if link in mail.configured:
        return
    if scheme not in ("https", "mailto", "tel"):
        yield "link-scheme", f"{quoted} is not https"
    if host and own_domains and not any(host == own or host.endswith(f".{own}") for own in own_domains):
        yield "link-foreign", f"{quoted} is not on {' or '.join(sorted(own_domains))}"


def _disguise(anchor: Element) -> Iterator[Flaw]:
    found = _HOST.search(anchor.text)
    _, leads_to = _parts_of(anchor.attributes.get("href", ""))
    said = ((found[1] or found[2]) if found else "").lower().rstrip(".").removeprefix("www.")
    if said and said.rpartition(".")[2] not in _FILES.split() and said != leads_to.removeprefix("www."):
        message = f"'{anchor.text[:60]}' leads to {leads_to or 'no host'}: show where it leads, or plain words"
        yield Flaw("link-host", Part.HTML, message, said, anchor.text[:60], anchor.line)


def _parts_of(link: str) -> tuple[str, str]:
    try:
        parts = urlsplit(link)
        return parts.scheme.lower(), (parts.hostname or "").lower()
    except ValueError:
        return "", ""
