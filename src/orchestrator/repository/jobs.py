"""Where Procrastinate keeps its jobs in our PostgreSQL: a schema of its own, and a bell that anybody may ring.

A job carries no ids and means "look at the queue now". The queue itself is a column of the campaigns, so a job that is
lost, late or doubled changes when a mail goes out and never whether.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import exc

log = structlog.get_logger(__name__)

#: Apart from our tables, so that an installation which uses Procrastinate itself keeps its own.
SCHEMA = "outreach_jobs"
QUEUE = "outreach"
DISPATCH = "outreach.dispatch"

# Procrastinate's own versioned function, so that its tables may change. Who finds a job waiting adds none: a worker
# that takes it looks at the queue afterwards, and that is after the commit this call tells of.
_BELL = f"""
CREATE OR REPLACE FUNCTION {SCHEMA}.ring() RETURNS void LANGUAGE plpgsql SET search_path = {SCHEMA}, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = '{DISPATCH}' AND status = 'todo') THEN
        PERFORM procrastinate_defer_jobs_v1(ARRAY[
            ROW('{QUEUE}', '{DISPATCH}', 0, NULL, '{DISPATCH}', '{{}}', NULL)::procrastinate_job_to_defer_v1
        ]);
    END IF;
EXCEPTION WHEN unique_violation THEN
    NULL;  -- somebody rang at the same moment
END $$
"""


def upgrade(engine: sa.Engine) -> None:
    """Bring Procrastinate's tables to what the installed version needs; the caller lets one process in at a time.

    Without the right to create a schema nothing is done: workers then find what is due by looking once a second.
    """
    from procrastinate.schema import SchemaManager

    wanted = newest()
    with engine.begin() as connection:
        found = _version(connection)
        if found == wanted:
            return
        if found is None:
            if not connection.execute(sa.text("SELECT has_database_privilege(current_database(), 'CREATE')")).scalar():
                log.warning("no right to create the schema for jobs: workers will poll", action="jobs.no_schema")
                return
            connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
            scripts = [SchemaManager.get_schema()]
        else:
            scripts = [path.read_text("utf-8") for path in _migrations() if path.stem > found]
        driver: Any = connection.connection.driver_connection
        # Procrastinate writes its names without a schema. As text, without parameters, a script may be many statements.
        connection.execute(sa.text(f"SET LOCAL search_path TO {SCHEMA}"))
        for script in scripts:
            driver.execute(script)
        driver.execute(_BELL)
        driver.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{wanted}'")


def _migrations() -> list[Path]:
    from procrastinate.schema import SchemaManager

    return sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"), key=lambda path: path.stem)


def _version(connection: sa.Connection) -> str | None:
    """Return the newest migration that was applied; it is kept as the schema's comment."""
    return connection.execute(
        sa.text("SELECT obj_description(to_regnamespace(:schema)::oid, 'pg_namespace')"), {"schema": SCHEMA}
    ).scalar()


def conninfo(engine: sa.Engine) -> str:
    """Return the address of `engine`'s database for libpq, with Procrastinate's tables first to be found."""
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import Conninfo

    _, parameters = engine.dialect.create_connect_args(engine.url)
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}  # the rest is for the driver
    kept = {name: value for name, value in parameters.items() if name in known}
    return make_conninfo(**kept | {"options": f"{kept.get('options', '')} -csearch_path={SCHEMA}".strip()})


def current(engine: sa.Engine) -> str | None:
    """Return Procrastinate's newest migration that was applied, or None when it has no tables here."""
    with engine.connect() as connection:
        return _version(connection)


def newest() -> str:
    """Return the migration that the installed version of Procrastinate needs."""
    return _migrations()[-1].stem


class Bell:
    """Wakes workers on every machine; used after the commit of what is newly due.

    Args:
        engine: PostgreSQL.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._broken = False

    def ring(self) -> None:
        """Leave a job, unless one is waiting. What goes wrong is logged and harmless: workers also look by themselves.

        It is not part of the transaction that made something due: writers would queue for the one job that may wait.
        """
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text(f"SELECT {SCHEMA}.ring()"))
        except exc.SQLAlchemyError as error:
            tell = log.debug if self._broken else log.warning
            tell("no job could be left, workers will look by themselves", action="jobs.unheard", error=str(error))
            self._broken = True
        else:
            self._broken = False
