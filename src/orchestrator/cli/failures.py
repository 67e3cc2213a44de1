"""How the command line fails: one table of exit codes, and what is written where."""

from __future__ import annotations

import json
import os
import sys
from enum import IntEnum
from typing import Any

from orchestrator import errors


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    CONFIGURATION = 3
    NOT_FOUND = 4
    CONFLICT = 5
    PARTIAL = 6
    PROVIDER = 7
    NEEDS_A_PERSON = 8
    CHECKS_FAILED = 9
    INTERRUPTED = 130
    TERMINATED = 143


#: For ``--help`` and the docs.
MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "ok",
    ExitCode.UNEXPECTED: "unexpected error",
    ExitCode.USAGE: "wrong usage or input",
    ExitCode.CONFIGURATION: "configuration or environment",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.CONFLICT: "does not fit the present state",
    ExitCode.PARTIAL: "partial success, some rows were rejected",
    ExitCode.PROVIDER: "provider or network, safe to retry",
    ExitCode.NEEDS_A_PERSON: "a person has to decide something",
    ExitCode.CHECKS_FAILED: "checks failed",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "terminated",
}


class PublishingFailed(errors.OrchestratorError):
    """An event could not be published."""

    fix = "It and those after it are still in the outbox: remove the cause, and run the same command again."


class InputUnreadable(errors.ValidationError):
    """What was given cannot be used as it is."""


#: The nearest class in an error's ancestry decides.
EXIT_CODES: dict[type[BaseException], ExitCode] = {
    BaseException: ExitCode.UNEXPECTED,
    errors.ConfigurationError: ExitCode.CONFIGURATION,
    errors.ValidationError: ExitCode.USAGE,
    errors.CampaignNotFound: ExitCode.NOT_FOUND,
    errors.AttemptNotFound: ExitCode.NOT_FOUND,
    errors.ReplyNotFound: ExitCode.NOT_FOUND,
    errors.BatchNotFound: ExitCode.NOT_FOUND,
    errors.InvalidState: ExitCode.CONFLICT,
    errors.ProviderUnreachable: ExitCode.PROVIDER,
    errors.TemplateError: ExitCode.CHECKS_FAILED,
    errors.SendRejected: ExitCode.CONFLICT,
    errors.NotSent: ExitCode.PROVIDER,
    errors.AccountPaused: ExitCode.CONFLICT,
    errors.SendInDoubt: ExitCode.PROVIDER,
    PublishingFailed: ExitCode.PROVIDER,
}


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code of an error."""
    return next(EXIT_CODES[base] for base in type(error).__mro__ if base in EXIT_CODES)


def report(error: Exception, *, as_json: bool) -> ExitCode:
    """Write `error` to standard error, for a person or as a problem document, and return the exit code.

    An error that is not ours is a defect of the program; its traceback is shown when ``OUTREACH_DEBUG`` is 1.
    """
    debugging = os.environ.get("OUTREACH_DEBUG") == "1"
    if debugging:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    ours = isinstance(error, errors.OrchestratorError)
    code = exit_code_of(error)
    kind = error.code if ours else "unexpected"
    detail = str(error) if ours else f"Unexpected {type(error).__name__}: {error}"
    fix = error.fix if ours else None if debugging else "Set OUTREACH_DEBUG=1 and run it again to see the traceback."
    if as_json:
        title = (type(error).__doc__ or kind).strip().splitlines()[0].rstrip(".") if ours else "Unexpected error"
        print(json.dumps(_problem(kind, title, detail, fix, code), ensure_ascii=False), file=sys.stderr)  # noqa: T201
    else:
        from orchestrator.cli.output import person

        person().print(f"[bold red]Error:[/] {_escaped(detail)}", soft_wrap=True)
        if fix:
            person().print(f"[bold]→[/] {_escaped(fix)}", soft_wrap=True)
    return code


def _problem(kind: str, title: str, detail: str, fix: str | None, code: ExitCode) -> dict[str, Any]:
    """RFC 9457's members, with ours: ``fix`` and ``exit_code`` in the place of an HTTP status."""
    return {"type": f"/errors/{kind}", "title": title, "detail": detail, "fix": fix, "exit_code": int(code)}


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
