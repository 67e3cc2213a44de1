"""Bare ``outreach``: how things stand, and what one would likely do next."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator import errors
from orchestrator.cli import session
from orchestrator.cli.options import DEFAULT_TENANT
from orchestrator.cli.output import Output
from orchestrator.cli.version import version
from orchestrator.repository import OutreachRepository


def show() -> None:
    """Write the state to standard output; never fails for what it finds."""
    lines = [f"outreach {version()}"]
    next_commands = ["outreach demo", "outreach import FILE", "outreach --help"]
    try:
        configured = session.load_settings()
        with session.opened_repository(configured) as repository:
            lines.append(f"  database   {_database(repository)}")
            if _exists(repository):
                tenant = os.environ.get("OUTREACH_TENANT") or DEFAULT_TENANT
                counts = _statistics(tenant)
                told = " · ".join(f"{count} {status}" for status, count in counts.items())
                lines.append(f"  campaigns  {told or f'none yet of tenant {tenant}'}")
                if counts:
                    next_commands[:2] = ["outreach stats", "outreach serve --with-worker"]
        lines.append(f"  SendGrid   {'key is set' if configured.sendgrid_api_key else 'no SENDGRID_API_KEY'}")
    except errors.OrchestratorError as error:
        lines += [f"  problem    {error}", f"           → {error.fix or 'outreach config show'}"]
        next_commands[:2] = ["outreach config show --sources", "outreach db upgrade"]
    output = Output()
    output.write("\n".join([*lines, "", "Next:", *(f"  {command}" for command in next_commands)]))


def _database(repository: OutreachRepository) -> str:
    address = repository.url.render_as_string(hide_password=True)
    return address if _exists(repository) else f"{address} (made at the first use)"


def _exists(repository: OutreachRepository) -> bool:
    """Whether looking into the database would not create it."""
    return repository.url.get_backend_name() != "sqlite" or Path(repository.url.database or "").is_file()


def _statistics(tenant: str) -> dict[str, int]:
    with session.opened() as orchestrator:
        return orchestrator.get_statistics(tenant)
