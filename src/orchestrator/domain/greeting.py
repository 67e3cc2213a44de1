"""How a mail greets an owner whose name comes from public records.

The greeting is ``Hello,`` unless the name leaves no doubt (domain/owners.py). Nobody is guessed to be Mr or Ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain import owners, text
from orchestrator.domain.owners import NameFormat

_STRUCTURES_HEADERS = re.compile(r"""[",;:<>()\[\]@\\]+""")
_NAME_LIMIT = 100

#: What the reason of a hold begins with that the name of an estate brings.
ESTATE = "estate: "
# A life estate is a living person's, and real estate is a trade.
_ESTATE = re.compile(
    r"\best(?:ate)?\.? of\b|(?<!real )(?<!life )\best(?:ate)?\.?\)?\Z"
    r"|\bheirs?\b|\bdevisees?\b|\bdeceased\b|\bdecedent\b|\bdec'?d\b"
    r"|\bpersonal rep(?:resentative)?s?\b|\bexecut(?:or|rix)s?\b|\badministrat(?:or|rix) of\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Greeting:
    """A salutation, and why it was chosen, for a person who looks it over."""

    text: str
    reason: str


def greeting(owner_name: str | None, order: NameFormat | None = None) -> str:
    """Return the salutation for an owner as a record writes the name: ``Hello John,`` when sure, else ``Hello,``."""
    return resolve(owner_name, order).text


def resolve(owner_name: str | None, order: NameFormat | None = None) -> Greeting:
    """Choose the salutation for `owner_name` and say why.

    Args:
        owner_name: As the record writes it.
        order: How its source writes names without a comma; None: nobody said.
    """
    name = text.header_line(owner_name or "")
    if not name:
        return Greeting("Hello,", "no owner name is known")
    found = owners.read(name, order)
    if not found.given:
        return Greeting("Hello,", found.doubt or "")
    short = text.shortened(name, _NAME_LIMIT)
    said = " and ".join(f"“{given}”" for given in found.given)
    verb = "is the given name" if len(found.given) == 1 else "are the given names"
    return Greeting(f"Hello {' and '.join(found.given)},", f"{said} {verb} in “{short}”")


def of_record(owner_name: str | None, record: Mapping[str, Any] | None) -> Greeting:
    """Choose the salutation for the owner of a stored property record, by the order of names that it declares."""
    owner = (record or {}).get("owner")
    declared = owner.get("name_format") if isinstance(owner, Mapping) else None
    return resolve(owner_name, name_format(declared))


def name_format(declared: object) -> NameFormat | None:
    """Return the order of names that a record declares, ``LF`` or ``FL``; anything else declares nothing."""
    word = declared.strip().upper() if isinstance(declared, str) else ""
    return NameFormat(word) if word in list(NameFormat) else None


def estate(owner_name: str | None) -> str | None:
    """Say that a record names an estate or heirs, so that a person must look before anybody is written to."""
    name = text.header_line(owner_name or "")
    if not name or not _ESTATE.search(name):
        return None
    short = text.shortened(name, _NAME_LIMIT)
    return f"{ESTATE}“{short}” names an estate or heirs, so somebody may have died lately; look, and then release it"


def display_name(owner_name: str | None) -> str | None:
    """Return the owner's name for a To header: as recorded, without characters that structure a header (RFC 5322 §3.2).

    At most 100 characters; None when nothing is left.
    """
    name = text.header_line(_STRUCTURES_HEADERS.sub(" ", owner_name or ""))
    return text.shortened(text.one_line(name), _NAME_LIMIT) or None
