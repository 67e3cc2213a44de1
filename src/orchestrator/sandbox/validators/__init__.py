"""Everything SendGrid checks before it takes a mail, and nothing more; all complaints are reported at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.sandbox.validators import content, people, settings, shape
from orchestrator.sandbox.validators.problem import BAD_REQUEST, JSON, Problem

RULES: tuple[Callable[[JSON], Iterator[Problem]], ...] = (
    people.personalizations,
    people.sender,
    people.reply_to,
    content.subject,
    content.parts,
    content.attachments,
    content.headers,
    content.arguments,
    content.categories,
    settings.groups,
    settings.routing,
    settings.switches,
)


def problems_of(payload: Any, now: int) -> list[Problem]:
    """Return every complaint about a decoded request; none means SendGrid takes it.

    Args:
        payload: The decoded JSON.
        now: Unix seconds, for scheduled times.
    """
    if not shape.decodes(payload):
        return [BAD_REQUEST]
    found = [problem for rule in RULES for problem in rule(payload)]
    found += content.send_at(payload, now)
    return found


__all__ = ["RULES", "Problem", "problems_of"]
