"""Bringing a database to the current schema (Alembic). Alembic is a slow import, so only an upgrade pays for it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from orchestrator import errors
from orchestrator.repository import connections, jobs

MIGRATIONS = Path(__file__).parent / "migrations"
#: The revision this version of the code needs; a test compares it with the newest migration.
HEAD = "0005"
#: Any number will do, as long as every process of this product takes the same one.
ADVISORY_LOCK = 0x0_07E_AC4


def current(engine: sa.Engine) -> str | None:
    """Return the revision `engine`'s database is at, or None when it has no schema."""
    url = engine.url
    if url.get_backend_name() == "sqlite" and not connections.is_memory(url) and not Path(str(url.database)).exists():
        return None  # looking must not make a file
    with engine.connect() as connection:
        connection = connection.execution_options(reading=True)
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def upgrade(engine: sa.Engine, url: sa.URL) -> str:
    """Run the missing migrations, one process at a time, and return the new revision.

    Raises:
        SchemaOutOfDate: The database is at a revision this version does not know.
        ConfigurationError: The address names a file in a folder that is not there.
    """
    if url.get_backend_name() == "sqlite" and not connections.is_memory(url):
        _require_folder(Path(str(url.database)).absolute())
    with _alone(engine, url):
        _upgrade(engine, current(engine))
        if url.get_backend_name() == "postgresql":
            jobs.upgrade(engine)
    return HEAD


def _require_folder(file: Path) -> None:
    """Make the folder of the embedded database; any other has to be there, or a mistyped one would start anew."""
    if file == connections.embedded_path().absolute():
        file.parent.mkdir(parents=True, exist_ok=True)
    elif not file.parent.is_dir():
        raise errors.ConfigurationError(
            f"The database file {file} cannot be made: there is no folder {file.parent}.",
            fix="Correct the address (DB_DSN), or make the folder first.",
        )


def _upgrade(engine: sa.Engine, revision: str | None) -> None:
    if revision == HEAD:
        return
    if revision is not None and not list(MIGRATIONS.glob(f"versions/{revision}_*.py")):
        raise errors.SchemaOutOfDate(
            f"The database is at revision {revision}, which this version does not know.",
            fix="Install the version of the package that made it, or a newer one.",
        )
    _run(engine)


def _run(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextlib.contextmanager
def _alone(engine: sa.Engine, url: sa.URL) -> Iterator[None]:
    if url.get_backend_name() == "postgresql":
        with engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_lock(ADVISORY_LOCK)))
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(ADVISORY_LOCK)))
    elif connections.is_memory(url):
        yield
    else:
        with open(f"{url.database}.upgrade-lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
