"""Owners who are made up, as many as somebody wants, so that figures and charts have something to show."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from orchestrator.cli.demo.mailbox import SIMULATED_HOST
from orchestrator.orchestrator import OutreachOrchestrator
from orchestrator.sandbox import OwnerModel, Sandbox

_FIRST = ("Alex", "Blair", "Casey", "Dana", "Ellis", "Frankie", "Gale", "Harper", "Jamie", "Kerry", "Lee", "Morgan")
_LAST = ("Sample", "Template", "Mockup", "Specimen", "Example", "Placeholder", "Fixture", "Model")
_STREETS = ("Sample Lane", "Specimen Street", "Mockup Drive", "Example Court", "Template Terrace", "Fixture Road")
_PLACES = (("Dayton", "OH", "45402"), ("Tampa", "FL", "33607"), ("Tulsa", "OK", "74103"), ("Reno", "NV", "89501"))
_SPACE = uuid.UUID("5b0f6f7c-6a55-4c39-9b8e-1f2b2d8f9a10")


def write(product: OutreachOrchestrator, sandbox: Sandbox, tenant: str, owners: int, seed: int) -> int:
    """Write to so many made-up owners, who will answer by realistic rates; return how many are new.

    Args:
        product: Writes to them.
        sandbox: Where they live; from now on its owners answer.
        tenant: In whose name.
        owners: How many.
        seed: Decides who they are, and so what each of them does.
    """
    sandbox.config = replace(sandbox.config, owners=OwnerModel.realistic())
    results = product.create_campaigns(tenant, _items(owners, seed))
    return sum(result.created for result in results)


def _items(owners: int, seed: int) -> Iterator[dict[str, Any]]:
    dice = random.Random(seed)  # noqa: S311 -- the same owners for the same seed
    for number in range(1, owners + 1):
        city, state, code = dice.choice(_PLACES)
        record = {
            "id": str(uuid.uuid5(_SPACE, f"{seed}/{number}")),
            "owner": {
                "name": f"{dice.choice(_FIRST)} {dice.choice(_LAST)}",
                "email": f"owner-{seed}-{number}@{SIMULATED_HOST}",
            },
            "address": {"line1": f"{number} {dice.choice(_STREETS)}", "city": city, "state": state, "zip": code},
        }
        reasons = [{"feature": "rents", "weight": 0.4, "direction": "positive", "note": "Rents nearby rose in a year"}]
        yield {
            "property_record": record,
            "score_result": {"score": dice.randint(40, 98), "reasons": reasons},
            "memo_url": f"https://memos.example.test/simulated-{seed}-{number}.pdf",
            "batch": f"simulated-{seed}",
        }
