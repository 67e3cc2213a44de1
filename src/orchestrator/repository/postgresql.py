"""Connections to PostgreSQL: how patient they are, and what each is taught."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.string import TextLoader
from sqlalchemy import event, exc

from orchestrator.repository.wire import WireArray

# Who stands still in the middle of a transaction, on a host that vanished perhaps, must not keep its locks from all
# others: no transaction of ours waits for anything but the database. What an operator has set for this stays.
_IDLE = "idle_in_transaction_session_timeout"
_FORSAKE = f"SELECT set_config('{_IDLE}', '60s', false) WHERE current_setting('{_IDLE}') = '0'"

#: Seconds for which PostgreSQL keeps plans, and a connection is taken for alive.
PLANS_LAST = 1.0


#: How long PostgreSQL's host may be silent: libpq's own patience with one that vanished is two hours, in which every
#: thread that waits for it stands still. What the address says about it stays.
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}


class WireDumper(Dumper):
    """Hands a `WireArray` to the driver as it is. The server knows its type by a cast in the statement."""

    format = Format.BINARY

    def dump(self, obj: WireArray) -> bytes:
        return obj.data


def connect(url: sa.URL, codec: Mapping[str, Any]) -> sa.Engine:
    """Return an engine for `url`; nothing is connected yet.

    Args:
        url: A database's address.
        codec: How SQLAlchemy writes and reads JSON.
    """
    url = url.update_query_dict({name: value for name, value in _PATIENCE.items() if name not in url.query})
    engine = sa.create_engine(url, pool_size=20, max_overflow=40, **codec)
    event.listen(engine, "connect", _prepare_postgresql)
    _ask_anew(engine)
    return engine


def _ask_anew(engine: sa.Engine) -> None:
    """See once in a while that a connection is alive, and let PostgreSQL make its plans again.

    It keeps the plan of a statement it was asked for a few times, until somebody analyzes the table. Those of an empty
    table read it whole, which is right then; a worker that fills it within a minute would be slowed down by every row.
    SQLAlchemy's own look at the connection (``pool_pre_ping``) costs a round trip for each transaction.
    """

    def made(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["asked"] = time.monotonic()

    def ask(connection: psycopg.Connection[Any], record: sa.pool.ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info["asked"] > PLANS_LAST:
            try:
                connection.execute("DISCARD PLANS")
                connection.commit()
            except psycopg.OperationalError as error:
                raise exc.DisconnectionError(str(error)) from error  # the pool opens another one in its place
            record.info["asked"] = time.monotonic()

    event.listen(engine, "connect", made)
    event.listen(engine, "checkout", ask)


def _prepare_postgresql(connection: psycopg.Connection[Any], _record: object) -> None:
    # Ids are texts with us. Making a UUID of each, to take its text again, costs more than reading the row.
    connection.adapters.register_loader("uuid", TextLoader)
    connection.adapters.register_dumper(WireArray, WireDumper)
    connection.execute(_FORSAKE)
    connection.commit()
