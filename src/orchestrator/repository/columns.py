"""Column types that mean the same on both databases, and how constraints and names are made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Aware UTC datetimes: ``timestamptz`` on PostgreSQL; sortable UTC text on SQLite, which has no time type."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        # Not `process_result_value`: that is a second call for each of a dozen times per row, and most are NULL.
        return _from_text if dialect.name == "sqlite" else _in_utc


class _AsRead(UtcDateTime):
    cache_ok = True

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        return _from_text if dialect.name == "sqlite" else None


def as_read(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return `column` for reading many rows: as PostgreSQL's driver gives it, times in the connection's zone.

    Such times compare and are written like those in UTC. To turn a dozen of them for each row, most of them NULL, and
    to look at each id, costs more than reading the row.
    """
    if isinstance(column.type, UtcDateTime):
        return sa.type_coerce(column, _AsRead()).label(column.name)
    return sa.type_coerce(column, sa.String()).label(column.name) if isinstance(column.type, sa.Uuid) else column


def _from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def uuid_type() -> sa.types.TypeEngine[str]:
    """``uuid`` on PostgreSQL, readable 36-character text on SQLite; canonical text in Python."""
    return sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")  # type: ignore[return-value]


def json_type() -> sa.types.TypeEngine[Any]:
    """``jsonb`` on PostgreSQL, JSON text on SQLite; Python None is SQL NULL."""
    return sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def one_of(column: str, values: type[StrEnum], name: str) -> sa.CheckConstraint:
    """The schema refuses what the enum does not know."""
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(str(v)) for v in values)})", name=name)


def column_names(table: sa.Table) -> tuple[str, ...]:
    """Return the names of the table's columns as plain texts; SQLAlchemy's own are a subclass that JSON refuses."""
    return tuple(str(column.name) for column in table.columns)
