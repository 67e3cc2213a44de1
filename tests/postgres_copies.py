"""Databases for one test after the other: copies of a template that are emptied, and not made anew, in between."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import psycopg

from tests.postgres import PostgresServer


class Copies:
    """Copies of a template, used one after the other by whoever has one at a time.

    A copy is 200 files. So one that was given back is emptied and used again, which takes a tenth of the time, unless
    anything but rows has changed in it: then it is thrown away.

    Args:
        server: Where they are.
        template: What they are copies of; nobody may be connected to it.
    """

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[tuple[str, str]] = []
        self._used: dict[str, str] = {}

    def take(self) -> str:
        """Return the name of a copy that is as the template is."""
        if self._free:
            name, state = self._free.pop()
        else:
            name = self._server.create_database(self._template)
            with self._connected(name) as connection:
                state = _state_of(connection)
        self._used[name] = state
        return name

    def give_back(self, name: str) -> None:
        """Take `name` back; whoever is still connected to it is thrown out."""
        before = self._used.pop(name)
        try:
            with self._connected(name) as connection:
                connection.execute(_THROW_OUT)
                if _state_of(connection) == before:
                    connection.execute(_EMPTY)
                    connection.execute("SELECT pg_stat_reset()")  # deadlocks are counted for each database
                    self._free.append((name, _state_of(connection)))
                    return
        except psycopg.OperationalError:  # nobody may connect any more, or somebody does not let go
            pass
        self._server.drop_database(name)

    def _connected(self, name: str) -> AbstractContextManager[psycopg.Connection[Any]]:
        return psycopg.connect(self._server.dsn(name), autocommit=True)


_THROW_OUT = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

#: Rows of what was there before the first use, for tables that the migrations fill; and everything that is no row.
_STATE = """
SELECT md5(string_agg(told, '|' ORDER BY told)) FROM (
    SELECT concat('relation ', oid, ' ', xmin) FROM pg_class WHERE oid >= 16384
    UNION ALL SELECT concat('column ', attrelid, ' ', attnum, ' ', xmin) FROM pg_attribute WHERE attrelid >= 16384
    UNION ALL SELECT concat('default ', oid, ' ', xmin) FROM pg_attrdef
    UNION ALL SELECT concat('constraint ', oid, ' ', xmin) FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT concat('index ', indexrelid, ' ', xmin) FROM pg_index WHERE indexrelid >= 16384
    UNION ALL SELECT concat('trigger ', oid, ' ', xmin) FROM pg_trigger
    UNION ALL SELECT concat('rule ', oid, ' ', xmin) FROM pg_rewrite WHERE oid >= 16384
    UNION ALL SELECT concat('policy ', oid, ' ', xmin) FROM pg_policy
    UNION ALL SELECT concat('type ', oid, ' ', xmin) FROM pg_type WHERE oid >= 16384
    UNION ALL SELECT concat('function ', oid, ' ', xmin) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT concat('schema ', oid, ' ', xmin) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT concat('extension ', oid, ' ', xmin) FROM pg_extension
    UNION ALL SELECT concat('setting ', setdatabase, ' ', setrole, ' ', xmin) FROM pg_db_role_setting
    UNION ALL SELECT concat('database ', xmin) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT concat('planned ', starelid, ' ', staattnum) FROM pg_statistic WHERE starelid >= 16384
    UNION ALL SELECT concat('estimate ', oid) FROM pg_class WHERE oid >= 16384 AND relkind = 'r' AND reltuples > 1
    UNION ALL SELECT concat('version ', version_num) FROM alembic_version
) AS states(told)
"""

#: Deletes, because the files of a table that is truncated are made anew; but what is large would stay large.
_EMPTY = """
DO $$
DECLARE
    one record;
BEGIN
    SET LOCAL session_replication_role = replica;
    SET LOCAL lock_timeout = '5s';
    FOR one IN
        SELECT oid::regclass AS place, pg_relation_size(oid) AS size FROM pg_class
        WHERE relkind = 'r' AND oid >= 16384 AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
    LOOP
        IF one.size > 131072 THEN
            EXECUTE format('TRUNCATE %s CASCADE', one.place);
        ELSE
            EXECUTE format('DELETE FROM %s', one.place);
        END IF;
    END LOOP;
    FOR one IN
        SELECT format('%I.%I', schemaname, sequencename)::regclass AS place, start_value FROM pg_sequences
        WHERE last_value IS NOT NULL
    LOOP
        PERFORM setval(one.place, one.start_value, false);
    END LOOP;
END
$$
"""


def _state_of(connection: psycopg.Connection[Any]) -> str:
    """Return one word for everything in a database that is no row of its tables, and for what the planner knows."""
    row = connection.execute(_STATE).fetchone()
    assert row is not None
    return str(row[0])
