"""What all tables are declared with."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


def partial(
    name: str, where: sa.ColumnElement[bool] | sa.TextClause, *columns: sa.Column[Any], unique: bool = False
) -> None:
    """Declare an index of those rows only that fulfil `where`; on most rows it costs nothing."""
    sa.Index(name, *columns, unique=unique, postgresql_where=where, sqlite_where=where)
