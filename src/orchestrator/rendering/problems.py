"""What is wrong with a template, said with file, line and the offending words."""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2

from orchestrator import errors

_QUOTED = re.compile(r"'([^']+)'")
_FIX = "Correct the template, then run `outreach template check`; `outreach template eject DIR` writes a fresh copy."


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a template; `str()` shows it with its line and a caret."""

    template: str
    line: int | None
    message: str
    excerpt: str = ""

    def __str__(self) -> str:
        place = self.template if self.line is None else f"{self.template}:{self.line}"
        return f"{place}: {self.message}\n{self.excerpt}".rstrip()

    def as_error(self) -> errors.TemplateError:
        """Return the error that stops a mail from being sent with this template."""
        return errors.TemplateError(str(self), template=self.template, line=self.line, fix=_FIX)


def of_exception(error: Exception, template: str, known: Iterable[str] = ()) -> Problem:
    """Describe an exception raised while a template was loaded or rendered.

    Args:
        error: Anything Jinja, or an expression in the template, raised.
        template: Path of the template that was asked for.
        known: Names of the variables a template may use, for a suggestion.
    """
    if isinstance(error, jinja2.TemplateSyntaxError):
        path = error.filename if error.filename and Path(error.filename).is_file() else template
        return located(path, error.lineno, error.message or "syntax error")
    if isinstance(error, jinja2.TemplateNotFound):
        return located(*_place(error, template), f"the template '{error.name}' does not exist")
    if isinstance(error, UnicodeDecodeError):
        return Problem(template, None, f"is not UTF-8 text: {error}")
    if isinstance(error, jinja2.UndefinedError):
        return located(*_place(error, template), f"{error.message}{_suggestion(str(error.message), known)}")
    return located(*_place(error, template), f"{type(error).__name__}: {error}")


def unknown_variable(template: str, line: int, name: str, known: Iterable[str]) -> Problem:
    """Describe a variable that no mail has."""
    message = f"'{name}' is not a variable of this mail"
    return located(template, line, message + _suggestion(message, known))


def located(template: str, line: int | None, message: str) -> Problem:
    """Build a problem with the source line and a caret under the word the message quotes."""
    try:
        lines = Path(template).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return Problem(template, line, message)
    if line is None or not 0 < line <= len(lines):
        return Problem(template, line, message)
    source = lines[line - 1].expandtabs()
    columns = [source.find(word) for word in reversed(_QUOTED.findall(message)) if word in source]
    column = columns[0] if columns else len(source) - len(source.lstrip())
    start = max(0, column - 60)
    number = f"{line:>5} | "
    return Problem(
        template, line, message, f"{number}{source[start : start + 100]}\n{' ' * (len(number) + column - start)}^"
    )


def _place(error: Exception, template: str) -> tuple[str, int | None]:
    """File and line inside a template where `error` was raised; Jinja maps its frames back to the source."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.endswith(".py") and Path(frame.filename).is_file():
            return frame.filename, frame.lineno
    return template, None


def _suggestion(message: str, known: Iterable[str]) -> str:
    close = [m for word in _QUOTED.findall(message) for m in difflib.get_close_matches(word, list(known), 1, 0.6)]
    return f"; did you mean '{close[0]}'?" if close else ""
