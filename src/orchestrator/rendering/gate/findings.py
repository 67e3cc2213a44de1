"""What the rules hand to the gate, and what the gate hands to its callers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.rendering.gate.rules import Rule


class Part(StrEnum):
    """Where in a mail something is."""

    SUBJECT = "subject"
    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Flaw:
    """What a rule found in one mail.

    `about` tells two flaws of one rule apart; `near` are words that stand at the place, `line` is its line in the part
    (0: not known). Words in single quotes in `message` are what the caret is put under.
    """

    rule: str
    part: Part
    message: str
    about: str = ""
    near: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a template.

    `template` is its path, or ``subject``; `line` counts from 1, None where it is not known; `mail` is the name of the
    first mail it was found in, `mails` how many it was found in.
    """

    rule: Rule
    template: str
    line: int | None
    message: str
    excerpt: str
    mail: str
    mails: int

    def __str__(self) -> str:
        place = self.template if self.line is None else f"{self.template}:{self.line}"
        return f"{place}: {self.rule.severity} {self.rule.id}: {self.message}\n{self.excerpt}".rstrip()

    def as_json(self) -> dict[str, Any]:
        """Return the finding as one JSON object."""
        return {
            "rule": self.rule.id,
            "severity": self.rule.severity.value,
            "template": self.template,
            "line": self.line,
            "message": self.message,
            "why": self.rule.why,
            "excerpt": self.excerpt,
            "mail": self.mail,
            "mails": self.mails,
        }
