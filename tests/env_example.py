"""Writes `.env.example` from the settings: ``./dev run python -m tests.env_example > .env.example``."""

from __future__ import annotations

import sys

from orchestrator import settings

HEAD = """\
# Every setting of Outreach.Orchestrator, from its own list (`outreach config show` prints the values in use).
# All are optional: without any, the embedded SQLite database is used and mail can be sent only through the sandbox.
# Copy this file to .env, take the # away from what you set, and keep .env out of version control.
"""


def render() -> str:
    """Return the text of `.env.example`: one commented line per variable, its default when it has one."""
    parts = [HEAD]
    for variable, field, description in settings.variables():
        default = settings.Settings.model_fields[field].default
        parts.append(f"# {description}\n#{variable}={_written(default)}\n")
    return "\n".join(parts)


def _written(default: object) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


if __name__ == "__main__":
    sys.stdout.write(render())
