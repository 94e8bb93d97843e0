"""A database session that is opened when needed and again after it was lost."""

from __future__ import annotations

import threading
from typing import Any, Final

import psycopg

from ingest.runtime.database import connect

Connection = psycopg.Connection[tuple[Any, ...]]


class Session:
    """One connection, used by one thread at a time; after a loss the next use opens a new one.

    `by_index`: plans never scan a whole table. A prepared plan that was made while a table had ten
    rows would go on scanning it when it has millions, in every batch of a catch-up.
    """

    def __init__(self, dsn: str, application_name: str, *, by_index: bool = False) -> None:
        self._dsn: Final = dsn
        self._application_name: Final = application_name
        self._by_index: Final = by_index
        self._connection: Connection | None = None
        self.lock: Final = threading.RLock()

    @property
    def connection(self) -> Connection:
        """An open connection in autocommit mode. Raises psycopg.OperationalError if none is had."""
        conn = self._connection
        if conn is None or conn.closed:
            conn = connect(self._dsn, application_name=self._application_name)
            if self._by_index:
                conn.execute("set enable_seqscan = off")
            self._connection = conn
        return conn

    def rows(self, query: bytes, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of one prepared query in binary form; psycopg.Error as it comes.

        If the connection was lost since its last use, the query is asked again on a new one, once:
        use it only for what may be done twice.
        """
        with self.lock:
            try:
                return self._rows(query, parameters)
            except psycopg.OperationalError:
                if self._connection is None or not self._connection.closed:
                    raise
                return self._rows(query, parameters)

    def _rows(self, query: bytes, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self.connection.cursor(binary=True) as cursor:
            return cursor.execute(query, parameters, prepare=True).fetchall()

    def close(self) -> None:
        """The connection is closed; a later use opens another."""
        with self.lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
