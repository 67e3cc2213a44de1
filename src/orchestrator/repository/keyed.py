"""Questions about hundreds of rows known by their keys, put together once and asked thousands of times."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.repository.wire import ArrayType

Query = sa.Select[*tuple[Any, ...]]


class Keyed(NamedTuple):
    """One question, as each database is asked it; its parameters are ``tenant_id`` and ``keys``."""

    postgresql: Query
    sqlite: Query


def keyed(query: Query, tenant_id: sa.Column[Any], key: sa.Column[Any], *, lock: bool = False) -> Keyed:
    """Return the question for the rows of one tenant whose `key` is any of some.

    PostgreSQL looks each key up by itself, in the order given, whatever its planner knows of the table: of a young one
    it knows nothing, and would read all of it.

    Args:
        query: What is asked of one table, of columns `as_read`.
        tenant_id: The tenant's column.
        key: A column that, with the tenant's, has an index.
        lock: Whether PostgreSQL locks each row as it finds it, so in the order of the keys.
    """
    query = query.where(tenant_id == sa.bindparam("tenant_id", type_=tenant_id.type))
    keys = sa.func.unnest(sa.bindparam("keys", type_=ArrayType(key.type))).table_valued("key", name="keys")
    keys = keys.render_derived()
    each = query.where(key == keys.c.key).correlate(keys).offset(sa.literal_column("0"))  # a border for the planner
    found = (each.with_for_update() if lock else each).lateral("found")
    listed = sa.func.json_each(sa.bindparam("keys", type_=sa.Text)).table_valued("value")
    return Keyed(
        sa.select(*found.c).select_from(keys).join(found, sa.true()),
        query.where(key.in_(sa.select(sa.cast(listed.c.value, key.type)))),
    )
