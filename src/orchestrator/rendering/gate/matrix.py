"""The mails a check makes: all kinds of owner, building, reasons, address and sender, in every combination or few."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from orchestrator.rendering import samples
from orchestrator.rendering.content import Branding, MailContent

_LONG_NAME = "Featherstonehaugh-Cholmondeley Wolfeschlegelsteinhausenbergerdorff the Younger"
_POSTAL = "200 Sample Avenue, Suite 4, Dayton, OH 45402"
_NOTES = (
    ("Rents nearby rose 4% in the year to October", 0.34),
    ("New roof in 2021, by the city permit", 0.21),
    ("No plumbing permit on record since 1987", -0.17),
)


class _Owner(NamedTuple):
    name: str | None
    greeting: str


class _Sender(NamedTuple):
    branding: Branding
    memo_url: str = samples.FULL.memo_url
    unsubscribe_url: str = samples.FULL.unsubscribe_url


OWNERS: dict[str, _Owner] = {
    "person": _Owner("SAMPLE, JANE A", "Hello Jane,"),
    "no name": _Owner(None, "Hello,"),
    "company": _Owner("MAPLE STREET HOLDINGS LLC", "Hello,"),
    "couple": _Owner("SAMPLE, JOHN & MARY", "Hello John and Mary,"),
    "trust": _Owner("THE JANE A SAMPLE REVOCABLE LIVING TRUST, DATED 3 MAY 1998", "Hello,"),
    "long name": _Owner(_LONG_NAME.upper(), "Hello Featherstonehaugh-Cholmondeley,"),
    "accents": _Owner("Ñandú-Łukasiewicz, Zoë", "Hello Zoë,"),
    "right to left": _Owner("عبد الرحمن بن سليمان", "Hello,"),
    "markup": _Owner("O'Neil <b>& Sons</b>", "Hello,"),
}
BUILDINGS: dict[str, dict[str, Any]] = {
    "all known": {"beds": 3, "baths": 2, "sqft": 1480, "year_built": 1954},
    "nothing known": {},
    "huge": {"beds": 1200, "baths": 1350.5, "sqft": 98765432, "year_built": 1801},
    "odd": {"beds": 0, "baths": "1.0", "sqft": "", "year_built": "unknown", "pool": None},
}
REASONS: dict[str, dict[str, Any]] = {
    "three reasons": {
        "score": 82,
        "reasons": [{"feature": f"f{n}", "note": note, "weight": weight} for n, (note, weight) in enumerate(_NOTES)],
    },
    "no reasons": {"score": 0, "reasons": []},
    "one reason": {"score": 100, "reasons": [{"note": "The lot can be divided", "direction": "neither"}]},
    "twelve reasons": {
        "score": 66.6,
        "reasons": [{"note": f"Fact number {n} from the county file", "weight": (n - 6) / 10} for n in range(12)],
    },
    "long notes": {
        "score": 7,
        "reasons": [{"note": "Assessed and assessed again " * 15, "weight": -1}, {"note": "W" * 200, "weight": 0.5}],
    },
    "no notes": {
        "score": 50,
        "reasons": [{"feature": "school_rating", "weight": 0.1}, {"note": "شارع هادئ", "weight": 0.3}],
    },
}
ADDRESSES: dict[str, dict[str, Any]] = {
    "whole address": samples.FULL.property_record["address"],
    "no ZIP": {"line1": "9 Lot Road", "city": "Troy", "state": "OH"},
    "street only": {"line1": "Rural Route 2"},
    "long street": {
        "line1": "1234567 Northwestern Martin Luther King Junior Memorial Boulevard",
        "line2": "Building 12, Apartment 1204B",
        "city": "Rancho Santa Margarita",
        "state": "CA",
        "zip": "92688-1234",
    },
    "accents": {"line1": "12 Calle Peñón de los Baños", "city": "Cañon City", "state": "CO", "zip": "81212"},
    "capitals": {"line1": "77 SOUTH MAIN STREET", "city": "DAYTON", "state": "OH", "zip": "45402"},
}
SENDERS: dict[str, _Sender] = {
    "whole sender": _Sender(samples.FULL.branding),
    "company only": _Sender(Branding(company_name="Sample Realty", postal_address=_POSTAL)),
    "sender only": _Sender(Branding(from_name="R. Sample", postal_address=_POSTAL.replace(", ", "\n", 1))),
    "logo": _Sender(
        replace(samples.FULL.branding, logo_url="https://brand.sample.test/logo.png", color="#ffd400"),
        memo_url="https://store.sample.test/memo.PDF?X-Amz-Signature=" + "ab" * 60 + "&X-Amz-Expires=600",
    ),
    "long sender": _Sender(
        Branding(
            company_name="The Extraordinarily Long Property Investment Partnership of Southwestern Ohio",
            from_name=_LONG_NAME,
            tagline=_LONG_NAME * 3,
            postal_address=_POSTAL,
            logo_url="https://brand.sample.test/logo.png",
        ),
        memo_url="https://memo.sample.test/9",
    ),
    "no web address": _Sender(
        samples.FULL.branding, unsubscribe_url="mailto:stop@sample.test?subject=unsubscribe%20SAMPLE"
    ),
}
_DIMENSIONS = (OWNERS, BUILDINGS, REASONS, ADDRESSES, SENDERS)


def every_mail() -> Iterator[tuple[str, MailContent]]:
    """Yield every combination, with its name."""
    for names in itertools.product(*_DIMENSIONS):
        yield ", ".join(names), combined(*names)


def representatives() -> list[tuple[str, MailContent]]:
    """Return some dozens of mails in which every value of a dimension meets every value of every other."""
    return [(", ".join(names), combined(*names)) for names in _pairs()]


def combined(owner: str, building: str, reasons: str, address: str, sender: str) -> MailContent:
    """Return the mail made of these values, each by its name in `OWNERS`, `BUILDINGS` and so on."""
    person, writer = OWNERS[owner], SENDERS[sender]
    return replace(
        samples.FULL,
        property_record={
            "id": samples.FULL.property_record["id"],
            "owner": {"name": person.name, "email": "owner@sample.test"},
            "address": ADDRESSES[address],
            "attrs": BUILDINGS[building],
        },
        score_result=REASONS[reasons],
        memo_url=writer.memo_url,
        greeting=person.greeting,
        owner_name=person.name,
        unsubscribe_url=writer.unsubscribe_url,
        branding=writer.branding,
    )


@cache
def _pairs() -> tuple[tuple[str, ...], ...]:
    """Choose combinations until every pair of values is in one, greedily (pairwise testing)."""
    places = list(itertools.combinations(range(len(_DIMENSIONS)), 2))
    open_pairs = {(i, a, j, b) for i, j in places for a, b in itertools.product(_DIMENSIONS[i], _DIMENSIONS[j])}
    chosen: list[tuple[str, ...]] = []
    while open_pairs:
        i, a, j, b = min(open_pairs)
        names: list[str | None] = [None] * len(_DIMENSIONS)
        names[i], names[j] = a, b
        for place, dimension in enumerate(_DIMENSIONS):
            if names[place] is None:
                names[place] = max(dimension, key=lambda value, at=place: len(_covered(names, at, value) & open_pairs))
        combination = tuple(name or "" for name in names)
        open_pairs -= {(i, combination[i], j, combination[j]) for i, j in places}
        chosen.append(combination)
    return tuple(chosen)


def _covered(names: list[str | None], at: int, value: str) -> set[tuple[int, str, int, str]]:
    """The pairs that `value` in place `at` makes with what is chosen already."""
    others = [(place, name) for place, name in enumerate(names) if name is not None and place != at]
    return {(*sorted(((at, value), other))[0], *sorted(((at, value), other))[1]) for other in others}
