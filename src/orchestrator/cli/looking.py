"""The work of ``dashboard password``."""

from __future__ import annotations

import getpass
import sys

from orchestrator import errors
from orchestrator.cli.output import Output
from orchestrator.dashboard import passwords


def password(output: Output) -> None:
    """Write the hash of a password. Raises `ValidationError` when it is too short, or was typed differently twice."""
    hashed = passwords.hashed(_typed())
    name = "OUTREACH_DASHBOARD_PASSWORD_HASH"
    if output.structured:
        output.document({name: hashed})
        return
    output.write(hashed)
    output.say(f"Put this line into {name}, in single quotes, and start the service again.")


def _typed() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != typed:
        raise errors.ValidationError("password", "was typed differently the second time", fix="Try again.")
    return typed
