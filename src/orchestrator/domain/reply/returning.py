"""The day on which an absent person says to be back, in the languages that such notes mostly come in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from orchestrator.domain.reply.folding import fold

MAX_ABSENCE = timedelta(days=400)
WINDOW = 45  #: characters behind a word like "until" in which the day must begin

_MONTHS = (
    "january jan januar janner janvier janv enero ene janeiro gennaio gen januari stycznia",
    "february feb februar fevrier fevr febrero fevereiro fev febbraio februari lutego",
    "march mar mars marz maerz marzo marco maart mrt marts marca",
    "april apr avril avr abril abr aprile kwietnia",
    "may mai mayo maio maggio mag mei maj maja",
    "june jun juni juin junio junho giugno giu czerwca",
    "july jul juli juillet juil julio julho luglio lug lipca",
    "august aug aout agosto ago augustus augusti sierpnia",
    "september sept sep septembre septiembre setembro set settembre wrzesnia",
    "october oct oktober okt octobre octubre outubro out ottobre ott pazdziernika",
    "november nov novembre noviembre novembro listopada",
    "december dec dezember dez decembre diciembre dic dezembro dicembre grudnia",
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMES = "|".join(sorted(_MONTH, key=len, reverse=True))

#: In front of the day on which somebody is back, in English, where 3/4 is the fourth of March.
_BACK = r"until|till|back|return\w*|resum\w+|available|reachable"
#: The same in languages that write the day first.
_BACK_ELSEWHERE = (
    r"ab(?: dem)?|wieder|zuruck|a partir d[ue]l?|de retour|reviens|regres\w+|vuelvo|de vuelta|retorn\w+|volt\w+"
    r"|rientr\w+|di ritorno|a partire dal|terug|weer|vanaf|tillbaka|ater|tilbage|tilbake|wrac\w+|wroc\w+"
)
#: In front of the last day of an absence.
_THROUGH = r"through|thru"
_THROUGH_ELSEWHERE = (
    r"bis|jusqu'(?:au?|en)|hasta|ate|fino al?|tot(?: en met)?|t/m|t\.o\.m|till och med|til og med|do(?: dnia)?"
)
_CUE = re.compile(
    rf"\b(?:(?P<through>{_THROUGH})|(?P<last>{_THROUGH_ELSEWHERE})|(?P<back>{_BACK})|(?P<elsewhere>{_BACK_ELSEWHERE}))\b"
)
_ISO = re.compile(r"\b(20\d\d)-(\d\d?)-(\d\d?)\b")
_NUMBERS = re.compile(r"\b(\d\d?)([/.-])(\d\d?)(?:[/.-](20\d\d|\d\d)\b)?")
_MONTH_FIRST = re.compile(rf"\b({_NAMES})\.? (\d\d?)(?:st|nd|rd|th)?\b(?:,? (20\d\d))?")
_DAY_FIRST = re.compile(rf"\b(\d\d?)(?:st|nd|rd|th|er|\.|o)?(?: of| den?)? ({_NAMES})\b\.?(?:,? (?:de )?(20\d\d))?")
_WEEKDAY = re.compile(rf"\b({'|'.join(_WEEKDAYS)})\b")
_EAST_ASIAN = re.compile(
    r"(?:(20\d\d)\s?年\s?)?(\d{1,2})\s?月\s?(\d{1,2})\s?日[^\n。,，]{0,12}?(まで|為止|为止|止|返回|回来|回來|出社|復帰)"
)


def returns_on(text: str, written: datetime | None) -> date | None:
    """Return the day from which the writer of an out-of-office note is back; None when the text does not tell.

    "Until Monday" means Monday; "through Friday", and the words of other languages that count the day in, mean the next
    day.

    Args:
        text: Subject and text of the note.
        written: When it was written: a day without a year is the next one after that. Without it the text tells
            nothing.
    """
    if written is None:
        return None
    today = written.date()
    folded = fold(text)
    found = [day for cue in _CUE.finditer(folded) if (day := _after(cue, folded, today))]
    found += [day for match in _EAST_ASIAN.finditer(folded) if (day := _east_asian(match, today))]
    sensible = [day for day in found if today <= day <= today + MAX_ABSENCE]
    return max(sensible, default=None)


def _after(cue: re.Match[str], folded: str, today: date) -> date | None:
    window = folded[cue.end() : cue.end() + WINDOW].partition("\n\n")[0]
    month_first = bool(cue["back"] or cue["through"])
    readers: tuple[Callable[[], tuple[int, date | None] | None], ...] = (
        lambda: _iso(window),
        lambda: _named(window, today),
        lambda: _numbers(window, today, month_first=month_first),
    )
    first = min((read for reader in readers if (read := reader())), default=None, key=lambda read: read[0])
    day = first[1] if first else _weekday(window, today)
    return day + timedelta(days=1) if day and (cue["through"] or cue["last"]) else day


def _iso(window: str) -> tuple[int, date | None] | None:
    found = _ISO.search(window)
    return (found.start(), _day(int(found[1]), int(found[2]), int(found[3]))) if found else None


def _named(window: str, today: date) -> tuple[int, date | None] | None:
    first, last = _MONTH_FIRST.search(window), _DAY_FIRST.search(window)
    if last and (not first or last.start() < first.start()):
        return last.start(), _coming(_MONTH[last[2]], int(last[1]), last[3], today)
    return (first.start(), _coming(_MONTH[first[1]], int(first[2]), first[3], today)) if first else None


def _numbers(window: str, today: date, *, month_first: bool) -> tuple[int, date | None] | None:
    found = _NUMBERS.search(window)
    if not found:
        return None
    one, other = int(found[1]), int(found[3])
    if month_first and found[2] != "." and one <= 12:
        month, day = one, other
    else:
        month, day = other, one
    return found.start(), _coming(month, day, found[4], today)


def _weekday(window: str, today: date) -> date | None:
    found = _WEEKDAY.search(window)
    return today + timedelta(days=(_WEEKDAYS.index(found[1]) - today.weekday()) % 7 or 7) if found else None


def _east_asian(match: re.Match[str], today: date) -> date | None:
    day = _coming(int(match[2]), int(match[3]), match[1], today)
    return day + timedelta(days=1) if day and match[4] in ("まで", "為止", "为止", "止") else day


def _coming(month: int, day: int, year: str | None, today: date) -> date | None:
    """The day in `year`, or the next of that name."""
    if year:
        return _day(int(year) + (2000 if len(year) == 2 else 0), month, day)
    this = _day(today.year, month, day)
    return this if this is None or this >= today else _day(today.year + 1, month, day)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
