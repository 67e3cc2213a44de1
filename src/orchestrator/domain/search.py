"""What somebody types to find campaigns: ``status:bounced owner:@gmail.com batch:spring maple``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from orchestrator.domain import text
from orchestrator.domain.campaign import OutreachStatus

#: Longer input is cut: nobody types it, and a search is not a place to keep things.
LONGEST = 400
#: Words looked for in an owner's name, address and street, at most.
MOST_WORDS = 6

_WORD = re.compile(r'(?:([a-z]+):)?(?:"([^"]*)"|(\S+))')
_CONDITIONS = ("held", "due", "doubt", "machine", "answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which campaigns are meant: those that fulfil all that is not None or empty."""

    status: OutreachStatus | None = None
    batch: str | None = None
    #: A whole address, or a domain when it begins with ``@``.
    owner: str | None = None
    campaign_id: str | None = None
    #: Some of held, due, doubt, machine, answered.
    conditions: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    #: What could not be understood, in words for whoever typed it.
    problems: tuple[str, ...] = ()

    @property
    def scans(self) -> bool:
        """Whether campaigns have to be looked at one by one, because no index knows what is looked for."""
        pinned = self.campaign_id is not None or (self.owner is not None and not self.owner.startswith("@"))
        return not pinned and bool(self.words or self.owner or {"due", "machine", "answered"} & set(self.conditions))


def parse(typed: str) -> Search:
    """Read what was typed; never raises. What it cannot use it names in ``problems`` and leaves out."""
    search = Search()
    for key, quoted, bare in _WORD.findall(text.one_line(text.storable(typed))[:LONGEST]):
        value = quoted or bare
        if not key:
            search = _with_word(search, value)
        elif key in _QUALIFIERS:
            search = _QUALIFIERS[key](search, value)
        else:
            known = ", ".join(f"{name}:" for name in _QUALIFIERS)
            search = _problem(search, f"“{key}:” is not known here. There are {known}.")
    return search


def _with_word(search: Search, value: str) -> Search:
    if _UUID.fullmatch(value):
        return replace(search, campaign_id=value.lower())
    if len(search.words) == MOST_WORDS:
        return _problem(search, f"Only the first {MOST_WORDS} words are looked for.")
    return replace(search, words=(*search.words, value))


def _status(search: Search, value: str) -> Search:
    if value.lower() not in list(OutreachStatus):
        return _problem(search, f"No campaign is ever “{value}”. Statuses are {', '.join(OutreachStatus)}.")
    return replace(search, status=OutreachStatus(value.lower()))


def _owner(search: Search, value: str) -> Search:
    if "@" not in value:
        return _problem(search, f"“{value}” is no address. Write owner:name@example.com or owner:@example.com.")
    return replace(search, owner=value.lower())


def _condition(search: Search, value: str) -> Search:
    if value.lower() not in _CONDITIONS:
        return _problem(search, f"is:{value} is not known. There are {', '.join(f'is:{c}' for c in _CONDITIONS)}.")
    return replace(search, conditions=tuple(dict.fromkeys((*search.conditions, value.lower()))))


def _id(search: Search, value: str) -> Search:
    if not _UUID.fullmatch(value):
        return _problem(search, f"“{value}” is no campaign id: it has 36 characters, like those in the address bar.")
    return replace(search, campaign_id=value.lower())


def _problem(search: Search, words: str) -> Search:
    return search if words in search.problems else replace(search, problems=(*search.problems, words))


_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_QUALIFIERS = {
    "status": _status,
    "batch": lambda search, value: replace(search, batch=value),
    "owner": _owner,
    "is": _condition,
    "id": _id,
}
