"""Checks templates by making mails with them and applying every rule to each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import errors
from orchestrator.rendering.gate import links, markup, matrix, parts, places, wording
from orchestrator.rendering.gate.findings import Finding, Flaw, Part
from orchestrator.rendering.gate.mail import Mail
from orchestrator.rendering.gate.rules import RULES, Severity
from orchestrator.rendering.problems import Problem
from orchestrator.rendering.renderer import HTML, TEXT, Renderer

_FILES = {Part.HTML: HTML, Part.TEXT: TEXT}


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, failures first.

    `mails` is how many mails were made, `largest` the bytes of their largest HTML part.
    """

    findings: list[Finding]
    mails: int
    largest: int

    @property
    def ok(self) -> bool:
        """Whether nothing fails; warnings do not."""
        return not any(finding.rule.severity is Severity.FAIL for finding in self.findings)


@dataclass(slots=True)
class _Found:
    """One flaw at one place: the first mail it was found in, and how many there are."""

    flaw: Flaw
    path: Path | None
    line: int | None
    mail: str
    mails: int = 0


class _Book:
    """Keeps what is found, every flaw once for each place in the templates."""

    def __init__(self, renderer: Renderer) -> None:
        self._sources = {part: places.Source(places.files_of(renderer, name)) for part, name in _FILES.items()}
        self._flaws: dict[tuple, _Found] = {}
        self._broken: dict[str, tuple[errors.TemplateError, str, int]] = {}

    def note(self, mail: Mail, flaws: Iterable[Flaw]) -> None:
        """Take down the flaws of one mail."""
        seen = set()
        for flaw in flaws:
            path, line = self._place(mail, flaw)
            key = (flaw.rule, flaw.part, path, line, flaw.about)
            found = self._flaws.setdefault(key, _Found(flaw, path, line, mail.name))
            found.mails += key not in seen
            seen.add(key)

    def note_broken(self, error: errors.TemplateError, mail: str) -> None:
        """Take down that a mail could not be made."""
        _, first, mails = self._broken.get(str(error), (error, mail, 0))
        self._broken[str(error)] = (error, first, mails + 1)

    def findings(self) -> list[Finding]:
        """Return everything, failures first, by file and line."""
        found = [_of_error(*each) for each in self._broken.values()]
        found += [_of_flaw(each) for each in self._flaws.values()]
        return sorted(found, key=lambda each: (each.rule.severity is Severity.WARN, each.template, each.line or 0))

    def _place(self, mail: Mail, flaw: Flaw) -> tuple[Path | None, int | None]:
        if flaw.part not in self._sources:
            return None, None
        part = mail.rendered.text if flaw.part is Part.TEXT else mail.rendered.html
        return self._sources[flaw.part].find(flaw.near, part.split("\n")[flaw.line - 1] if flaw.line else "")


def examine(mail: Mail, own_domains: frozenset[str] = frozenset()) -> Iterator[Flaw]:
    """Yield everything that is wrong with one mail.

    Args:
        mail: The mail.
        own_domains: Domains a template may link to by itself; empty: any.
    """
    yield from markup.flaws(mail)
    yield from parts.flaws(mail)
    yield from links.flaws(mail, own_domains)
    yield from wording.flaws(mail)


def check(renderer: Renderer, *, full: bool = False, own_domains: Iterable[str] = ()) -> Report:
    """Check the templates a renderer uses.

    Args:
        renderer: Its templates are read anew when it is new.
        full: Make a mail for every combination of owner, building, reasons, address and sender (thousands, well under
            a minute) instead of some two dozen that hold every value of each at least once.
        own_domains: Domains a template may link to by itself; empty: any.

    Returns:
        What was found; templates that cannot be read are findings, too.
    """
    problems = renderer.check()
    if problems:
        return Report([_of_problem(problem) for problem in problems], 0, 0)
    book, domains, largest, count = _Book(renderer), frozenset(own_domains), 0, 0
    for name, content in matrix.every_mail() if full else matrix.representatives():
        count += 1
        try:
            mail = Mail(name, content, renderer.render(content))
        except errors.TemplateError as error:
            book.note_broken(error, name)
            continue
        largest = max(largest, len(mail.rendered.html.encode()))
        book.note(mail, examine(mail, domains))
    return Report(book.findings(), count, largest)


def _of_problem(problem: Problem) -> Finding:
    return Finding(
        rule=RULES["template"],
        template=problem.template,
        line=problem.line,
        message=problem.message,
        excerpt=problem.excerpt,
        mail="",
        mails=0,
    )


def _of_error(error: errors.TemplateError, mail: str, mails: int) -> Finding:
    template, line = str(error.template), error.line
    head, _, excerpt = str(error).partition("\n")
    message = head.removeprefix(f"{template}:{line}: ").removeprefix(f"{template}: ")
    return Finding(
        rule=RULES["template"], template=template, line=line, message=message, excerpt=excerpt, mail=mail, mails=mails
    )


def _of_flaw(found: _Found) -> Finding:
    flaw, path, line = found.flaw, found.path, found.line
    return Finding(
        rule=RULES[flaw.rule],
        template=str(path or flaw.part.value),
        line=line,
        message=flaw.message,
        excerpt=places.excerpt(path, line, flaw.message) if path else "",
        mail=found.mail,
        mails=found.mails,
    )
