"""The work of ``template``, ``db`` and ``config``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr

from orchestrator import errors, settings
from orchestrator.cli import session
from orchestrator.cli.failures import ExitCode
from orchestrator.cli.output import Output
from orchestrator.rendering import Renderer
from orchestrator.repository import OutreachRepository, schema

_MASK = "********"


def eject_templates(directory: Path, force: bool, output: Output) -> None:
    """Copy the shipped templates. Raises `ConfigurationError` when they exist or the folder cannot be written."""
    try:
        written = Renderer().eject(directory, force)
    except OSError as problem:
        raise errors.ConfigurationError(
            f"{directory} cannot be written: {problem.strerror}.", fix="Choose another folder."
        ) from None
    if output.structured:
        output.document([str(path) for path in written])
    else:
        output.write("\n".join(map(str, written)))
    output.say(f"→ edit them, then: OUTREACH_TEMPLATE_DIR={directory} outreach template check")


def upgrade_database(output: Output) -> None:
    """Bring the database to the current schema. Raises `DatabaseUnreachable`, `SchemaOutOfDate`."""
    with session.opened_repository() as repository:
        before = repository.current_revision()
        after = repository.upgrade()
        _write_revision(output, repository, after)
    output.say("Nothing to do." if before == after else f"[green]✓[/] {before or 'empty'} → {after}")


def show_revision(output: Output) -> ExitCode:
    """Write the database's revision. Raises `DatabaseUnreachable`."""
    with session.opened_repository() as repository:
        revision = repository.current_revision()
        _write_revision(output, repository, revision)
    if revision == schema.HEAD:
        return ExitCode.OK
    output.say("[yellow]Not the schema of this version.[/] → outreach db upgrade")
    return ExitCode.CONFIGURATION


def adopt_database(output: Output) -> None:
    """Let the database send by itself from now on. Raises `DatabaseUnreachable`, `SchemaOutOfDate`."""
    with session.opened() as orchestrator:
        adopted = orchestrator.operations.adopt_database()
        told = {"database": _address(orchestrator.repository), "adopted": adopted}
    if output.structured:
        output.document(told)
    if adopted:
        output.say("[green]✓[/] Mail is sent from this database now.")
    else:
        output.say("This database was the one that sends already.")


def _write_revision(output: Output, repository: OutreachRepository, revision: str | None) -> None:
    told = {"database": _address(repository), "revision": revision, "head": schema.HEAD}
    if output.structured:
        output.document(told)
    else:
        output.rows("", tuple(told), [tuple(value or "none" for value in told.values())])


def _address(repository: OutreachRepository) -> str:
    return repository.url.render_as_string(hide_password=True)


def show_configuration(output: Output, *, sources: bool) -> None:
    """Write every setting. Raises `ConfigurationError` when one cannot be used."""
    rows = list(_settings())
    if output.structured:
        shown = {name: {"value": value, "source": source} if sources else value for name, value, source in rows}
        output.document(shown)
    elif sources:
        output.rows("Settings", ("setting", "value", "source"), rows)
    else:
        output.rows("Settings", ("setting", "value"), (row[:2] for row in rows))


def _settings() -> Iterator[tuple[str, Any, str]]:
    configured = session.load_settings()
    # As pydantic-settings reads them: case does not matter, and what is empty is not set.
    environment = {name.upper() for name, value in os.environ.items() if value}
    file = {name.upper() for name, value in dotenv_values(session.ENV_FILE).items() if value}
    for variable, field, _ in settings.variables():
        found = [(environment, "environment"), (file, str(session.ENV_FILE))]
        source = next((word for names, word in found if variable in names), "default")
        yield variable, _shown(field, getattr(configured, field)), source


def _shown(field: str, value: Any) -> Any:
    if field == "db_dsn":
        return _address(OutreachRepository(value.get_secret_value() if value else None))
    if isinstance(value, SecretStr):
        return _MASK
    return str(value) if isinstance(value, Path) else value
