"""What somebody types to find campaigns: ``status:bounced owner:@gmail.com batch:"spring sale" maple``.

In quotes a quote is written twice, as spreadsheets do: ``batch:"the ""big"" one"``; `quoted` writes it so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from orchestrator.domain import text
from orchestrator.domain.campaign import OutreachStatus

#: Longer input is cut: nobody types it, and a search is not a place to keep things.
LONGEST = 400
#: Words looked for in an owner's name, address and street, at most.
MOST_WORDS = 6

_WORD = re.compile(r'(?:([A-Za-z]+):)?(?:"((?:[^"]|"")*)"(?!\S)|(\S+))')
#: How far a campaign has come, as figures count it.
STAGES = ("sent", "delivered", "engaged", "opened", "clicked", "answered", "bounced")
_CONDITIONS = ("held", "due", "doubt", "machine", *STAGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which campaigns are meant: those that fulfil all that is not None or empty."""

    status: OutreachStatus | None = None
    batch: str | None = None
    #: A whole address, or a domain when it begins with ``@``.
    owner: str | None = None
    campaign_id: str | None = None
    #: Of the property's address: two letters, mostly.
    state: str | None = None
    #: Some of held, due, doubt, machine, and `STAGES`.
    conditions: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    #: What could not be understood, in words for whoever typed it.
    problems: tuple[str, ...] = ()

    @property
    def scans(self) -> bool:
        """Whether campaigns have to be looked at one by one, because no index knows what is looked for."""
        pinned = self.campaign_id is not None or (self.owner is not None and not self.owner.startswith("@"))
        return not pinned and bool(
            self.words or self.owner or self.state or {"due", "machine", *STAGES} & set(self.conditions)
        )


def parse(typed: str) -> Search:
    """Read what was typed; never raises. What it cannot use it names in ``problems`` and leaves out."""
    search, line = Search(), text.one_line(text.storable(typed))
    if len(line) > LONGEST:
        search = _problem(search, f"Only the first {LONGEST} characters are read.")
    for key, quotes, bare in _WORD.findall(line[:LONGEST]):
        value, name = quotes.replace('""', '"') or bare, key.lower()
        if not key:
            search = _with_word(search, value) if value else search
        elif name in _QUALIFIERS:
            search = _QUALIFIERS[name](search, value)
        else:
            known = ", ".join(f"{name}:" for name in _QUALIFIERS)
            search = _problem(search, f"“{key}:” is not known here. There are {known}.")
    return search


def quoted(value: str) -> str:
    """Return `value` as it must be typed behind a qualifier to be read as one."""
    return '"' + value.replace('"', '""') + '"'


def _with_word(search: Search, value: str) -> Search:
    if _UUID.fullmatch(value):
        return _only(search, "campaign_id", "id:", value.lower())
    if len(search.words) == MOST_WORDS:
        return _problem(search, f"Only the first {MOST_WORDS} words are looked for.")
    return replace(search, words=(*search.words, value))


def _status(search: Search, value: str) -> Search:
    if value.lower() not in list(OutreachStatus):
        return _problem(search, f"No campaign is ever “{value}”. Statuses are {', '.join(OutreachStatus)}.")
    return _only(search, "status", "status:", OutreachStatus(value.lower()))


def _batch(search: Search, value: str) -> Search:
    return _only(search, "batch", "batch:", value) if value else _problem(search, "Name the batch: batch:spring.")


def _owner(search: Search, value: str) -> Search:
    if "@" not in value:
        return _problem(search, f"“{value}” is no address. Write owner:name@example.com or owner:@example.com.")
    return _only(search, "owner", "owner:", value.lower())


def _state(search: Search, value: str) -> Search:
    return _only(search, "state", "state:", value.upper()) if value else _problem(search, "Name the state: state:TX.")


def _condition(search: Search, value: str) -> Search:
    if value.lower() not in _CONDITIONS:
        return _problem(search, f"is:{value} is not known. There are {', '.join(f'is:{c}' for c in _CONDITIONS)}.")
    return replace(search, conditions=tuple(dict.fromkeys((*search.conditions, value.lower()))))


def _id(search: Search, value: str) -> Search:
    if not _UUID.fullmatch(value):
        return _problem(search, f"“{value}” is no campaign id: it has 36 characters, like those in the address bar.")
    return _only(search, "campaign_id", "id:", value.lower())


def _only(search: Search, field: str, qualifier: str, value: str) -> Search:
    """Set what a campaign has one of: asked for two at once, there would be none to find."""
    if getattr(search, field) not in (None, value):
        return _problem(search, f"{qualifier} can be said once; the first is looked for.")
    return replace(search, **{field: value})


def _problem(search: Search, words: str) -> Search:
    return search if words in search.problems else replace(search, problems=(*search.problems, words))


_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_QUALIFIERS = {
    "status": _status,
    "batch": _batch,
    "owner": _owner,
    "state": _state,
    "is": _condition,
    "id": _id,
}
