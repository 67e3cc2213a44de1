"""What tells one database from its copy."""

from __future__ import annotations

import os
from collections.abc import Mapping

import sqlalchemy as sa

from orchestrator.repository.engine import Transaction

#: A database and its tables have ids that a dump does not carry: what is restored from one gets new ones.
_IDS = sa.text("""
    SELECT (SELECT oid FROM pg_database WHERE datname = current_database()),
           to_regclass('outreach_messages')::oid,
           has_function_privilege('pg_control_system()', 'execute')""")
#: Made by initdb, once per cluster; a copy by files, or a standby that took over, keeps it.
_SYSTEM = sa.text("SELECT system_identifier FROM pg_control_system()")


def read(tx: Transaction) -> dict[str, str] | None:
    """Return what identifies the database of `tx`, as far as it lets itself be asked; None for one in memory.

    PostgreSQL: the cluster's system identifier, unless it is not for this user to see, and the object ids of the
    database and of the ledger's table. SQLite: the file's real path and its inode. (Not its device: that
    gets another number when the machine or the container starts again.)
    """
    if tx.dialect.is_postgresql:
        database, table, may_ask = tx.execute(_IDS).one()
        found = {"database": str(database), "ledger": str(table)}
        return found | ({"system": str(tx.execute(_SYSTEM).scalar_one())} if may_ask else {})
    path = tx.execute(sa.text("PRAGMA database_list")).first()[2]  # type: ignore[index]  # there always is a main one
    if not path:
        return None
    return {"path": os.path.realpath(path), "inode": str(os.stat(path).st_ino)}


def differs(known: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return the names of what both tell, and tell differently."""
    return sorted(name for name in known.keys() & found.keys() if known[name] != found[name])
