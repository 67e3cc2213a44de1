"""The database as its own driver shows it, without the product's repository."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
#: The times of a campaign that facts leave behind.
STAMPS = (
    "sent_at", "delivered_at", "opened_at", "machine_opened_at", "clicked_at", "responded_at", "bounced_at",
    "unsubscribed_at", "complained_at", "failed_at",
)  # fmt: skip


class Rows:
    """Reads tables of the database at `dsn`, and changes them where a test needs to."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.is_postgresql = dsn.startswith("postgresql")

    def select(self, query: str, *parameters: Any) -> list[Row]:
        """Run a query that has ``?`` for its parameters; ids are text, times aware, JSON read."""
        if self.is_postgresql:
            with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
                return [_plain(row, None) for row in connection.execute(query.replace("?", "%s"), parameters)]
        connection = sqlite3.connect(self.dsn.removeprefix("sqlite:///"))
        connection.row_factory = sqlite3.Row
        try:
            return [_plain(dict(row), _JSON) for row in connection.execute(query, parameters)]
        finally:
            connection.close()

    def execute(self, statement: str) -> None:
        """Run and commit one statement."""
        if self.is_postgresql:
            with psycopg.connect(self.dsn, autocommit=True) as connection:
                connection.execute(statement.encode())
            return
        connection = sqlite3.connect(self.dsn.removeprefix("sqlite:///"))
        try:
            connection.executescript(statement)
        finally:
            connection.close()

    def campaigns(self, tenant_id: str) -> dict[str, Row]:
        """The tenant's campaigns by id."""
        return {
            row["id"]: row for row in self.select("SELECT * FROM outreach_campaigns WHERE tenant_id = ?", tenant_id)
        }

    def reported(self, tenant_id: str) -> list[Row]:
        """The tenant's events that SendGrid reported, in the order of their content."""
        rows = self.select("SELECT * FROM outreach_events WHERE tenant_id = ?", tenant_id)
        return sorted((row for row in rows if "event" in row["event_data"]), key=lambda row: row["dedupe_key"])

    def unmatched(self) -> list[Row]:
        return self.select("SELECT * FROM unmatched_events ORDER BY dedupe_key")

    def suppressed(self, tenant_id: str) -> dict[str, str]:
        """{address key: reason} of the tenant's suppressed addresses."""
        rows = self.select("SELECT * FROM addresses WHERE tenant_id = ? AND suppressed_at IS NOT NULL", tenant_id)
        return {row["address_key"]: row["suppression_reason"] for row in rows}

    def counted(self, tenant_id: str) -> dict[str, int]:
        """Campaigns by status, as the counters have it."""
        query = "SELECT status, SUM(n) AS n FROM campaign_counters WHERE tenant_id = ? GROUP BY status"
        return {row["status"]: int(row["n"]) for row in self.select(query, tenant_id) if row["n"]}

    def recounted(self, tenant_id: str) -> dict[str, int]:
        """Campaigns by status, counted one by one."""
        return dict(Counter(row["status"] for row in self.campaigns(tenant_id).values()))

    def everything(self) -> dict[str, list[Row]]:
        """All that webhooks may change, without the columns that tell when a row was written."""
        tables = (
            "outreach_campaigns",
            "outreach_messages",
            "outreach_events",
            "addresses",
            "unmatched_events",
            "outbox",
        )
        shown = {table: self.select(f"SELECT * FROM {table}") for table in (*tables, "campaign_counters")}
        return {table: sorted(rows, key=repr) for table, rows in shown.items()}


def times(row: Row) -> dict[str, datetime]:
    """The times that `row` has."""
    return {name: row[name] for name in STAMPS if row[name] is not None}


#: Columns that hold JSON; psycopg reads them by itself.
_JSON = frozenset({"event_data", "payload", "property_record", "score_result", "context"})


def _plain(row: Row, json_columns: frozenset[str] | None) -> Row:
    return {name: _value(name, value, json_columns or frozenset()) for name, value in row.items()}


def _value(name: str, value: Any, json_columns: frozenset[str]) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and name.endswith(("_at", "_until")):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if isinstance(value, str) and name in json_columns:
        return json.loads(value)
    return bool(value) if name == "machine" else value
