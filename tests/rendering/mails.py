"""Variations of the sample mail."""

from __future__ import annotations

import itertools
from copy import deepcopy
from dataclasses import replace
from typing import Any

from orchestrator.rendering import Branding, MailContent
from orchestrator.rendering.samples import BARE, FULL

LONG_WORD = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 3

LONG = replace(
    FULL,
    property_record={
        **FULL.property_record,
        "address": {
            "line1": f"1234567 {LONG_WORD} Boulevard",
            "line2": "Building 12, Apartment 1204B",
            "city": "Rancho Santa Margarita",
            "state": "CA",
            "zip": "92688-1234",
        },
        "attrs": {"beds": 12, "baths": 2.5, "sqft": 1234567, "year_built": 1954},
    },
    score_result={
        "score": 87.5,
        "reasons": [
            {"weight": -3, "direction": "negative", "note": "W" * 400},
            {"weight": 2, "direction": "positive", "note": "Rents nearby " + "rose and rose and " * 30},
            {"note": "Between two rivers"},
        ],
    },
    owner_name=LONG_WORD,
    branding=Branding(
        company_name="The Extraordinarily Long Property Investment Partnership of Southwestern Ohio",
        from_name="R. Sample",
        tagline=LONG_WORD,
        postal_address="200 Sample Avenue\nSuite 4\nDayton, OH 45402",
        logo_url="https://brand.sample.test/logo.png",
        color="#ffd400",
    ),
)


def with_address(line1: str, **more: Any) -> MailContent:
    """The full sample at another address."""
    return replace(FULL, property_record={**FULL.property_record, "address": {"line1": line1, **more}})


def with_attrs(**attrs: Any) -> MailContent:
    """The full sample with other attributes."""
    return replace(FULL, property_record={**FULL.property_record, "attrs": attrs})


def with_reasons(*reasons: Any, score: Any = 82) -> MailContent:
    """The full sample with other reasons."""
    return replace(FULL, score_result={"score": score, "reasons": list(reasons)})


def every_combination() -> list[tuple[str, MailContent]]:
    """The full sample with every combination of its optional parts left out, by name."""
    parts = ("line2", "attrs", "reasons", "owner", "postal", "company", "sender", "tagline", "logo", "zip")
    found = []
    for present in itertools.product((True, False), repeat=len(parts)):
        missing = {part for part, there in zip(parts, present, strict=True) if not there}
        found.append(("without " + ", ".join(sorted(missing)), _without(missing)))
    return found


def _without(missing: set[str]) -> MailContent:
    record, result = deepcopy(FULL.property_record), deepcopy(FULL.score_result)
    for key in missing & {"line2", "zip"}:
        del record["address"][key]
    if "attrs" in missing:
        del record["attrs"]
    if "reasons" in missing:
        del result["reasons"]
    branding = Branding(
        company_name=None if "company" in missing else "Sample Realty",
        from_name=None if "sender" in missing else "R. Sample",
        tagline=None if "tagline" in missing else "We buy small houses",
        postal_address=None if "postal" in missing else "200 Sample Avenue, Dayton, OH 45402",
        logo_url=None if "logo" in missing else "https://brand.sample.test/logo.png",
    )
    owner = None if "owner" in missing else FULL.owner_name
    return replace(FULL, property_record=record, score_result=result, owner_name=owner, branding=branding)


__all__ = ["BARE", "FULL", "LONG", "every_combination", "with_address", "with_attrs", "with_reasons"]
