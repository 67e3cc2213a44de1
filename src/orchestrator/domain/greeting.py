"""How a mail greets an owner whose name comes from public records.

Records write ``SMITH JOHN A``, ``SMITH JOHN & MARY``, ``SMITH FAMILY REV TR``, and no rule tells the given name in all
of them. A wrong first name costs more than none, so the greeting is ``Hello,`` unless the name leaves no doubt.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from orchestrator.domain import names, text

_SEVERAL = re.compile(
    r"&|\+|;|/|%|\band\b|\bor\b|\bet\s?(?:al|ux|vir)\b|\bh/?w\b|\bjt(?:rs|wros)?\b|\bjoint\b|\btenants\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")
_ORGANISATION_WORD = re.compile(r"[a-z/]+")
_INITIALS = re.compile(r"\b(?:[a-z]\.){2,}")
_STRUCTURES_HEADERS = re.compile(r"""[",;:<>()\[\]@\\]+""")
_BELIEVED_AFTER_COMMA = names.GIVEN | names.GIVEN_OR_OTHER
_NO_SURNAMES = names.SUFFIXES | names.SECOND_HALVES | names.PLACES
_NAME_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Greeting:
    """A salutation, and why it was chosen, for a person who looks it over."""

    text: str
    reason: str


def greeting(owner_name: str | None) -> str:
    """Return the salutation for an owner as a record writes the name: ``Hello John,`` when sure, else ``Hello,``."""
    return resolve(owner_name).text


def resolve(owner_name: str | None) -> Greeting:
    """Choose the salutation for `owner_name` and say why.

    The given name is used in two cases only: after the comma of ``SMITH, JOHN A``, and in front of a name written
    like ``Sarah Jones`` when that word is a common given name and neither a surname nor a place.
    """
    name = text.header_line(owner_name or "")
    if not name:
        return Greeting("Hello,", "no owner name is known")
    doubt = _doubt(name)
    if doubt:
        return Greeting("Hello,", doubt)
    surname, comma, rest = name.partition(",")
    given = _given_after_comma(rest) if comma else _given_in_front(surname)
    if given is None:
        return Greeting("Hello,", "the record does not say which part is the given name")
    return Greeting(f"Hello {given},", f"“{given}” is the given name in “{text.shortened(name, _NAME_LIMIT)}”")


def display_name(owner_name: str | None) -> str | None:
    """Return the owner's name for a To header: as recorded, without characters that structure a header (RFC 5322 §3.2).

    At most 100 characters; None when nothing is left.
    """
    name = text.header_line(_STRUCTURES_HEADERS.sub(" ", owner_name or ""))
    return text.shortened(text.one_line(name), _NAME_LIMIT) or None


def _doubt(name: str) -> str | None:
    """Why a name is not, or not surely, that of one person."""
    folded = name.casefold()
    words = {word.strip(".,'") for word in folded.split()}.union(_ORGANISATION_WORD.findall(folded))
    if not words.isdisjoint(names.NO_PERSON) or _INITIALS.search(folded):
        return "the owner looks like an organisation, a trust or an estate"
    if _SEVERAL.search(name):
        return "the record names more than one owner"
    if not all(_WORD.fullmatch(word) for word in name.replace(",", " ").split()):
        return "the name holds digits or signs no name has"
    return None


def _given_after_comma(rest: str) -> str | None:
    """``JOHN A`` of ``SMITH, JOHN A``; a second comma may only bring ``JR`` and the like."""
    first, _, more = rest.partition(",")
    if more and _folded(more) not in names.SUFFIXES:
        return None
    words = [word for word in first.split() if _folded(word) not in names.SUFFIXES]
    if not words or _folded(words[0]) not in _BELIEVED_AFTER_COMMA:
        return None
    if len(words) > 1 and _folded(words[1]) in names.SECOND_HALVES:
        return None
    return _cased(words[0]) if len(words) <= 3 else None


def _given_in_front(name: str) -> str | None:
    """``Sarah`` of ``Sarah Jones`` or ``Sarah A. Jones``; never of a name in capitals, which may be surname first."""
    words = name.split()
    if len(words) == 3 and len(words[1].rstrip(".")) == 1:
        del words[1]
    if len(words) != 2 or any(not word[:1].isupper() or word.isupper() for word in words):
        return None
    given, surname = words
    known = _folded(given) in names.GIVEN and _folded(surname) not in _NO_SURNAMES
    return given if known and len(surname.rstrip(".")) > 1 else None


def _folded(word: str) -> str:
    """``JOSÉ.`` as ``jose``."""
    plain = word.strip(" .")
    if plain.isascii():
        return plain.lower()
    plain = unicodedata.normalize("NFKD", plain)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def _cased(word: str) -> str:
    return word.capitalize() if word.isupper() or word.islower() else word
