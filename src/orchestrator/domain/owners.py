"""Who a public record says the owner is: the given names of one person or of two, or why nobody can tell.

Records write ``SMITH JOHN A``, ``SMITH, JOHN & MARY``, ``SMITH FAMILY REV TR``, and no rule tells the given name in all
of them. A wrong first name costs more than none, so whatever leaves a doubt is left alone. Every step is linear.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain import names


class NameFormat(StrEnum):
    """The order in which a source writes names without a comma."""

    LAST_FIRST = "LF"
    FIRST_LAST = "FL"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: one given name, or two, as they are written in a greeting; or none and the doubt."""

    given: tuple[str, ...]
    doubt: str | None = None


#: Characters; no record of two people is longer, and it keeps every pattern here fast.
_LONGEST = 200
_UNSURE = "the record does not say which part is the given name"
_SEVERAL = "the record names more than one owner, and not both by given names that are sure"
_BELIEVED = names.GIVEN | names.GIVEN_OR_OTHER
_NEVER_LAST = _BELIEVED | names.SECOND_HALVES | names.PLACES
_INITIALS = re.compile(r"\b(?:[a-z]\.){2,}")
_ORGANISATION_WORD = re.compile(r"[a-z/]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")
#: What stands between two owners. ET UX is "and wife", ET VIR "and husband".
_BETWEEN = re.compile(r"\s*(?:&|\+|;|\s/\s|\band\b|\bet\s?(?:ux|vir)\b)\s*", re.IGNORECASE)
_OTHERS = re.compile(r"%|\bor\b|\bet\s?al\b|\band others\b", re.IGNORECASE)
#: How two own together, at the end.
_TOGETHER = re.compile(
    r"[\s,]+(?:h/?w|h\s?&\s?w|jt(?:rs|wros)?|jt ten|ten com|tbe|t/e|wros|joint tenants?|comm(?:unity)? prop(?:erty)?"
    r"|husband (?:and|&) wife|wife (?:and|&) husband|tenants by (?:the )?entiret(?:y|ies))\Z",
    re.IGNORECASE,
)


def read(name: str, order: NameFormat | None = None) -> Reading:
    """Read the owner's name, on one line, as a record writes it.

    Args:
        name: The name; not empty.
        order: How its source writes names without a comma; None: nobody said.
    """
    if len(name) > _LONGEST:
        return Reading((), "the name is too long to be one")
    if _is_organisation(name):
        return Reading((), "the owner looks like an organisation, a trust or an estate")
    if _OTHERS.search(name):
        return Reading((), _SEVERAL)
    alone = _TOGETHER.sub("", name)
    people = _BETWEEN.split(alone)
    if not all(_WORD.fullmatch(word) for person in people for word in person.replace(",", " ").split()):
        return Reading((), "the name holds digits or signs no name has")
    if len(people) == 1 and alone == name:
        given = _one(people[0], order)
        return Reading((given,)) if given else Reading((), _UNSURE)
    couple = _two(people[0], people[1], order) if len(people) == 2 else None
    return Reading(couple) if couple else Reading((), _SEVERAL)


def _is_organisation(name: str) -> bool:
    folded = name.casefold()
    words = {word.strip(".,'") for word in folded.split()}.union(_ORGANISATION_WORD.findall(folded))
    return not words.isdisjoint(names.NO_PERSON) or _INITIALS.search(folded) is not None


def _one(person: str, order: NameFormat | None) -> str | None:
    """Return the given name of one person, written in full."""
    surname, comma, rest = person.partition(",")
    if comma:
        return _after_comma(rest) if surname.strip() else None
    found = _in_order(person, order) if order else _in_front(person) or _by_lists(person)
    return _cased(found[0]) if found else None


def _two(first: str, second: str, order: NameFormat | None) -> tuple[str, str] | None:
    """Return the given names of a couple, when both are sure and differ."""
    surname, comma, rest = first.partition(",")
    if comma:
        one = _after_comma(rest)
    elif len(_without_initials(first)) == 1:  # ``JOHN & MARY SMITH``
        (only,) = _without_initials(first)
        believed = _BELIEVED if order else names.GIVEN
        one = _cased(only) if _folded(only) in believed and order is not NameFormat.LAST_FIRST else None
        surname = ""
    else:
        found = _in_order(first, order) if order else _in_front(first) or _by_lists(first)
        one, surname = (_cased(found[0]), found[1]) if found else (None, "")
    other = _partner(second, surname, order, _BELIEVED if comma or order else names.GIVEN) if one else None
    return (one, other) if one and other and _folded(one) != _folded(other) else None


def _partner(person: str, surname: str, order: NameFormat | None, believed: frozenset[str]) -> str | None:
    """Return the given name of the second one of a couple, who need not bear the surname again."""
    words = _without_initials(person.replace(",", " ")) if "," not in person else []
    rest = [word for word in words if _folded(word) != _folded(surname)]
    if len(rest) == 1 and surname:
        return _cased(rest[0]) if _folded(rest[0]) in believed else None
    return _one(person, order)


def _after_comma(rest: str) -> str | None:
    """``JOHN`` of ``SMITH, JOHN A``; a second comma may only bring ``JR`` and the like."""
    first, _, more = rest.partition(",")
    if more and _folded(more) not in names.SUFFIXES:
        return None
    words = [word for word in first.split() if _folded(word) not in names.SUFFIXES]
    if not words or _folded(words[0]) not in _BELIEVED:
        return None
    if len(words) > 1 and _folded(words[1]) in names.SECOND_HALVES:
        return None
    return _cased(words[0]) if len(words) <= 3 else None


def _in_front(name: str) -> tuple[str, str] | None:
    """``Sarah`` of ``Sarah Jones`` or ``Sarah A. Jones``; never of a name in capitals, which may be surname first."""
    words = name.split()
    if len(words) == 3 and len(words[1].rstrip(".")) == 1:
        del words[1]
    if len(words) != 2 or any(not word[:1].isupper() or word.isupper() for word in words):
        return None
    given, surname = words
    known = _folded(given) in names.GIVEN and _folded(surname) not in names.SUFFIXES | names.SECOND_HALVES
    return (given, surname) if known and _folded(surname) not in names.PLACES and len(surname.rstrip(".")) > 1 else None


def _in_order(name: str, order: NameFormat) -> tuple[str, str] | None:
    """(given name, surname) where the source's order is known."""
    words = _units(name)
    if len(words) < 2 or any(_is_initial(word) for word in words[:2][: 2 if order is NameFormat.LAST_FIRST else 1]):
        return None
    plain = [word for word in words if not _is_initial(word)]
    if not 2 <= len(plain) <= 3:
        return None
    given, surname = (plain[1], plain[0]) if order is NameFormat.LAST_FIRST else (plain[0], plain[-1])
    middle = plain[2] if order is NameFormat.LAST_FIRST and len(plain) == 3 else plain[1] if len(plain) == 3 else ""
    if _folded(given) not in _BELIEVED or _folded(middle) in names.SECOND_HALVES:
        return None
    return given, surname


def _by_lists(name: str) -> tuple[str, str] | None:
    """(given name, surname) in either order, where only one of the words can be the given name.

    ``SMITH JOHN A`` and ``JOHN A SMITH``; with a second given name, the first of the two. A word that is on no list
    is taken for a surname only beside one that is hardly ever anything but a given name.
    """
    words = _units(name)
    plain = [word for word in words if not _is_initial(word)]
    if not 2 <= len(plain) <= 3:
        return None
    front = _fit(plain[0], plain[-1])
    given, surname = (plain[0], plain[-1]) if front else (plain[1], plain[0])
    middle = plain[1] if front else plain[-1]
    if not (front or _fit(given, surname)):
        return None
    if len(plain) == 3 and (_folded(middle) not in _BELIEVED or _folded(middle) in names.SECOND_HALVES):
        return None
    before = words[: words.index(given)]
    return None if any(_is_initial(word) for word in before) else (given, surname)


def _fit(given: str, surname: str) -> bool:
    """Tell whether two words can be read as a given name and a surname, and not the other way round."""
    first, last = _folded(given), _folded(surname)
    if last in names.SURNAMES:
        return first in _BELIEVED and first not in names.SURNAMES
    if first not in names.GIVEN or last in names.FRONTS:
        return False
    if last.startswith(names.CLAN):
        return True
    return last.rpartition(" ")[2] not in _NEVER_LAST


def _units(name: str) -> list[str]:
    """Split a name into words without suffixes, the parts of a surname like VAN DER BERG as one."""
    units: list[str] = []
    open_ = False
    for word in name.split():
        folded = _folded(word)
        if folded in names.SUFFIXES and units:
            continue
        if open_:
            units[-1] += f" {word}"
        else:
            units.append(word)
        open_ = folded in names.PREFIXES
    return units


def _without_initials(person: str) -> list[str]:
    return [word for word in _units(person) if not _is_initial(word)]


def _is_initial(word: str) -> bool:
    return len(word.rstrip(".")) == 1


def _folded(word: str) -> str:
    """``JOSÉ.`` as ``jose``."""
    plain = word.strip(" .")
    if plain.isascii():
        return plain.lower()
    plain = unicodedata.normalize("NFKD", plain)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def _cased(word: str) -> str:
    return word.capitalize() if word.isupper() or word.islower() else word
