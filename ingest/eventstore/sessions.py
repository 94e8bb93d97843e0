"""A database session that is opened when needed and again after it was lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from ingest.runtime.postgres.database import (
    UnknownCommit,
    connect,
    transaction,
    transaction_timeouts,
)

WRITE_SECONDS: Final = 10.0
"""The group's session time-out where none is given."""

Connection = psycopg.Connection[tuple[Any, ...]]


class Session:
    """One connection, used by one thread at a time; after a loss the next use opens a new one.

    `by_index`: plans never scan a whole table. A plan prepared while a table had ten rows would go
    on scanning the table when it has millions, in every batch of a catch-up. `limit_seconds`: that
    of `connect`, for sessions all of whose work is short. None: reading may take as long as it
    needs, and transactions of `writing` have the limits of `write_seconds`.
    """

    def __init__(
        self,
        dsn: str,
        application_name: str,
        *,
        by_index: bool = False,
        limit_seconds: float | None = None,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._dsn: Final = dsn
        self._application_name: Final = application_name
        self._by_index: Final = by_index
        self._limit_seconds: Final = limit_seconds
        self._write_seconds: Final = write_seconds
        self._connection: Connection | None = None
        self.lock: Final = threading.RLock()

    @property
    def connection(self) -> Connection:
        """An open connection in autocommit mode. Raises psycopg.OperationalError when none can be
        opened.
        """
        conn = self._connection
        if conn is None or conn.closed:
            conn = connect(
                self._dsn,
                application_name=self._application_name,
                limit_seconds=self._limit_seconds,
            )
            if self._by_index:
                conn.execute("set enable_seqscan = off")
            self._connection = conn
        return conn

    def rows(self, query: bytes, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of one prepared query in binary form. Raises psycopg.Error.

        The query is asked again on a new connection, once, when the connection was lost since its
        last use: pass only what may be done twice.
        """
        with self.lock:
            try:
                return self._rows(query, parameters)
            except psycopg.OperationalError:
                if self._connection is None or not self._connection.closed:
                    raise
                return self._rows(query, parameters)

    @contextmanager
    def writing(self) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        """One short transaction that writes what may be written twice (decision 0014: with limits).

        Raises psycopg errors: OperationalError also when the connection was lost at COMMIT.
        """
        with self.lock:
            conn = self.connection
            try:
                with transaction(conn), conn.cursor(binary=True) as cursor:
                    transaction_timeouts(conn, self._write_seconds)
                    yield cursor
            except UnknownCommit as error:
                raise psycopg.OperationalError(str(error)) from error

    def _rows(self, query: bytes, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self.connection.cursor(binary=True) as cursor:
            return cursor.execute(query, parameters, prepare=True).fetchall()

    def close(self) -> None:
        """The connection is closed; a later use opens another."""
        with self.lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
