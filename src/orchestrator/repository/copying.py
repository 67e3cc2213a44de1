"""PostgreSQL's COPY within a transaction of SQLAlchemy, which has none."""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import exc

#: Bytes given to libpq at once.
_PIECE = 1 << 20


def copy(connection: sa.Connection, sql: str, data: Sequence[bytes]) -> None:
    """Run COPYs FROM STDIN, and what stands around them.

    Args:
        connection: The transaction's connection, to PostgreSQL.
        sql: The statements, some of which are COPYs.
        data: The rows of each COPY, in the format it names.

    Raises:
        sqlalchemy.exc.DBAPIError: What goes wrong looks as if SQLAlchemy had done it.
    """
    driver: Any = connection.connection.driver_connection
    if driver.info.transaction_status == TransactionStatus.IDLE:
        connection.exec_driver_sql("SELECT")  # the driver begins a transaction with the first statement
    try:
        _copy_in(driver.pgconn, sql.encode(), data)
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise exc.DBAPIError.instance(sql, None, error, psycopg.Error, connection_invalidated=driver.closed) from error


def _copy_in(connection: PGconn, sql: bytes, data: Sequence[bytes]) -> None:
    """Run COPYs FROM STDIN, and what stands around them, letting other threads run Python while the server works.

    All of a COPY is queued at libpq at once, so that Python is needed again only when the kernel has room for more.
    What waits is `poll`: the driver's own `get_result` waits too, but keeps Python's lock for as long.
    """
    waiting, ended = iter(data), list[PGresult]()
    answer: PGresult | None = connection.exec_(sql)
    while answer is not None:
        if answer.status == ExecStatus.COPY_IN:
            _put(connection, next(waiting))
        else:
            ended.append(answer)
        _await_answer(connection)
        answer = connection.get_result()
    for result in ended:
        _expect(connection, result)


def _put(connection: PGconn, data: bytes) -> None:
    for start in range(0, len(data), _PIECE):
        connection.put_copy_data(data[start : start + _PIECE])
    connection.put_copy_end()


def _await_answer(connection: PGconn) -> None:
    """Wait until everything is sent and answered."""
    waiting = select.poll()
    while True:
        unsent = connection.flush()
        if not unsent and not connection.is_busy():
            return
        waiting.register(connection.socket, select.POLLIN | select.POLLOUT if unsent else select.POLLIN)
        waiting.poll()
        connection.consume_input()


def _expect(connection: PGconn, result: PGresult) -> None:
    if result.status != ExecStatus.COMMAND_OK:
        state = result.error_field(DiagnosticField.SQLSTATE)
        kind = psycopg.errors.lookup(state.decode()) if state else psycopg.OperationalError
        raise kind(result.get_error_message() or connection.get_error_message())
