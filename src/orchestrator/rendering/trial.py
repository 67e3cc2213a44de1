"""Templates that somebody typed into a page, tried out where they can do no harm.

Whoever may look at pages must not get to run code by it. So such templates run in Jinja's sandbox, which reaches
nothing but what a mail is made of, and in a process of their own without our environment, which ends when it takes
more than its share of time or memory: a loop in a template would else stop the service.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator import errors
from orchestrator.rendering import gate
from orchestrator.rendering.content import Branding, MailContent, RenderedMail
from orchestrator.rendering.renderer import TEMPLATES, Renderer

SECONDS = 20
_MEMORY = 1024 * 1024 * 1024
#: One at a time: trying out takes a core for half a second, and mails have to go out meanwhile.
_TURN = threading.BoundedSemaphore(1)
#: With those who wait for their turn: whoever edits a template that never ends asks again with each word, and every one
#: who waits keeps a thread from other pages.
_ROOM = threading.BoundedSemaphore(3)
_BUSY = "Other templates are being tried out. Try again in a moment."
_START = "from orchestrator.rendering import trial; trial.run()"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of it: the check's findings as `gate.Finding.as_json` writes them, and one mail.

    `mails` is how many mails the check made, `largest` the bytes of their largest HTML part. `mail` is None when the
    templates could not write it; `problem` says why, or what ended the trial.
    """

    findings: list[dict[str, Any]]
    mails: int = 0
    largest: int = 0
    mail: RenderedMail | None = None
    problem: str | None = None


def attempt(
    sources: Mapping[str, str],
    content: MailContent,
    *,
    template_dir: Path | None = None,
    own_domains: Iterable[str] = (),
    seconds: float = SECONDS,
) -> Trial:
    """Check templates and write one mail with them; nothing of it is kept.

    Args:
        sources: Texts of templates by their names, some of `TEMPLATES`; others are those in use.
        content: What the mail says.
        template_dir: The folder of own templates in use, where there is one.
        own_domains: Domains a template may link to by itself; empty: any.
        seconds: How long it may take.
    """
    if not _ROOM.acquire(blocking=False):
        return Trial([], problem=_BUSY)
    try:
        return _in_turn(sources, content, template_dir, list(own_domains), seconds)
    finally:
        _ROOM.release()


def _in_turn(
    sources: Mapping[str, str], content: MailContent, template_dir: Path | None, own_domains: list[str], seconds: float
) -> Trial:
    if not _TURN.acquire(timeout=seconds):
        return Trial([], problem=_BUSY)
    try:
        with tempfile.TemporaryDirectory(prefix="outreach-trial-") as folder:
            for name in TEMPLATES:
                if name in sources:
                    (Path(folder) / name).write_text(sources[name], encoding="utf-8", newline="")
            own = str(template_dir) if template_dir else None
            asked = {"folder": folder, "own": own, "domains": own_domains, "content": asdict(content)}
            return _asked(json.dumps(asked).encode(), seconds)
    finally:
        _TURN.release()


def _asked(question: bytes, seconds: float) -> Trial:
    known = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 -- our own interpreter, our own line
            [sys.executable, "-c", _START], input=question, capture_output=True, timeout=seconds, env=known, check=False
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return Trial(
            [], problem=f"The templates did not come to an end within {seconds:g} seconds: look at their loops."
        )
    except ValueError:
        return Trial([], problem="The templates took too much memory or time, and were stopped: look at their loops.")
    mail = RenderedMail(**answer["mail"]) if answer["mail"] else None
    return Trial(answer["findings"], answer["mails"], answer["largest"], mail, answer["problem"])


def run() -> None:
    """Answer the question on standard input: the whole work of the process that `attempt` starts."""
    question = json.loads(sys.stdin.buffer.read())
    _limit()
    print(json.dumps(_answer(question)))  # noqa: T201 -- the answer


def _limit() -> None:
    """Take less of the machine than whoever sends mail; where it cannot be limited, the time is."""
    with suppress(ImportError, OSError, AttributeError, ValueError):
        os.nice(10)
        limits = importlib.import_module("resource")
        limits.setrlimit(limits.RLIMIT_CPU, (SECONDS, SECONDS))
        limits.setrlimit(limits.RLIMIT_AS, (_MEMORY, _MEMORY))


def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    renderer = Renderer(Path(question["own"]) if question["own"] else None, tried=Path(question["folder"]))
    report = gate.check(renderer, own_domains=question["domains"])
    content: dict[str, Any] = {**question["content"], "branding": Branding(**question["content"]["branding"])}
    mail, problem = None, None
    try:
        mail = asdict(renderer.render(MailContent(**content)))
    except errors.TemplateError as error:
        problem = str(error).replace(f"{question['folder']}{os.sep}", "")
    findings = [finding.as_json() for finding in report.findings]
    return {
        "findings": findings,
        "mails": report.mails,
        "largest": report.largest,
        "mail": mail,
        "problem": problem,
    }
