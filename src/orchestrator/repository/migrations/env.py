"""Alembic's entry: migrations run on the connection that `schema.upgrade` hands over, in one transaction."""

from __future__ import annotations

from alembic import context

from orchestrator.repository import tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=tables.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
